"""A snapshot: what all journal frames up to one sequence say, as a few runs laid over one another.

This is the interface of look-ups. Readers hold a snapshot for one answer and never see it change.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rongan_share.columns import kernel
from rongan_share.columns.rows import join_rows, pick_rows
from rongan_share.columns.run import NO_IDS, Matches, OwnedQuestion, Run, merge
from rongan_share.errors import Reason, RonganError
from rongan_share.model.listing import LISTING_DTYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from rongan_share.columns.owner_keys import OwnerKeys
    from rongan_share.columns.view import View
    from rongan_share.model.hub_key import Target

MERGE_RATIO = 4
"""A run is merged into the one below it unless that is at least this many times larger."""

_LISTED_AT_ONCE = 1 << 12
"""Own rows that are taken from each run at once while a contributor's listings are listed."""


class Merging(NamedTuple):
    """What may be merged at once, in the path of whoever waits for a sequence.

    Attributes:
        most_rows: Rows of two runs that may be merged at once.
        kept: How many of the oldest runs must stay as they are, because others work on them.
    """

    most_rows: int
    kept: int


AT_ONCE = Merging(most_rows=1 << 62, kept=0)
"""Merges whatever is due."""


class FrozenPart(NamedTuple):
    """Columns on disk that are the oldest run of a snapshot.

    Attributes:
        sequence: The last frame that is in them.
        time_ns: When they were written, nanoseconds since 1970-01-01 UTC.
    """

    sequence: int
    time_ns: int


