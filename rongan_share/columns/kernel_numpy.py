"""The look-up as whole-column steps: find, see, allow, fold. Always there, and easy to check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rongan_share.columns.rows import pick_rows
from rongan_share.columns.view import CATEGORIES, CLASSES, FLAGS, NEVER_HIDDEN, TYPES
from rongan_share.wire.fold import FoldRows, fold, survive_allowlist
from rongan_share.wire.frames import TOKEN_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rongan_share.columns.run import Matches
    from rongan_share.columns.view import View


FEW = 64
"""Tokens that are looked up with the interpreter's lock held, where look-ups are compiled."""


def see(
    matches: Matches, wanted: NDArray[np.bool_], view: View
) -> tuple[NDArray[np.int64], NDArray[np.void], FoldRows]:
    """Returns token, row and what the fold wants of each row that the caller may see."""
    seen = wanted[matches.query] & _visible(matches.rows, view)
    query, rows = matches.query[seen], pick_rows(matches.rows, seen)
    shown = fold_rows(rows, view)
    kept = survive_allowlist(
        query,
        shown,
        allowlist_bit=view.allowlist_bit,
        never_hidden=view.tables[NEVER_HIDDEN],
    )
    shown = FoldRows._make(column[kept] for column in shown)
    return query[kept], pick_rows(rows, kept), shown


def judge(
    find: Callable[[bytes], Matches], enciphered: bytes, wanted: NDArray[np.bool_], *, view: View
) -> tuple[NDArray[np.int64], NDArray[np.void], NDArray[np.uint64]]:
    """Judges tokens; see `compiled/judge.py`."""
    distinct, place = apart(enciphered)
    asked = np.zeros(len(distinct) // TOKEN_BYTES, np.bool_)
    asked[place[wanted]] = True
    query, rows, shown = see(find(distinct), asked, view)
    folded, summaries = fold(query, shown)
    summary_at = np.full(asked.size, -1, np.int64)
    summary_at[folded] = np.arange(folded.size)
    listed = np.flatnonzero(wanted & (summary_at[place] >= 0))
    return listed, summaries[summary_at[place[listed]]], rows["listing_id"]


def apart(tokens: bytes) -> tuple[bytes, NDArray[np.int64]]:
    """Tells tokens apart: a listing must be found once however often its token is asked about.

    Returns:
        The distinct tokens, and which of them each token is.
    """
    column = np.frombuffer(tokens, "S16")
    halves = np.sort(column.view(np.uint64)[::2])
    if not (halves[1:] == halves[:-1]).any():
        return tokens, np.arange(column.size)
    distinct, place = np.unique(column, return_inverse=True)
    return distinct.tobytes(), place


def _visible(rows: NDArray[np.void], view: View) -> NDArray[np.bool_]:
    """Tells which rows hold today and are covered, or are the hub's allowlist."""
    live = (rows["expiry_day"] == 0) | (rows["expiry_day"] >= view.day)
    allowing = rows["category"] == view.allowlist_bit
    covered = view.tables[CATEGORIES][rows["category"]]
    covered &= view.tables[CLASSES][rows["source_class"]]
    covered &= view.tables[TYPES][rows["type"]]
    hub = rows["contributor"] == view.hub_number
    seen: NDArray[np.bool_] = live & np.where(allowing, hub, covered.astype(np.bool_))
    return seen


def fold_rows(rows: NDArray[np.void], view: View) -> FoldRows:
    """Returns rows as they are shown."""
    flags = view.tables[FLAGS][rows["flags"]]
    if view.suspended.size:
        number = rows["contributor"]
        known = np.minimum(number, view.suspended.size - 1)
        flags = flags | np.where(number < view.suspended.size, view.suspended[known], np.uint8(0))
    return FoldRows(
        category=rows["category"],
        source_class=rows["source_class"],
        severity=rows["severity"],
        confidence=view.confidence[rows["source_class"], rows["evidence"]],
        original_source=rows["original_source"],
        contributor=rows["contributor"],
        expiry_day=rows["expiry_day"],
        flags=flags,
    )


def make_sieve(
    keys: NDArray[np.uint64], shift: int, *, first: int, count: int
) -> NDArray[np.uint64]:
    """Makes the sieve of some buckets; see `kernel.sieve_of`."""
    words = np.zeros(count, np.uint64)
    if keys.size:
        bits = np.zeros(keys.size, np.uint64)
        for low in (0, 6, 12, 18):
            bits |= np.uint64(1) << ((keys >> np.uint64(low)) & np.uint64(63))
        bucket = (keys >> np.uint64(shift)).astype(np.int64) - first
        begins = np.flatnonzero(np.diff(bucket, prepend=-1))
        words[bucket[begins]] = np.bitwise_or.reduceat(bits, begins)
    return words


def find_places(
    keys: NDArray[np.uint64], low: NDArray[np.uint64], high: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Finds the places of keys in closed ranges; see `KeyIndex.find`."""
    # Asked in order, neighbours share the cache lines of their search: half the time.
    asked = np.argsort(low)
    first, last = np.empty(low.size, np.int64), np.empty(low.size, np.int64)
    first[asked] = np.searchsorted(keys, low[asked], side="left")
    last[asked] = np.searchsorted(keys, high[asked], side="right")
    return first, last
