"""Where the look-ups' columns are kept, a set for each target, and what they must be made from."""

from __future__ import annotations

import hashlib
import re
import shutil
from typing import TYPE_CHECKING, NamedTuple

from rongan_share.columns.frozen import FrozenColumns, Origin, is_own_folder
from rongan_share.columns.owner_keys import OwnerKeys
from rongan_share.errors import StartRefusedError
from rongan_share.ledger.cipher import TokenCipher, read_key
from rongan_share.ledger.counters import get_hub_id
from rongan_share.ledger.objects import load_targets
from rongan_share.ledger.side_keys import SideKeys
from rongan_share.wire.taxonomy import packaged_taxonomy

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rongan_share.config import Settings
    from rongan_share.ledger.environment import Ledger
    from rongan_share.model.hub_key import Target

FOLDER = "columns"
"""Name of the folder within the data directory; what is in it can always be made again."""

_CHECK_BYTES = 16
# Folders of sets, and what hubs put here before there were sets.
_OURS = re.compile(r"e\d+-k\d+|\d{20}|\.draft-.*|\.?import-[0-9a-f]+")


class KeyAtHand(NamedTuple):
    """A hub key that was read.

    Attributes:
        cipher: It, over tokens.
        side_keys: What is derived from it.
    """

    cipher: TokenCipher
    side_keys: SideKeys


class ColumnSets:
    """The columns of every set of look-ups.

    Args:
        settings: The hub's configuration.
        ledger: The ledger.
        keys: Every hub key that is at hand, by its id.
    """

    def __init__(self, settings: Settings, ledger: Ledger, keys: Mapping[int, KeyAtHand]) -> None:
        self._directory = settings.data_directory / FOLDER
        self._ledger = ledger
        self._keys = keys
        with ledger.read() as txn:
            self._hub_id = get_hub_id(txn)

    def of(self, target: Target) -> FrozenColumns:
        """Returns the columns of a set.

        Raises:
            StartRefusedError: Its hub key is not at hand.
        """
        if target.key_id not in self._keys:
            raise StartRefusedError(f"hub key {target.key_id} is not at hand")
        secret = self._keys[target.key_id].side_keys.owner_secret
        origin = Origin(
            hub_id=self._hub_id,
            epoch=target.epoch,
            key_id=target.key_id,
            owners=hashlib.blake2b(secret, digest_size=_CHECK_BYTES).hexdigest(),
            taxonomy_version=packaged_taxonomy().version,
        )
        ciphers = {key_id: key.cipher for key_id, key in self._keys.items()}
        return FrozenColumns(
            self._directory / _name(target),
            origin,
            OwnerKeys.of_secret(secret),
            ciphers=ciphers,
        )

    def serving(self) -> FrozenColumns:
        """Returns the columns of the set that answers come from now."""
        return self.of(self.targets()[0])

    def targets(self) -> list[Target]:
        """Returns what sets are made for: the one that answers come from, then one that comes."""
        with self._ledger.read() as txn:
            return load_targets(txn)

    def retire(self, kept: Collection[Target]) -> None:
        """Removes the columns of every other set; who has some mapped goes on reading them."""
        if not is_own_folder(self._directory):
            return
        names = {_name(target) for target in kept}
        for path in self._directory.iterdir():
            if _OURS.fullmatch(path.name) and path.name not in names:
                shutil.rmtree(path, ignore_errors=True)


def column_sets(settings: Settings, ledger: Ledger) -> ColumnSets:
    """Returns the columns of every set of a hub, for whoever has no other need of the hub key.

    Raises:
        StartRefusedError: The hub key cannot be read.
    """
    key = read_key(settings.keys.hub_key, data_directory=settings.data_directory)
    key_id = settings.keys.hub_key_id
    return ColumnSets(
        settings, ledger, {key_id: KeyAtHand(TokenCipher(key, key_id=key_id), SideKeys(key))}
    )


def frozen_columns(settings: Settings, ledger: Ledger) -> FrozenColumns:
    """Returns the columns of the set that answers come from now.

    Raises:
        StartRefusedError: The hub key cannot be read.
    """
    return column_sets(settings, ledger).serving()


def _name(target: Target) -> str:
    return f"e{target.epoch}-k{target.key_id}"