@dataclass(frozen=True)
class Snapshot:
    """All live listings up to a sequence.

    Attributes:
        sequence: The last frame that is in it.
        runs: Oldest first; a newer run overrules older ones.
        owner_keys: Makes the keys by which contributors' own listings are found.
        target: Tokens of which epoch it is found by, and the hub key that they stand under.
        frozen: What the oldest run was written as; None if none of them is files.
        lacking: How many live listings, expired or not, have no token of the target's epoch, by
            contributor's partner number; those that have none are not named.
    """

    sequence: int
    runs: tuple[Run, ...]
    owner_keys: OwnerKeys
    target: Target
    frozen: FrozenPart | None = None
    lacking: Mapping[int, int] = field(default_factory=dict)

    @property
    def listing_count(self) -> int:
        """Number of live listings, expired or not."""
        count = 0
        for place, run in enumerate(self.runs):
            # A listing may be replaced in several newer runs, and must be taken off once.
            replaced = np.unique(
                np.concatenate([NO_IDS, *(newer.replaced for newer in self.runs[place + 1 :])])
            )
            count += run.row_count - int(np.count_nonzero(run.find_ids(replaced) >= 0))
        return count

    @property
    def lacking_count(self) -> int:
        """Number of live listings that have no token of the target's epoch."""
        return sum(self.lacking.values())

    @property
    def frozen_count(self) -> int:
        """How many of the oldest runs are files, and never merged here."""
        return int(self.frozen is not None)

    @property
    def imported_count(self) -> int:
        """How many runs are files that were imported since the columns were frozen."""
        return sum(run.on_disk for run in self.runs[self.frozen_count :])

    @property
    def tail_count(self) -> int:
        """Rows of the runs that are in memory."""
        return sum(run.row_count for run in self.runs if not run.on_disk)

    @cached_property
    def table(self) -> NDArray[np.int64]:
        """Where the columns lie in memory, for compiled look-ups."""
        return kernel.table_of(self.runs)

    def judge(
        self, enciphered: bytes, wanted: NDArray[np.bool_], view: View
    ) -> tuple[NDArray[np.int64], NDArray[np.void], NDArray[np.uint64]]:
        """Folds what a caller may see under each token.

        Args:
            enciphered: 16 bytes a token, enciphered under the hub's key; equal ones are looked up
                once.
            wanted: Which of them are asked about.
            view: What the caller may see.

        Returns:
            Indices of the tokens that are listed, ascending; a summary each (SUMMARY_DTYPE); ids
            of the listings that took part, each once, ascending.
        """
        listed, summaries, ids = kernel.judge(self, enciphered, wanted, view=view)
        return listed, summaries, kernel.sort(ids)

    def find_tokens(self, enciphered: bytes) -> Matches:
        """Finds every live listing under each token.

        Args:
            enciphered: 16 bytes a token, enciphered under the hub's key.

        Returns:
            Token index and row of each listing found, ordered by token index, then listing id.
        """
        tokens = np.frombuffer(enciphered, "S16")
        return self._collect(lambda run: run.find_tokens(tokens))

    def find_owned(
        self,
        contributor: int,
        reference: NDArray[np.bytes_],
        category: NDArray[np.uint8],
        *,
        token: NDArray[np.bytes_],
    ) -> Matches:
        """Finds a contributor's own live listings by reference, category, and token unless zero.

        Returns:
            Row index of the question and row of each listing found, ordered by both.
        """
        partners = np.full(reference.size, contributor, np.uint32)
        low, high = self.owner_keys.ranges(partners, reference, category, token=token)
        asked = OwnedQuestion(contributor, reference, category, token, low, high)
        return self._collect(lambda run: run.find_owned(asked))

    def list_owned(self, contributor: int, after: int, *, most: int) -> NDArray[np.void]:
        """Lists a contributor's own live listings behind a listing id, ordered by it.

        Args:
            contributor: Its partner number.
            after: The listing id behind which to begin; 0 = at the first.
            most: How many at most, from 1; fewer are returned only where there are no more.
        """
        found: list[NDArray[np.void]] = []
        count = 0
        last: int | None = after
        while last is not None and count < most:
            rows, last = self._some_owned(contributor, last)
            found.append(rows)
            count += rows.size
        return join_rows(found)[:most]

    def _some_owned(self, contributor: int, after: int) -> tuple[NDArray[np.void], int | None]:
        """Returns the next own listings, and the id up to which they are all; None = to the end."""
        found: list[NDArray[np.void]] = [np.zeros(0, LISTING_DTYPE)]
        last: int | None = None
        for place, run in enumerate(self.runs):
            rows = run.list_owned(contributor, after, most=_LISTED_AT_ONCE)
            if rows.size == _LISTED_AT_ONCE:
                # Behind its last row this run may hold more, so no other run may go further.
                end = int(rows["listing_id"][-1])
                last = end if last is None else min(last, end)
            for newer in self.runs[place + 1 :]:
                rows = rows[~newer.replaces(rows["listing_id"])]
            found.append(rows)
        rows = join_rows(found)
        rows = pick_rows(rows, np.argsort(rows["listing_id"], kind="stable"))
        return rows if last is None else rows[rows["listing_id"] <= last], last

    def rows_of(self, listing_ids: NDArray[np.uint64]) -> NDArray[np.void]:
        """Returns the present rows of listings that live in this snapshot, in the order asked.

        Raises:
            RonganError: STORE_CORRUPT, a listing does not live here.
        """
        rows = self.find_rows(listing_ids)
        if (rows["listing_id"] != listing_ids).any():
            raise RonganError(Reason.STORE_CORRUPT)
        return rows

    def find_rows(self, listing_ids: NDArray[np.uint64]) -> NDArray[np.void]:
        """Returns the present rows of listings; all zeros for one that does not live here."""
        rows = np.zeros(listing_ids.size, LISTING_DTYPE)
        missing = np.ones(listing_ids.size, np.bool_)
        for run in reversed(self.runs):
            position = run.find_ids(listing_ids)
            found = missing & (position >= 0)
            rows[found] = run.pick(position[found])
            missing &= ~found & ~run.replaces(listing_ids)
        return rows

    def extend(self, run: Run, sequence: int, *, merging: Merging = AT_ONCE) -> Snapshot:
        """Returns the snapshot with a newer run on top; small runs are merged, so few remain."""
        runs = [*self.runs, run]
        kept = max(merging.kept, self.frozen_count)
        while len(runs) > kept + 1 and _due(runs[-2], runs[-1]):
            if runs[-2].row_count + runs[-1].row_count > merging.most_rows:
                break
            newer, older = runs.pop(), runs.pop()
            runs.append(merge(older, newer, bottom=not runs))
        return replace(self, sequence=sequence, runs=tuple(runs))

    def with_lacking(self, lacking: Mapping[int, int]) -> Snapshot:
        """Returns the snapshot with as many listings that lack a token of the target's epoch."""
        return self if lacking is self.lacking else replace(self, lacking=lacking)

    def with_file(self, run: Run, sequence: int) -> Snapshot:
        """Returns the snapshot with a run on top whose columns are files."""
        return replace(self, sequence=sequence, runs=(*self.runs, run))

    def due_merge(self) -> int | None:
        """Returns the place of the older of two neighbours that should be merged, or None."""
        for place in reversed(range(self.frozen_count, len(self.runs) - 1)):
            if _due(self.runs[place], self.runs[place + 1]):
                return place
        return None

    def at(self, sequence: int) -> Snapshot:
        """Returns the same listings as they stand at a later sequence."""
        return replace(self, sequence=sequence)

    def with_merged(self, place: int, merged: Run) -> Snapshot:
        """Returns the snapshot with the runs at `place` and above it replaced by one."""
        runs = (*self.runs[:place], merged, *self.runs[place + 2 :])
        return replace(self, runs=runs)

    def _collect(self, find: Callable[[Run], Matches]) -> Matches:
        """Gathers matches of all runs, without rows that a newer run replaces."""
        found: list[Matches] = []
        for place, run in enumerate(self.runs):
            match = find(run)
            for newer in self.runs[place + 1 :]:
                if match.query.size and newer.replaced.size:
                    holds = ~newer.replaces(match.rows["listing_id"])
                    match = Matches(match.query[holds], pick_rows(match.rows, holds))
            if match.query.size:
                found.append(match)
        if not found:
            return Matches(np.zeros(0, np.int64), np.zeros(0, LISTING_DTYPE))
        query = np.concatenate([match.query for match in found])
        rows = join_rows([match.rows for match in found])
        order = np.lexsort((rows["listing_id"], query))
        return Matches(query[order], pick_rows(rows, order))


def _due(older: Run, newer: Run) -> bool:
    if older.on_disk or newer.on_disk:
        return False
    return older.row_count < MERGE_RATIO * (newer.row_count + newer.replaced.size)
