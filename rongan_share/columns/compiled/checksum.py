"""The checksum of a block, in compiled loops; see `columns/checksum.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_LEFT, _RIGHT = np.uint64(29), np.uint64(35)


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
            mixed = lanes[lane] ^ words[begin + lane]
            lanes[lane] = ((mixed << _LEFT) | (mixed >> _RIGHT)) * _FACTOR
