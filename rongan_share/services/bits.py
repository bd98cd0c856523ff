"""Sets of numbers as bits: categories, source classes, identifier types."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rongan_share.wire.vocabulary import SourceClass

if TYPE_CHECKING:
    from enum import IntEnum

    from numpy.typing import NDArray

SOURCE_CLASS_BITS = sum(1 << int(kind) for kind in SourceClass)
"""Every known source class, bit n = class n."""


def has_bit(bits: int, numbers: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tells for each number whether its bit is set; numbers from 64 on never are."""
    return _bit_table(bits)[numbers]


def is_member(vocabulary: type[IntEnum], numbers: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tells for each number whether it is one of a vocabulary, all of whose are below 256."""
    return _member_table(vocabulary)[numbers]


@lru_cache(maxsize=1024)
def _bit_table(bits: int) -> NDArray[np.bool_]:
    # A table of 256 is looked up several times as fast as bits are shifted.
    return np.array([bits >> number & 1 for number in range(64)] + [0] * 192, np.bool_)


@cache
def _member_table(vocabulary: type[IntEnum]) -> NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[[int(member) for member in vocabulary]] = True
    return table
