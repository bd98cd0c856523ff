"""The file of an epoch's key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.cli.key_file import destroy_key_file, make_key_file
from rongan_share.processes.epoch_keys import EpochKeys

if TYPE_CHECKING:
    from rongan_share.config import Settings


def keys_of(settings: Settings) -> EpochKeys:
    """Returns the epoch keys of a hub."""
    return EpochKeys(settings.keys.epoch_keys, data_directory=settings.data_directory)


def make_key(keys: EpochKeys, number: int) -> tuple[bytes, bool]:
    """Makes the key of an epoch, or reads the one that an opening which failed has left.

    Returns:
        The key, and whether it was made now.

    Raises:
        StartRefusedError: There is a file, and it is no key or may be read by others.
        OSError: The folder cannot be written.
    """
    made = make_key_file(keys.path(number))
    return keys.read(number), made


def destroy_key(keys: EpochKeys, number: int) -> bool:
    """Overwrites and removes the key of an epoch; returns whether there was one."""
    return destroy_key_file(keys.path(number))
