"""Sets of numbers as bits: categories, source classes, identifier types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rongan_share.wire.vocabulary import SourceClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOURCE_CLASS_BITS = sum(1 << int(kind) for kind in SourceClass)
"""Every known source class, bit n = class n."""


def has_bit(bits: int, numbers: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tells for each number whether its bit is set; numbers from 64 on never are."""
    shifted = np.right_shift(np.uint64(bits), numbers.astype(np.uint64))
    found: NDArray[np.bool_] = np.bitwise_and(shifted, np.uint64(1)).astype(np.bool_)
    return found
