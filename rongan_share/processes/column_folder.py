"""Where the look-ups' columns are kept, and what they must have been made from."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rongan_share.columns.frozen import FrozenColumns, Origin
from rongan_share.columns.owner_keys import OwnerKeys
from rongan_share.ledger.cipher import read_key
from rongan_share.ledger.counters import get_hub_id
from rongan_share.ledger.side_keys import SideKeys
from rongan_share.wire.taxonomy import packaged_taxonomy

if TYPE_CHECKING:
    from rongan_share.config import Settings
    from rongan_share.ledger.environment import Ledger

FOLDER = "columns"
"""Name of the folder within the data directory; what is in it can always be made again."""

_CHECK_BYTES = 16


def frozen_columns(settings: Settings, ledger: Ledger) -> FrozenColumns:
    """Returns the columns of a hub, for whoever has no other need of the hub key.

    Raises:
        StartRefusedError: The hub key cannot be read.
    """
    key = read_key(settings.keys.hub_key, data_directory=settings.data_directory)
    return columns_under(SideKeys(key), settings, ledger)


def columns_under(side_keys: SideKeys, settings: Settings, ledger: Ledger) -> FrozenColumns:
    """Returns the columns of a hub whose key was read already."""
    secret = side_keys.owner_secret
    with ledger.read() as txn:
        hub_id = get_hub_id(txn)
    origin = Origin(
        hub_id=hub_id,
        key_id=settings.keys.hub_key_id,
        owners=hashlib.blake2b(secret, digest_size=_CHECK_BYTES).hexdigest(),
        taxonomy_version=packaged_taxonomy().version,
    )
    return FrozenColumns(settings.data_directory / FOLDER, origin, OwnerKeys.of_secret(secret))
