"""The fold as compiled loops: what each token's visible rows say together, and which they are.

The rules are those of `wire/fold.py`, which stays the plain form; a test holds the two equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import carray, njit

from rongan_share.columns.compiled.memory import (
    BLOCK,
    ID_BASE,
    KEY_COUNT,
    ORDER,
    REPLACED,
    REPLACED_COUNT,
    ROW_DTYPE,
    ROWS,
    bare,
    fetch,
    pointer,
)
from rongan_share.columns.compiled.search import lower_place
from rongan_share.columns.view import CATEGORIES, CLASSES, FLAGS, NEVER_HIDDEN, TYPES, View
from rongan_share.wire.fold import WEAK_SEVERITY_CAP
from rongan_share.wire.vocabulary import SummaryFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_SOURCES = 255
_IN_ALL = int(SummaryFlag.DISPUTED | SummaryFlag.WEAK | SummaryFlag.SOURCE_SUSPENDED)
_IN_ANY = int(SummaryFlag.ORDER)
_WEAK = int(SummaryFlag.WEAK)

_AHEAD = 4
"""Rows of a token that are fetched ahead; few have more."""

_ROW_BYTES = ROW_DTYPE.itemsize
_FOLDED_BYTES = dict(ROW_DTYPE.fields or {})["source_class"][1] + 1

_HIDDEN, _SHOWN, _ALLOWING = range(3)
_ALL, _FIRM = range(2)


def scratch_room() -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Makes room for one fold: sources of a token, and whether each is an owner's."""
    return np.empty(_MOST_SOURCES, np.uint64), np.empty(_MOST_SOURCES, np.bool_)


@njit(cache=True, nogil=True)
def fold_tokens(
    places: Any, tokens_found: Any, view: Any, summaries: Any, ids: Any, scratch: Any
) -> tuple[int, int]:
    """Folds the visible rows of each token that has any.

    Args:
        places: Table of runs, tokens, and first and last place of each token in each run.
        tokens_found: Two arrays of one length. `found`: tokens that have places, ascending;
            overwritten from the beginning on with those that are listed. `alike`, of two meanings:
            as given, for each the place in `found` of the first equal token, its own where it is
            the first; once such a first token is done, where its summary went, or -1 if it is not
            listed.
        view: What the caller may see.
        summaries: Zeroed; one for each listed token is written.
        ids: Ids of the listings that took part are written.
        scratch: Made by `scratch_room`.

    Returns:
        How many tokens are listed, and how many ids were written.
    """
    table, tokens, first, last = places
    places = (bare(table), bare(tokens), bare(first), bare(last))
    view = _bare_view(view)
    sources, owned = bare(scratch[0]), bare(scratch[1])
    summaries, shown_ids = bare(summaries), bare(ids)
    found, alike = bare(tokens_found[0]), bare(tokens_found[1])
    listed, id_count = 0, 0
    for begin in range(0, found.size, BLOCK):
        end = min(begin + BLOCK, found.size)
        _fetch_rows(places, found[begin:end])
        for place in range(begin, end):
            at, count = found[place], 0
            if alike[place] < place:
                # Its first equal one is done, so there `alike` has its second meaning.
                summary_at = alike[alike[place]]
                if summary_at >= 0:
                    summaries[listed] = summaries[summary_at]
                    count = 1
            else:
                room = summaries[listed], shown_ids[id_count:], (sources, owned)
                count = _fold_token(places, at, view, _ALL, room)
                if count < 0:
                    # A row lets the token go, which is rare, so that nobody looks for it first.
                    _empty(summaries[listed])
                    count = _fold_token(places, at, view, _FIRM, room)
                id_count += count
                alike[place] = listed if count else -1
            if count:
                found[listed] = at
                listed += 1
    return listed, id_count


@njit(cache=True, nogil=True, inline="always")
def _bare_view(view: Any) -> Any:
    return View(
        bare(view.tables),
        bare(view.confidence),
        bare(view.suspended),
        view.day,
        view.hub_number,
        view.allowlist_bit,
    )


@njit(cache=True, nogil=True)
def _fetch_rows(places: Any, found: Any) -> None:
    """Has the rows of some tokens brought near before they are needed."""
    table, _, first, last = places
    for run in range(table.shape[0]):
        order = carray(pointer(table[run, ORDER]), (table[run, KEY_COUNT],), np.uint32)
        for at in found:
            if last[run, at] > first[run, at]:
                fetch(table[run, ORDER] + 4 * first[run, at])
        for at in found:
            for position in range(first[run, at], min(last[run, at], first[run, at] + _AHEAD)):
                row = table[run, ROWS] + _ROW_BYTES * np.int64(order[position])
                # What a fold reads of a row may lie in two lines.
                fetch(row)
                fetch(row + _FOLDED_BYTES - 1)


