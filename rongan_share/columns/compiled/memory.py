"""Runs as compiled loops see them: a table of where their columns lie in memory.

A table costs a compiled call nothing, where arrays would each be unwrapped anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from rongan_share.model.listing import LISTING_DTYPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rongan_share.columns.run import Run

BLOCK = 256
"""Tokens whose memory is touched ahead of the comparing."""

KEYS, KEY_COUNT, ORDER, STARTS, SHIFT, SIEVE = range(6)
ROWS, REPLACED, REPLACED_COUNT, ID_BASE = range(6, 10)
"""Columns of the table: addresses, counts, the shift of the buckets, the base of listing ids."""

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
    table = np.zeros((len(runs), ID_BASE + 1), np.int64)
    for place, run in enumerate(runs):
        index = run.tokens
        table[place] = (
            _address(index.keys),
            index.keys.size,
            _address(index.order),
            _address(index.starts),
            index.shift,
            _address(index.sieve),
            _address(run.rows),
            _address(run.replaced),
            run.replaced.size,
            run.id_base,
        )
    return table


def _address(column: NDArray[Any]) -> int:
    return int(column.__array_interface__["data"][0])


@intrinsic
def pointer(_typing: Any, _address: Any) -> Any:
    """Makes a pointer of an address."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@intrinsic
def fetch(_typing: Any, _address: Any) -> Any:
    """Has the line of memory at an address brought near, without waiting for it."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        at = builder.inttoptr(arguments[0], cgutils.voidptr_t)
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [at.type, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [at.type], kind)
        # To be read, to be kept in every cache, data.
        builder.call(prefetch, [at, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@njit(cache=True, nogil=True)
def bare(array: Any) -> Any:
    """Returns the array without its counter of references, whose upkeep costs more than a fold.

    Args:
        array: Contiguous in C's order: strides are not looked at. Whoever passes it holds it.
    """
    return carray(pointer(array.ctypes.data), array.shape, array.dtype)
