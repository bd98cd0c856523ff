"""The keys of listings that have another token since their home was written, while runs are merged.

Their homes' indexes no longer say where they are found, so their keys are made anew from their rows
and set aside, to be merged with those of the homes. Where there are none, nothing is made.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Self

import numpy as np

from rongan_share.columns.key_spill import RANGE_BITS, Keys, KeySpill
from rongan_share.columns.run import token_keys
from rongan_share.columns.run_files import KEY_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from rongan_share.columns.owner_keys import OwnerKeys

_NO_KEYS = Keys(np.zeros(0, np.uint64), np.zeros(0, np.uint32))


class RekeyedKeys:
    """Sets keys aside. Use as a context manager.

    Args:
        folder: Where, for as long as it is used.
        owner_keys: Makes the keys of the second index.
    """

    def __init__(self, folder: Path, owner_keys: OwnerKeys) -> None:
        self._folder = folder
        self._owner_keys = owner_keys
        self._spills: dict[str, KeySpill] = {}

    def add(self, rows: NDArray[np.void], places: NDArray[np.int64]) -> None:
        """Takes listings (LISTING_DTYPE) as they are now, and their places in the merged rows."""
        if not rows.size:
            return
        if not self._spills:
            self._spills = {
                name: KeySpill(self._folder / f"{name}.spill") for name in ("token", "owner")
            }
        self._spills["token"].add(token_keys(rows["token"]), places.astype(np.uint32))
        self._spills["owner"].add(self._owner_keys.of_rows(rows), places.astype(np.uint32))

    def ranges(self, name: str, bits: int) -> Iterator[Keys]:
        """Yields the keys of each range of an index, sorted.

        Args:
            name: Of the index.
            bits: First bits of a key that tell its range.
        """
        if not self._spills:
            return repeat(_NO_KEYS)
        spill = self._spills[name]
        return spill.ranges(bits) if bits <= RANGE_BITS else _narrower(spill, bits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for spill in self._spills.values():
            spill.close()


def _narrower(spill: KeySpill, bits: int) -> Iterator[Keys]:
    """Cuts the ranges of what was set aside into narrower ones."""
    parts = 1 << bits - RANGE_BITS
    for number, some in enumerate(spill.ranges(RANGE_BITS)):
        first = np.uint64(number * parts) + np.arange(1, parts, dtype=np.uint64)
        ends = np.searchsorted(some.keys, first << np.uint64(KEY_BITS - bits)).tolist()
        for begin, end in zip([0, *ends], [*ends, some.keys.size], strict=True):
            yield Keys(some.keys[begin:end], some.places[begin:end])
