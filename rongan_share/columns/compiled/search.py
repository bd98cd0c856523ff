"""Searching sorted keys, in compiled loops.

A processor waits for many lines of memory at once, but not while it must first learn where a
comparison leads. So what will be compared is fetched a block ahead, without comparing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import carray, njit

from rongan_share.columns.compiled.memory import (
    BLOCK,
    KEY_COUNT,
    KEYS,
    SHIFT,
    SIEVE,
    STARTS,
    fetch,
    pointer,
)
from rongan_share.columns.compiled.sieve import bits_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LINEAR = 16
"""Keys that are compared one after another; of more, half are left out at a time."""


def find_places(
    keys: NDArray[np.uint64],
    starts: NDArray[np.uint32],
    shift: int,
    *,
    low: NDArray[np.uint64],
    high: NDArray[np.uint64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Finds the places of closed ranges of keys; see `KeyIndex.find`."""
    first, last = np.empty(low.size, np.int64), np.empty(low.size, np.int64)
    _find_places(keys, starts, shift, low, high, first, last)
    return first, last


@njit(cache=True, nogil=True)
def locate(table: Any, tokens: Any, wanted: Any, first: Any, last: Any, found: Any) -> int:
    """Finds the places of each token in each run; returns how many wanted ones have any.

    Args:
        table: What `run_table` says of the runs.
        tokens: Enciphered tokens as two halves each.
        wanted: Which of them are asked about.
        first: Written, for each run and token: its first place among the run's keys.
        last: Written likewise: the place behind its last.
        found: Written from the beginning on: the wanted tokens that have any place, ascending.
    """
    count, found_count = tokens.shape[0], 0
    keys = np.empty(BLOCK, np.uint64)
    passed = np.empty(BLOCK, np.int64)
    for begin in range(0, count, BLOCK):
        size = min(BLOCK, count - begin)
        for place in range(size):
            # The order of numbers must be that of bytes.
            keys[place] = _swapped(tokens[begin + place, 0])
        hits = 0
        for run in range(table.shape[0]):
            places = first[run, begin : begin + size], last[run, begin : begin + size]
            passing = _sift(table[run], keys[:size], passed)
            hits += _find_passed(table[run], keys, passed[:passing], *places)
        if hits:
            found_count = _gather(first, last, wanted, begin, begin + size, found, found_count)
    return found_count


@njit(cache=True)
def locate_few(table: Any, tokens: Any, wanted: Any, first: Any, last: Any, found: Any) -> int:
    """Does what `locate` does without letting other threads go on meanwhile.

    To get the interpreter's lock back would take many times as long as finding a few tokens.
    """
    return locate(table, tokens, wanted, first, last, found)


@njit(cache=True, nogil=True)
def _gather(
    first: Any, last: Any, wanted: Any, begin: int, end: int, found: Any, found_count: int
) -> int:
    """Adds the wanted tokens of a block that have any place to those found."""
    for at in range(begin, end):
        rows = 0
        for run in range(first.shape[0]):
            rows += last[run, at] - first[run, at]
        if rows and wanted[at]:
            found[found_count] = at
            found_count += 1
    return found_count


@njit(cache=True, nogil=True)
def _sift(run: Any, keys: Any, passed: Any) -> int:
    """Writes which of a block's keys a run's sieve lets pass; returns how many."""
    shift = np.uint64(run[SHIFT])
    words = carray(pointer(run[SIEVE]), (1 << (64 - run[SHIFT]),), np.uint64)
    for key in keys:
        fetch(run[SIEVE] + 8 * np.int64(key >> shift))
    passing = 0
    for place in range(keys.size):
        bits = bits_of(keys[place])
        # Without a branch, which nobody could foretell where some tokens are listed.
        passed[passing] = place
        passing += (words[np.int64(keys[place] >> shift)] & bits) == bits
    return passing


