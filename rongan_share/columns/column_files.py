"""Columns as files: written with their digest, read to compare it, mapped to be used."""

from __future__ import annotations

import hashlib
import mmap
import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_CHUNK_BYTES = 8 << 20
_DIGEST_BYTES = 32
_NEAR_BYTES = 128 << 20
"""Most bytes of a column that are copied; a hundred million keys stay in their file."""


def near(column: NDArray[Any]) -> NDArray[Any]:
    """Copies a column that every look-up searches into large pages of memory, unless it is huge.

    A file's pages of 4 KiB cost each step through them a second miss, that of the page's address.
    """
    if column.nbytes > _NEAR_BYTES:
        return column
    copied = np.array(column)
    copied.setflags(write=False)
    return copied


def read_file(path: Path) -> Iterator[memoryview]:
    """Reads a file in chunks, each gone when the next is asked for."""
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            yield buffer[:count]


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


def write_file(path: Path, chunks: Iterable[memoryview | bytes]) -> str:
    """Writes a new file through to the disk; returns the digest of what was written, in hex."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    with path.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def chunks_of(column: NDArray[Any]) -> Iterator[memoryview]:
    """Yields the bytes of a column."""
    if column.size:
        raw = np.ascontiguousarray(column).view(np.uint8)
        for begin in range(0, raw.size, _CHUNK_BYTES):
            yield raw[begin : begin + _CHUNK_BYTES].data


def digest_of(chunks: Iterable[memoryview | bytes]) -> str:
    """Returns BLAKE2b of bytes, in hex."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Writes the names in a folder through to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
