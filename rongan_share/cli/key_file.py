"""Files of keys that a command makes: whole or not at all, never over another, and destroyed."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from rongan_share.ledger.cipher import KEY_BYTES


def make_key_file(path: Path) -> bool:
    """Writes a new key; returns False if there is a file of that name.

    Raises:
        OSError: The folder cannot be written.
    """
    return not path.exists() and _write(path)


def destroy_key_file(path: Path) -> bool:
    """Overwrites and removes a key; returns whether there was one.

    Media that copy on write may keep what was overwritten: the key must not have been worth more
    than what was made with it.
    """
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
