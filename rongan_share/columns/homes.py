"""Where each listing of several runs ends up when they are merged, told without a table of rows.

A listing lives in the run in which it was added, its home, however often newer runs amend it: it
keeps its id and its owner. Ids grow, so homes are disjoint ranges of ids, oldest first, and a newer
run's rows of older listings are the first ones in it. A row's new place is then how many listings
live before it: counted over a bitmap of those that were withdrawn.

It keeps its token too, and so its keys in the indexes of its home, unless it is rekeyed: a newer
run names those that have another token since. A bitmap of them says which keys no longer hold.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rongan_share.columns.rows import as_bytes, pick_rows
from rongan_share.errors import Reason, RonganError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        rekeyed: A bit for each row: the listing has another token since; None if none has.
        base: New place of its first listing.
        live: How many of its listings remain.
    """

    run: Run
    first: int
    highest: int
    gone: NDArray[np.uint64] | None = None
    before: NDArray[np.uint32] | None = None
    rekeyed: NDArray[np.uint64] | None = None
    base: int = 0
    live: int = 0

    def new_places(
        self, places: NDArray[np.uint32]
    ) -> tuple[NDArray[np.bool_] | None, NDArray[np.uint32]]:
        """Tells where rows stand in the merged columns that are found by this run's keys still.

        Args:
            places: Places in this run, in any order.

        Returns:
            Which of them remain, None for all; new places of those, in the order given.
        """
        stays: NDArray[np.bool_] | None = None
        if self.first:
            stays = places >= np.uint32(self.first)
        if self.rekeyed is not None:
            keeps = ~_bits_at(self.rekeyed, places)
            stays = keeps if stays is None else stays & keeps
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

    def find_rekeyed(self, begin: int, end: int) -> NDArray[np.int64] | None:
        """Finds rekeyed listings that remain among the rows from one place up to before another.

        Returns:
            Which of the rows that remain of those they are, counted from 0; None if none is.
        """
        if self.rekeyed is None:
            return None
        marked = _bits_at(self.rekeyed, np.arange(begin, end, dtype=np.uint32))
        stays = self.remaining(begin, end)
        return np.flatnonzero(marked if stays is None else marked[stays])

    def _mark_gone(self, places: NDArray[np.int64]) -> None:
        self.gone = _marked(self.gone, places, self.run.row_count)

    def _mark_rekeyed(self, places: NDArray[np.int64]) -> None:
        self.rekeyed = _marked(self.rekeyed, places, self.run.row_count)

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
    for place in range(1, len(homes)):
        _mark_rekeyed(homes[:place], homes[place])
    base = 0
    for home in homes:
        base = home._count(base)  # noqa: SLF001 - homes are made here
    return homes


def _mark_withdrawn(homes: list[Home], newer: Home, replaced: NDArray[np.uint64]) -> None:
    """Marks the listings that a run replaces without having a row of them."""
    withdrawn = replaced[newer.run.find_ids(replaced) < 0]
    if not withdrawn.size:
        return
    for home, places in _found_in(homes, withdrawn):
        home._mark_gone(places)  # noqa: SLF001 - homes are made here


def _mark_rekeyed(older: list[Home], newer: Home) -> None:
    """Marks the listings of older runs that have another token since."""
    rekeyed = newer.run.rekeyed
    # Ids beyond are of listings added in this run itself, before runs were merged into it.
    end = bisect_right(rekeyed, max(older[-1].highest, 0))
    for begin in range(0, end, _IDS_AT_ONCE):
        for home, places in _found_in(older, rekeyed[begin : min(begin + _IDS_AT_ONCE, end)]):
            home._mark_rekeyed(places)  # noqa: SLF001 - homes are made here


def _found_in(
    homes: list[Home], listing_ids: NDArray[np.uint64]
) -> Iterator[tuple[Home, NDArray[np.int64]]]:
    """Walks the homes that hold some listings, and where each holds them."""
    ends = np.array([max(home.highest, 0) for home in homes], np.uint64)
    at = np.searchsorted(ends, listing_ids)
    # Those beyond were added and withdrawn between two merges: nothing older holds them.
    for place in np.unique(at[at < len(homes)]).tolist():
        home = homes[place]
        places = home.run.find_ids(listing_ids[at == place])
        places = places[places >= home.first]
        if places.size:
            yield home, places


def _marked(
    bits: NDArray[np.uint64] | None, places: NDArray[np.int64], row_count: int
) -> NDArray[np.uint64]:
    """Sets the bits of some rows in a bitmap, which is made with the first of them."""
    if bits is None:
        bits = np.zeros((row_count >> 6) + 1, np.uint64)
    np.bitwise_or.at(bits, places >> 6, _ONE << (places & 63).astype(np.uint64))
    return bits


def _bits_at(bits: NDArray[np.uint64], places: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Tells whose bits are set."""
    shift = (places & _IN_WORD).astype(np.uint64)
    found: NDArray[np.bool_] = (bits[places >> _WORD_BITS] >> shift) & _ONE != 0
    return found


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
