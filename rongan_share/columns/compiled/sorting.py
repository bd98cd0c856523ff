"""Sorting listing ids: by digits, because they are short numbers and many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIGIT_BITS = 11
_FEW = 256


def sort_ids(ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Returns ids in ascending order."""
    if ids.size <= _FEW:
        return np.sort(ids)
    return _sort(ids, np.empty_like(ids), np.empty_like(ids))


@njit(cache=True, nogil=True)
def _sort(ids: Any, source: Any, target: Any) -> Any:
    """Sorts by one digit after the other from the last on, each time keeping the order so far."""
    digits = np.uint64((1 << _DIGIT_BITS) - 1)
    highest = np.uint64(0)
    for place in range(ids.size):
        source[place] = ids[place]
        highest = max(highest, ids[place])
    shift = np.uint64(0)
    while highest >> shift:
        starts = np.zeros((1 << _DIGIT_BITS) + 1, np.int64)
        for number in source:
            starts[np.uint64(1) + ((number >> shift) & digits)] += 1
        for digit in range(1 << _DIGIT_BITS):
            starts[digit + 1] += starts[digit]
        for number in source:
            digit = (number >> shift) & digits
            target[starts[digit]] = number
            starts[digit] += 1
        source, target = target, source
        shift += np.uint64(_DIGIT_BITS)
        if shift >= np.uint64(64):
            break
    return source
