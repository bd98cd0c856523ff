"""What one caller may see of a token's rows, and how it is shown, as tables for the look-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


CATEGORIES, CLASSES, TYPES, NEVER_HIDDEN, FLAGS = range(5)
"""Rows of `View.tables`."""


class View(NamedTuple):
    """A caller's view.

    Attributes:
        tables: Five rows of 256 numbers, u8: whether a category (CATEGORIES), a source class
            (CLASSES), a type (TYPES) is covered; whether W1 cannot hide a category (NEVER_HIDDEN);
            how a row's flags are shown (FLAGS).
        confidence: Base confidence over (source class, evidence), u8, 256 x 256.
        suspended: SOURCE_SUSPENDED or 0 for each partner number, u8.
        day: Today in Asia/Shanghai; what ended before is not seen.
        hub_number: The hub's own partner number, whose W1 rows let tokens go.
        allowlist_bit: Bit number of W1.
    """

    tables: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    suspended: NDArray[np.uint8]
    day: int
    hub_number: int
    allowlist_bit: int


def bit_table(bits: int) -> NDArray[np.uint8]:
    """Returns 1 for each number whose bit is set; numbers from 64 on never are."""
    table = np.zeros(256, np.uint8)
    for number in range(64):
        table[number] = bits >> number & 1
    return table