@njit(cache=True, nogil=True)
def _find_passed(run: Any, keys: Any, passed: Any, first: Any, last: Any) -> int:
    """Writes a block's places in a run, of the keys that passed; returns how many have any."""
    first[:] = last[:] = 0
    shift = np.uint64(run[SHIFT])
    column = carray(pointer(run[KEYS]), (run[KEY_COUNT],), np.uint64)
    starts = carray(pointer(run[STARTS]), ((1 << (64 - run[SHIFT])) + 1,), np.uint32)
    for place in passed:
        fetch(run[STARTS] + 4 * np.int64(keys[place] >> shift))
    for place in passed:
        bucket = np.int64(keys[place] >> shift)
        first[place] = np.int64(starts[bucket])
        # A bucket may lie in two lines.
        fetch(run[KEYS] + 8 * first[place])
        fetch(run[KEYS] + 8 * np.int64(starts[bucket + 1]) - 1)
    hits = 0
    for place in passed:
        key = keys[place]
        begin, stop = first[place], np.int64(starts[np.int64(key >> shift) + 1])
        if stop - begin <= _LINEAR:
            below, equal = 0, 0
            # Without leaving early, which nobody could foretell, and by places that cannot be
            # negative, which need no second look.
            for position in range(begin, stop):
                other = column[np.uint64(position)]
                below += other < key
                equal += other == key
            first[place] = begin + below
            last[place] = begin + below + equal
        else:
            first[place] = lower_place(column, begin, stop, key)
            last[place] = _upper_place(column, first[place], stop, key)
        hits += last[place] > first[place]
    return hits


@njit(cache=True, nogil=True)
def link_alike(tokens: Any, first: Any, last: Any, found: Any, alike: Any, slots: Any) -> int:
    """Links each token that was found to the first equal one; returns how many rows those have.

    Args:
        tokens: Enciphered tokens as two halves each.
        first: First place of each token in each run.
        last: The place behind its last.
        found: Tokens that have any.
        alike: Written: for each of `found` the place in it of the first equal token.
        slots: Room to look tokens up in, -1 each; a power of two, at least twice `found`.
    """
    mask, row_count = slots.size - 1, 0
    for place in range(found.size):
        at = found[place]
        # Enciphered, so as good as random, whoever asks.
        slot = np.int64(tokens[at, 1] & np.uint64(mask))
        while slots[slot] >= 0:
            other = found[slots[slot]]
            if tokens[other, 0] == tokens[at, 0] and tokens[other, 1] == tokens[at, 1]:
                break
            slot = (slot + 1) & mask
        if slots[slot] < 0:
            slots[slot] = place
            for run in range(first.shape[0]):
                row_count += last[run, at] - first[run, at]
        alike[place] = slots[slot]
    return row_count


@njit(cache=True, nogil=True)
def _find_places(
    keys: Any, starts: Any, shift: int, low: Any, high: Any, first: Any, last: Any
) -> Any:
    """Writes `first` and `last`, the places of each closed range from `low` to `high`.

    What it returns says nothing: it is made of every key that was touched ahead, and a caller that
    keeps it keeps the touching from being left out.
    """
    shifted, size, touched = np.uint64(shift), keys.size, np.uint64(0)
    for begin in range(0, low.size, BLOCK):
        end = min(begin + BLOCK, low.size)
        for at in range(begin, end):
            first[at] = starts[np.int64(low[at] >> shifted)]
        for at in range(begin, end):
            if first[at] < size:
                touched ^= keys[first[at]]
        for at in range(begin, end):
            stop = np.int64(starts[np.int64(high[at] >> shifted) + 1])
            first[at] = lower_place(keys, first[at], stop, low[at])
            last[at] = _upper_place(keys, first[at], stop, high[at])
    return touched


@njit(cache=True, nogil=True)
def lower_place(keys: Any, begin: int, end: int, key: int) -> int:
    """Returns the first place from `begin` on whose key is not below."""
    while end - begin > _LINEAR:
        middle = (begin + end) >> 1
        if keys[middle] < key:
            begin = middle + 1
        else:
            end = middle
    while begin < end and keys[begin] < key:
        begin += 1
    return begin


@njit(cache=True, nogil=True)
def _upper_place(keys: Any, begin: int, end: int, key: int) -> int:
    """Returns the first place from `begin` on whose key is above."""
    while end - begin > _LINEAR:
        middle = (begin + end) >> 1
        if keys[middle] <= key:
            begin = middle + 1
        else:
            end = middle
    while begin < end and keys[begin] <= key:
        begin += 1
    return begin


@njit(cache=True, nogil=True)
def _swapped(number: Any) -> Any:
    """Returns a number with its bytes the other way round."""
    number = ((number & np.uint64(0x00FF00FF00FF00FF)) << np.uint64(8)) | (
        (number >> np.uint64(8)) & np.uint64(0x00FF00FF00FF00FF)
    )
    number = ((number & np.uint64(0x0000FFFF0000FFFF)) << np.uint64(16)) | (
        (number >> np.uint64(16)) & np.uint64(0x0000FFFF0000FFFF)
    )
    return (number << np.uint64(32)) | (number >> np.uint64(32))
