"""Which way look-ups are computed: compiled where numba is installed, by numpy everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rongan_share.columns import kernel_numpy

try:
    from rongan_share.columns.compiled.judge import judge as judge_compiled
    from rongan_share.columns.compiled.memory import run_table
    from rongan_share.columns.compiled.search import find_places
    from rongan_share.columns.compiled.sieve import make_sieve as make_sieve_compiled
    from rongan_share.columns.compiled.sorting import sort_ids

    COMPILED = True
    """Whether look-ups are compiled."""
except (ImportError, RuntimeError):
    # Not installed, or no folder may be written in which compiled code is kept from start to start
    # (NUMBA_CACHE_DIR). Answers are the same, only slower.
    COMPILED = False

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rongan_share.columns.key_index import KeyIndex
    from rongan_share.columns.run import Run
    from rongan_share.columns.snapshot import Snapshot
    from rongan_share.columns.view import View

    Judgement = tuple[NDArray[np.int64], NDArray[np.void], NDArray[np.uint64]]


def judge(
    snapshot: Snapshot, enciphered: bytes, wanted: NDArray[np.bool_], *, view: View
) -> Judgement:
    """Judges tokens; see `Snapshot.judge`."""
    if not COMPILED:
        return kernel_numpy.judge(snapshot.find_tokens, enciphered, wanted, view=view)
    halves = np.frombuffer(enciphered, "<u8").reshape(-1, 2)
    return judge_compiled(snapshot.table, halves, wanted, view)


def table_of(runs: tuple[Run, ...]) -> NDArray[np.int64]:
    """Says where the columns of runs lie in memory, for as long as the runs are held."""
    return run_table(runs)


def sieve_of(keys: NDArray[np.uint64], shift: int, *, first: int, count: int) -> NDArray[np.uint64]:
    """Makes what lets a look-up pass over most keys that are not there: a word for each bucket.

    Args:
        keys: Of the buckets, ascending.
        shift: By how many bits a key is shifted right to give its bucket.
        first: The first bucket.
        count: How many buckets.
    """
    make = make_sieve_compiled if COMPILED else kernel_numpy.make_sieve
    return make(keys, shift, first=first, count=count)


def sort(ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Returns listing ids in ascending order."""
    return sort_ids(ids) if COMPILED else np.sort(ids)


def find(
    index: KeyIndex, low: NDArray[np.uint64], high: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Finds the places of keys in closed ranges; see `KeyIndex.find`."""
    if not COMPILED:
        return kernel_numpy.find_places(index.keys, low, high)
    return find_places(index.keys, index.starts, index.shift, low=low, high=high)
