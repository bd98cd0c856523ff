"""The file of an epoch's key: made whole or not at all, never over another, and destroyed."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rongan_share.ledger.cipher import KEY_BYTES
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
    path = keys.path(number)
    made = not path.exists() and _write(path)
    return keys.read(number), made


def destroy_key(keys: EpochKeys, number: int) -> bool:
    """Overwrites and removes the key of an epoch; returns whether there was one.

    Media that copy on write may keep what was overwritten: the key must not have been worth more
    than the tokens that were made with it.
    """
    path = keys.path(number)
    try:
        with path.open("r+b") as file:
            file.write(bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return False
    _sync(path.parent)
    return True


def _write(path: Path) -> bool:
    """Writes a new key; returns False if somebody else has made one meanwhile."""
    # Whatever interrupts this leaves no file of the key's name that is not whole.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES).hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link never replaces what was made there meanwhile.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        with suppress(OSError):
            draft.unlink()
    _sync(path.parent)
    return True


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
