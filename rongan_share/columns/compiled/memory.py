"""Runs as compiled loops see them: a table of where their columns lie in memory.

A table costs a compiled call nothing, where arrays would each be unwrapped anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from rongan_share.model.listing import LISTING_DTYPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rongan_share.columns.run import Run

BLOCK = 256
"""Tokens whose memory is touched ahead of the comparing."""

KEYS, KEY_COUNT, ORDER, STARTS, SHIFT, ROWS, REPLACED, REPLACED_COUNT = range(8)
"""Columns of the table: addresses, counts, and the shift of the buckets."""

ROW_DTYPE = np.dtype(
    [
        half
        for name in LISTING_DTYPE.names or ()
        for half in (
            [(f"{name}_a", "<u8"), (f"{name}_b", "<u8")]
            if LISTING_DTYPE[name] == np.dtype("S16")
            else [(name, LISTING_DTYPE[name])]
        )
    ]
)
"""The bytes of LISTING_DTYPE with numbers for texts, as compiled loops compare numbers."""


def run_table(runs: tuple[Run, ...]) -> NDArray[np.int64]:
    """Lists where the columns of each run lie in memory; whoever uses it must hold the runs."""
    table = np.zeros((len(runs), REPLACED_COUNT + 1), np.int64)
    for place, run in enumerate(runs):
        index = run.tokens
        columns = (index.keys, index.order, index.starts, run.rows, run.replaced)
        at = [column.__array_interface__["data"][0] for column in columns]
        table[place] = (
            at[0],
            index.keys.size,
            at[1],
            at[2],
            index.shift,
            at[3],
            at[4],
            run.replaced.size,
        )
    return table


@intrinsic
def pointer(_typing: Any, _address: Any) -> Any:
    """Makes a pointer of an address."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@njit(cache=True, nogil=True)
def bare(array: Any) -> Any:
    """Returns the array without its counter of references, whose upkeep costs more than a fold.

    Args:
        array: Contiguous in C's order: strides are not looked at. Whoever passes it holds it.
    """
    return carray(pointer(array.ctypes.data), array.shape, array.dtype)
