"""Keys set aside in a file as they come, in any order, and given back sorted, range after range.

Keys are as good as random, so ranges of one width hold about as many keys each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rongan_share.columns.column_files import map_column
from rongan_share.columns.run_files import KEY_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

RANGE_BITS = 8
"""Bits of a key that say in which of the ranges it lies that are sorted one at a time."""

SPILL_DTYPE = np.dtype([("key", "<u8"), ("place", "<u4")])
"""A key that was set aside, and the place of its row."""


class Keys(NamedTuple):
    """Keys in ascending order and the place of the row of each."""

    keys: NDArray[np.uint64]
    places: NDArray[np.uint32]


class KeySpill:
    """Keys that are set aside, block by block, each block ordered by the ranges of its keys.

    Args:
        path: The file, which must not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("xb")
        self._blocks: list[NDArray[np.int64]] = []
        self.count = 0

    def add(self, keys: NDArray[np.uint64], places: NDArray[np.uint32]) -> None:
        """Sets keys aside, and the place of the row of each."""
        ranges = (keys >> np.uint64(KEY_BITS - RANGE_BITS)).astype(np.uint8)
        # Of single bytes a stable sort counts, in one pass.
        order = np.argsort(ranges, kind="stable")
        block = np.empty(keys.size, SPILL_DTYPE)
        block["key"] = keys[order]
        block["place"] = places[order]
        self._file.write(block.view(np.uint8).data)
        ends = np.cumsum(np.bincount(ranges, minlength=1 << RANGE_BITS))
        self._blocks.append(np.concatenate(([0], ends)) + self.count)
        self.count += keys.size

    def ranges(self, bits: int) -> Iterator[Keys]:
        """Yields the keys of each range.

        Args:
            bits: First bits of a key that tell its range, up to RANGE_BITS.
        """
        self._file.flush()
        keys = map_column(self.path, SPILL_DTYPE, self.count)
        width = 1 << RANGE_BITS - bits
        for at in range(0, 1 << RANGE_BITS, width):
            pieces = [keys[ends[at] : ends[at + width]] for ends in self._blocks] or [keys]
            joined = np.concatenate([piece["key"] for piece in pieces])
            places = np.concatenate([piece["place"] for piece in pieces])
            order = np.argsort(joined)
            yield Keys(joined[order], places[order])

    def close(self) -> None:
        """Removes what was set aside."""
        self._file.close()
        self.path.unlink(missing_ok=True)