@njit(cache=True, nogil=True, inline="always")
def _judge_row(table: Any, run: int, row: Any, view: Any) -> int:
    """Tells whether a row is seen, and whether it is the hub's own that lets its token go."""
    if row.expiry_day != 0 and row.expiry_day < view.day:
        return _HIDDEN
    allowing = row.category == view.allowlist_bit
    if allowing:
        if row.contributor != view.hub_number:
            return _HIDDEN
    elif (
        not view.tables[CATEGORIES, row.category]
        or not view.tables[CLASSES, row.source_class]
        or not view.tables[TYPES, row.type]
    ):
        return _HIDDEN
    for newer in range(run + 1, table.shape[0]):
        size = table[newer, REPLACED_COUNT]
        if size:
            replaced = carray(pointer(table[newer, REPLACED]), (size,), np.uint64)
            listing_id = row.listing_id + np.uint64(table[run, ID_BASE])
            place = lower_place(replaced, 0, size, listing_id)
            if place < size and replaced[place] == listing_id:
                return _HIDDEN
    return _ALLOWING if allowing else _SHOWN


@njit(cache=True, nogil=True)
def _empty(summary: Any) -> None:
    """Takes back what was folded into a summary."""
    summary.category_bits = summary.source_class_bits = 0
    summary.severity = summary.confidence = summary.source_count = 0
    summary.expiry_day = summary.flags = 0


@njit(cache=True, nogil=True, inline="always")
def _fold_token(places: Any, at: int, view: Any, part: int, room: Any) -> int:
    """Folds one token.

    Args:
        places: As for `fold_tokens`.
        at: The token.
        view: What the caller may see.
        part: Which rows take part: _ALL, or _FIRM where the token is allowed.
        room: For the summary, the ids, and the sources.

    Returns:
        How many listings took part; -1 if all should and a row allows the token.
    """
    summary, ids, seen = room
    table, tokens, first, last = places
    count, source_count = 0, 0
    for run in range(table.shape[0]):
        if first[run, at] == last[run, at]:
            continue
        size = table[run, KEY_COUNT]
        order = carray(pointer(table[run, ORDER]), (size,), np.uint32)
        rows = carray(pointer(table[run, ROWS]), (size,), ROW_DTYPE)
        for position in range(first[run, at], last[run, at]):
            row = rows[order[position]]
            if row.token_a != tokens[at, 0] or row.token_b != tokens[at, 1]:
                continue
            said = _judge_row(table, run, row, view)
            if said == _ALLOWING and part == _ALL:
                return -1
            if said != _SHOWN or (part == _FIRM and not _firm(row, view)):
                continue
            _add_row(summary, row, view, count == 0)
            source_count = _add_source(seen, source_count, row)
            ids[count] = row.listing_id + np.uint64(table[run, ID_BASE])
            count += 1
    summary.source_count = source_count
    if summary.flags & _WEAK and summary.severity > WEAK_SEVERITY_CAP:
        summary.severity = WEAK_SEVERITY_CAP
    return count


@njit(cache=True, nogil=True, inline="always")
def _firm(row: Any, view: Any) -> bool:
    """Tells whether a row is shown even under a token that is allowed."""
    order = (view.tables[FLAGS, row.flags] & _IN_ANY) != 0
    return order or view.tables[NEVER_HIDDEN, row.category] != 0


@njit(cache=True, nogil=True, inline="always")
def _add_row(summary: Any, row: Any, view: Any, first: bool) -> None:
    flags = view.tables[FLAGS, row.flags]
    if row.contributor < view.suspended.size:
        flags |= view.suspended[row.contributor]
    if first:
        summary.expiry_day = row.expiry_day
        summary.flags = flags & (_IN_ALL | _IN_ANY)
    else:
        endless = row.expiry_day == 0 or summary.expiry_day == 0
        summary.expiry_day = 0 if endless else max(summary.expiry_day, row.expiry_day)
        in_all = summary.flags & flags & _IN_ALL
        summary.flags = in_all | ((summary.flags | flags) & _IN_ANY)
    summary.category_bits |= np.uint64(1) << np.uint64(row.category)
    summary.source_class_bits |= np.uint16(1 << row.source_class)
    summary.severity = max(summary.severity, row.severity)
    sure = view.confidence[row.source_class, row.evidence]
    summary.confidence = max(summary.confidence, sure)


@njit(cache=True, nogil=True, inline="always")
def _add_source(seen: Any, count: int, row: Any) -> int:
    """Adds a row's source to those seen; returns how many there are, at most 255."""
    sources, owned = seen
    own = row.original_source == 0
    source = np.uint64(row.contributor) if own else row.original_source
    for known in range(count):
        if sources[known] == source and owned[known] == own:
            return count
    if count == _MOST_SOURCES:
        return count
    sources[count] = source
    owned[count] = own
    return count + 1
