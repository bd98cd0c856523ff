"""Checksums of column files: quick enough that every byte is read again at every start.

A block's words go round 2,048 lanes of 64 bits; each step of a lane can be undone, so that a single
word that changed always changes its lane, whatever follows. A later word of the lane hides that
only by changing in the very bits that the lane then differs in: several of them, even after one
bit, and which ones hangs on what the words hold. One multiplication would not do: it leaves the
highest bit as it is, so that a flip of it undid another with certainty. The lanes are then hashed
by BLAKE2b, and so are the blocks of a file. It finds accidents; it is no proof against somebody
who writes into the folder, who could write another manifest too.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

try:
    from rongan_share.columns.compiled.checksum import mix as mix_compiled

    COMPILED = True
    """Whether checksums are compiled."""
except (ImportError, RuntimeError):
    # As in `columns/kernel.py`: the same checksums, only slower.
    COMPILED = False

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

BLOCK_BYTES = 1 << 20
"""Bytes of a block: it stays in the processor's cache between being read and being hashed."""

_PART_BLOCKS = 64
"""Blocks that a thread reads before it takes the next ones."""

_LANES = 2_048
_FIRST = np.arange(1, _LANES + 1, dtype=np.uint64)
_WORD_BYTES = 8
_DIGEST_BYTES = 32
_FACTORS = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)


def mix_numpy(words: NDArray[np.uint64], lanes: NDArray[np.uint64]) -> None:
    """Mixes words into the lanes; see `compiled/checksum.py`."""
    high = np.empty_like(lanes)
    for row in words.reshape(-1, lanes.size):
        np.bitwise_xor(lanes, row, out=lanes)
        np.multiply(lanes, _FACTORS[0], out=lanes)
        np.right_shift(lanes, _SHIFT, out=high)
        np.bitwise_xor(lanes, high, out=lanes)
        np.multiply(lanes, _FACTORS[1], out=lanes)


def block_digest(block: memoryview | bytearray | bytes) -> bytes:
    """Returns the checksum of a block of up to BLOCK_BYTES: 32 bytes."""
    lanes = _FIRST.copy()
    whole = len(block) // (_LANES * _WORD_BYTES) * _LANES
    words = np.frombuffer(block, "<u8", whole)
    (mix_compiled if COMPILED else mix_numpy)(words, lanes)
    digest = hashlib.blake2b(lanes.data, digest_size=_DIGEST_BYTES)
    # What fills no row of lanes, and the length, which zeros at the end would not tell.
    digest.update(block[whole * _WORD_BYTES :])
    digest.update(len(block).to_bytes(8, "little"))
    return digest.digest()


def join_digests(blocks: Iterable[bytes]) -> str:
    """Returns the digest of a file from those of its blocks, in hex."""
    return hashlib.blake2b(b"".join(blocks), digest_size=_DIGEST_BYTES).hexdigest()


def file_digests(paths: list[Path]) -> list[str]:
    """Returns the digest of each file, on every processor that this process may use.

    Read, not mapped: a page that the disk cannot give is then an error, and not the process's end.

    Raises:
        OSError: A file cannot be read.
    """
    part = BLOCK_BYTES * _PART_BLOCKS
    parts = [
        (path, begin) for path in paths for begin in range(0, max(path.stat().st_size, 1), part)
    ]
    # Each thread has one part in hand, so that what is read is gone before more is.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        digests = pool.map(lambda item: _part_digests(*item), parts)
        by_path: dict[Path, list[bytes]] = {path: [] for path in paths}
        for (path, _), blocks in zip(parts, digests, strict=True):
            by_path[path] += blocks
    return [join_digests(by_path[path]) for path in paths]


def _part_digests(path: Path, begin: int) -> list[bytes]:
    """Returns the digests of the next blocks of a file."""
    buffer = memoryview(bytearray(BLOCK_BYTES))
    digests: list[bytes] = []
    with path.open("rb") as file:
        file.seek(begin)
        while len(digests) < _PART_BLOCKS and (count := file.readinto(buffer)):
            digests.append(block_digest(buffer[:count]))
    return digests
