"""The checksum of a block, in compiled loops; see `columns/checksum.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)


@njit(cache=True, nogil=True)
def mix(words: Any, lanes: Any) -> None:
    """Mixes words into the lanes, word by word and lane by lane.

    Args:
        words: u64, a multiple of the number of lanes.
        lanes: u64 each, changed in place.
    """
    count = lanes.size
    for begin in range(0, words.size, count):
        for lane in range(count):
            mixed = (lanes[lane] ^ words[begin + lane]) * _FIRST
            # Brings high bits down: of a product alone, no bit changes by one above it.
            lanes[lane] = (mixed ^ (mixed >> _SHIFT)) * _SECOND
