"""Where each listing of several runs ends up when they are merged, told without a table of rows.

A listing lives in the run in which it was added, its home, however often newer runs amend it: it
keeps its id, its token and its owner. Ids grow, so homes are disjoint ranges of ids, oldest first,
and a newer run's rows of older listings are the first ones in it. A row's new place is then how
many listings live before it: counted over a bitmap of those that were withdrawn.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rongan_share.columns.rows import as_bytes, pick_rows
from rongan_share.errors import Reason, RonganError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rongan_share.columns.run import Run

_IDS_AT_ONCE = 1 << 17
_WORD_BITS = np.uint32(6)
_IN_WORD = np.uint32(63)
_ONE = np.uint64(1)


@dataclass(slots=True)
class Home:
    """A run, as the place where listings were added.

    Attributes:
        run: The run.
        first: Place of the first listing that was added in it; rows before amend older listings.
        highest: The highest listing id that it or an older run holds.
        gone: A bit for each row: the listing was withdrawn since; None if none was.
        before: How many of those lie before each word of `gone`.
        base: New place of its first listing.
        live: How many of its listings remain.
    """

    run: Run
    first: int
    highest: int
    gone: NDArray[np.uint64] | None = None
    before: NDArray[np.uint32] | None = None
    base: int = 0
    live: int = 0

    def new_places(
        self, places: NDArray[np.uint32]
    ) -> tuple[NDArray[np.bool_] | None, NDArray[np.uint32]]:
        """Tells where rows stand in the merged columns.

        Args:
            places: Places in this run, in any order.

        Returns:
            Which of them remain, None for all; new places of those, in the order given.
        """
        stays: NDArray[np.bool_] | None = None
        if self.first:
            stays = places >= np.uint32(self.first)
        if self.gone is None or self.before is None:
            kept = places if stays is None else places[stays]
            return stays, kept + np.uint32((self.base - self.first) & 0xFFFFFFFF)
        word = places >> _WORD_BITS
        bits = self.gone[word]
        shift = (places & _IN_WORD).astype(np.uint64)
        lives = (bits >> shift) & _ONE == 0
        stays = lives if stays is None else stays & lives
        lower = np.bitwise_count(bits & ((_ONE << shift) - _ONE))
        moved = places - self.before[word] - lower
        return stays, moved[stays] + np.uint32((self.base - self.first) & 0xFFFFFFFF)

    def remaining(self, begin: int, end: int) -> NDArray[np.bool_] | None:
        """Tells which rows from one place up to before another remain; None for all."""
        if self.gone is None:
            return None
        word = begin >> 6
        bits = np.unpackbits(self.gone[word : (end + 63) >> 6].view(np.uint8), bitorder="little")
        stays: NDArray[np.bool_] = bits[begin - (word << 6) : end - (word << 6)] == 0
        return stays

    def _mark(self, places: NDArray[np.int64]) -> None:
        if self.gone is None:
            self.gone = np.zeros((self.run.row_count >> 6) + 1, np.uint64)
        bits = _ONE << (places & 63).astype(np.uint64)
        np.bitwise_or.at(self.gone, places >> 6, bits)

    def _count(self, base: int) -> int:
        """Counts what is gone, once all is marked; returns the base of the next home."""
        self.base = base
        self.live = self.run.row_count - self.first
        if self.gone is not None:
            counts = np.bitwise_count(self.gone).astype(np.uint32)
            ends = np.cumsum(counts, dtype=np.uint32)
            self.before = ends - counts
            self.live -= int(ends[-1])
        return base + self.live


def homes_of(runs: Sequence[Run]) -> list[Home]:
    """Finds the home of every listing, and which were withdrawn.

    Args:
        runs: All runs of a snapshot, oldest first.
    """
    homes: list[Home] = []
    highest = -1
    for run in runs:
        first = bisect_right(run.rows["listing_id"], max(highest - run.id_base, -1))
        if run.row_count:
            last = int(run.stretch(run.row_count - 1, run.row_count)["listing_id"][0])
            highest = max(highest, last)
        homes.append(Home(run, first, highest))
    for newer in homes[1:]:
        for begin in range(0, newer.run.replaced.size, _IDS_AT_ONCE):
            _mark_withdrawn(homes, newer, newer.run.replaced[begin : begin + _IDS_AT_ONCE])
    base = 0
    for home in homes:
        base = home._count(base)  # noqa: SLF001 - homes are made here
    return homes


def _mark_withdrawn(homes: list[Home], newer: Home, replaced: NDArray[np.uint64]) -> None:
    """Marks the listings that a run replaces without having a row of them."""
    withdrawn = replaced[newer.run.find_ids(replaced) < 0]
    if not withdrawn.size:
        return
    ends = np.array([max(home.highest, 0) for home in homes], np.uint64)
    at = np.searchsorted(ends, withdrawn)
    # Those beyond were added and withdrawn between two merges: nothing older holds them.
    for place in np.unique(at[at < len(homes)]).tolist():
        home = homes[place]
        places = home.run.find_ids(withdrawn[at == place])
        places = places[places >= home.first]
        if places.size:
            home._mark(places)  # noqa: SLF001 - homes are made here


def rows_at(homes: Sequence[Home], place: int, begin: int, *, end: int) -> NDArray[np.void]:
    """Returns the rows that remain of some of a run's own listings, as the newest run has them.

    Args:
        homes: All homes.
        place: Which of them.
        begin: First row.
        end: Behind the last row.

    Raises:
        RonganError: STORE_CORRUPT, a run amends a listing that no older run holds.
    """
    home = homes[place]
    rows = home.run.stretch(begin, end)
    own = not home.run.id_base
    low, high = int(rows["listing_id"][0]), int(rows["listing_id"][-1])
    ids: NDArray[np.uint64] | None = None
    for newer in homes[place + 1 :]:
        run = newer.run
        column, base = run.rows["listing_id"], run.id_base
        first = bisect_left(column, max(low - base, 0), 0, newer.first)
        last = bisect_right(column, max(high - base, -1), 0, newer.first)
        if first == last:
            continue
        if ids is None:
            ids = np.ascontiguousarray(rows["listing_id"])
            rows = rows.copy() if own else rows
        amended = run.stretch(first, last)
        at = np.searchsorted(ids, amended["listing_id"])
        if (ids[at] != amended["listing_id"]).any():
            raise RonganError(Reason.STORE_CORRUPT)
        as_bytes(rows)[at] = as_bytes(amended)
    stays = home.remaining(begin, end)
    return rows if stays is None else pick_rows(rows, stays)
