"""Where the look-ups' columns are kept, a set for each target, and what they must be made from."""

from __future__ import annotations

import hashlib
import re
import shutil
from typing import TYPE_CHECKING

from rongan_share.columns.frozen import FrozenColumns, Origin, is_own_folder
from rongan_share.columns.owner_keys import OwnerKeys
from rongan_share.ledger.counters import get_hub_id
from rongan_share.ledger.hub_keys import HubKeys
from rongan_share.ledger.objects import load_targets
from rongan_share.wire.taxonomy import packaged_taxonomy

if TYPE_CHECKING:
    from collections.abc import Collection

    from rongan_share.config import Settings
    from rongan_share.ledger.environment import Ledger
    from rongan_share.model.hub_key import Target

FOLDER = "columns"
"""Name of the folder within the data directory; what is in it can always be made again."""

_CHECK_BYTES = 16
# Folders of sets, and what hubs put here before there were sets.
_OURS = re.compile(r"e\d+-k\d+|\d{20}|\.draft-.*|\.?import-[0-9a-f]+")


class ColumnSets:
    """The columns of every set of look-ups.

    Args:
        settings: The hub's configuration.
        ledger: The ledger.
        hub_keys: The hub keys.
    """

    def __init__(self, settings: Settings, ledger: Ledger, hub_keys: HubKeys) -> None:
        self._directory = settings.data_directory / FOLDER
        self._ledger = ledger
        self._hub_keys = hub_keys
        with ledger.read() as txn:
            self._hub_id = get_hub_id(txn)

    def of(self, target: Target) -> FrozenColumns:
        """Returns the columns of a set.

        Raises:
            StartRefusedError: Its hub key is not at hand.
        """
        # Whoever has no use for the cipher yet learns now that it is not at hand.
        self._hub_keys.cipher(target.key_id)
        secret = self._hub_keys.side_keys(target.key_id).owner_secret
        origin = Origin(
            hub_id=self._hub_id,
            epoch=target.epoch,
            key_id=target.key_id,
            owners=hashlib.blake2b(secret, digest_size=_CHECK_BYTES).hexdigest(),
            taxonomy_version=packaged_taxonomy().version,
        )
        return FrozenColumns(
            self._directory / _name(target),
            origin,
            OwnerKeys.of_secret(secret),
            ciphers=self._hub_keys,
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
    return ColumnSets(settings, ledger, HubKeys.of(settings, ledger))


def frozen_columns(settings: Settings, ledger: Ledger) -> FrozenColumns:
    """Returns the columns of the set that answers come from now.

    Raises:
        StartRefusedError: The hub key cannot be read.
    """
    return column_sets(settings, ledger).serving()


def _name(target: Target) -> str:
    return f"e{target.epoch}-k{target.key_id}"
