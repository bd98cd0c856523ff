"""The files of a store, looked at before LMDB may touch them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.errors import StartRefusedError
from rongan_share.ledger.store_lock import IMPORT_LOCK_FILE, LOCK_FILE

if TYPE_CHECKING:
    from pathlib import Path

_LMDB_MAGIC = bytes.fromhex("dec0efbe")
_LMDB_MAGIC_AT = 16
_DATA_FILE = "data.mdb"
_OUR_FILES = (_DATA_FILE, LOCK_FILE, IMPORT_LOCK_FILE, "lock.mdb")


def refuse_foreign(directory: Path) -> None:
    """Refuses links and foreign files before LMDB may touch anything."""
    data = directory / _DATA_FILE
    for path in (directory, *(directory / name for name in _OUR_FILES)):
        if path.is_symlink():
            msg = f"{path} is a symbolic link"
            raise StartRefusedError(msg)
    if not data.is_file():
        msg = f"{directory} holds no ledger; make one with rongan-hub init"
        raise StartRefusedError(msg)
    with data.open("rb") as file:
        head = file.read(_LMDB_MAGIC_AT + len(_LMDB_MAGIC))
    if head[_LMDB_MAGIC_AT:] != _LMDB_MAGIC:
        msg = f"{data} is not an LMDB file"
        raise StartRefusedError(msg)
