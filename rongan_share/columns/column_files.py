"""Columns as files: written with their digest as they come, mapped to be used."""

from __future__ import annotations

import hashlib
import mmap
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from rongan_share.columns.checksum import BLOCK_BYTES, block_digest, join_digests
from rongan_share.columns.key_index import KeyIndex, read_only

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

_DIGEST_BYTES = 32
_SYNC_BYTES = 32 << 20
"""Bytes written before they are sent to the disk, so that no commit has to wait for many more."""

_NEAR_BYTES = 160 << 20
"""Most bytes of an index that are copied: each worker has copies of its own."""


def near(index: KeyIndex) -> KeyIndex:
    """Copies an index that every look-up searches into large pages of memory, unless it is huge.

    A file's pages of 4 KiB cost each step through them a second miss, that of the page's address.
    """
    columns = (index.keys, index.order, index.starts, index.sieve)
    if sum(column.nbytes for column in columns) > _NEAR_BYTES:
        return index
    keys, order, starts, sieve = (read_only(column.copy()) for column in columns)
    return KeyIndex(keys, order, starts, index.shift, sieve)


class ColumnWriter:
    """Writes a new file chunk by chunk through to the disk, and digests it on the way.

    Use as a context manager.

    Args:
        path: The file, which must not exist.
        dtype: Type of the items.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._file = path.open("xb", buffering=0)
        os.fchmod(self._file.fileno(), 0o600)
        self._held = bytearray()
        self._blocks: list[bytes] = []
        self._unsynced = 0
        # Sends what is written to the disk while more is made.
        self._syncing = ThreadPoolExecutor(1)
        self._synced: Future[None] | None = None
        self.count = 0

    def append(self, items: NDArray[Any]) -> None:
        """Writes further items.

        Raises:
            OSError: They could not be written.
        """
        if not items.size:
            return
        self.count += items.size
        raw = np.ascontiguousarray(items, self._dtype).view(np.uint8).data
        at = 0
        if self._held:
            at = min(BLOCK_BYTES - len(self._held), len(raw))
            self._held += raw[:at]
            if len(self._held) < BLOCK_BYTES:
                return
            self._write(self._held)
            self._held.clear()
        while len(raw) - at >= BLOCK_BYTES:
            self._write(raw[at : at + BLOCK_BYTES])
            at += BLOCK_BYTES
        self._held += raw[at:]

    def finish(self) -> str:
        """Writes what is left through to the disk; returns the digest of the file, in hex."""
        if self._held:
            self._write(self._held)
        self._sync().result()
        return join_digests(self._blocks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._syncing.shutdown()
        self._file.close()

    def _write(self, block: memoryview | bytearray) -> None:
        self._blocks.append(block_digest(block))
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._unsynced += len(block)
        if self._unsynced >= _SYNC_BYTES:
            self._sync()

    def _sync(self) -> Future[None]:
        """Waits for what was sent to the disk, and sends what was written since."""
        if self._synced is not None:
            self._synced.result()
        self._synced = self._syncing.submit(os.fsync, self._file.fileno())
        self._unsynced = 0
        return self._synced


def map_column(path: Path, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """Maps a column for reading.

    Raises:
        ValueError: The file has another length.
        OSError: It cannot be opened.
    """
    size = path.stat().st_size
    if size != count * dtype.itemsize:
        raise ValueError(path.name)
    if not count:
        return np.zeros(0, dtype)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, dtype)


def write_file(path: Path, content: bytes) -> None:
    """Writes a new file through to the disk."""
    with path.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def digest_of(content: bytes) -> str:
    """Returns BLAKE2b of bytes, in hex."""
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()


def sync_folder(folder: Path) -> None:
    """Writes the names in a folder through to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
