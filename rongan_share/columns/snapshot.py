"""A snapshot: what all journal frames up to one sequence say, as a few runs laid over one another.

This is the interface of look-ups. Readers hold a snapshot for one answer and never see it change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rongan_share.columns.run import NO_IDS, Matches, Run, merge, owner_keys, split_tokens
from rongan_share.errors import Reason, RonganError
from rongan_share.model.listing import LISTING_DTYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MERGE_RATIO = 4
"""A run is merged into the one below it unless that is at least this many times larger."""

_LAST_TOKEN = b"\xff" * 16

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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All live listings up to a sequence.

    Attributes:
        sequence: The last frame that is in it.
        runs: Oldest first; a newer run overrules older ones.
    """

    sequence: int
    runs: tuple[Run, ...] = ()

    @property
    def listing_count(self) -> int:
        """Number of live listings, expired or not."""
        count = 0
        for place, run in enumerate(self.runs):
            # A listing may be replaced in several newer runs, and must be taken off once.
            replaced = np.unique(
                np.concatenate([NO_IDS, *(newer.replaced for newer in self.runs[place + 1 :])])
            )
            count += len(run) - int(np.count_nonzero(run.find_ids(replaced) >= 0))
        return count

    def find_tokens(self, enciphered: bytes) -> Matches:
        """Finds every live listing under each token.

        Args:
            enciphered: 16 bytes a token, enciphered under the hub's key.

        Returns:
            Token index and row of each listing found, ordered by token index, then listing id.
        """
        tokens = np.frombuffer(enciphered, "S16")
        token_hi, token_lo = split_tokens(tokens)
        return self._collect(lambda run: run.find_tokens(token_hi, token_lo))

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
        every = np.full(reference.size, _LAST_TOKEN, "S16")
        low = owner_keys(partners, reference, category, token=token)
        high = owner_keys(partners, reference, category, token=np.where(token == b"", every, token))
        return self._collect(lambda run: run.find_owned(low, high))

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
        return np.concatenate(found)[:most]

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
        rows = np.concatenate(found)
        rows = rows[np.argsort(rows["listing_id"], kind="stable")]
        return rows if last is None else rows[rows["listing_id"] <= last], last

    def rows_of(self, listing_ids: NDArray[np.uint64]) -> NDArray[np.void]:
        """Returns the present rows of listings that live in this snapshot, in the order asked.

        Raises:
            RonganError: STORE_CORRUPT, a listing does not live here.
        """
        rows = np.zeros(listing_ids.size, LISTING_DTYPE)
        missing = np.ones(listing_ids.size, np.bool_)
        for run in reversed(self.runs):
            position = run.find_ids(listing_ids)
            found = missing & (position >= 0)
            rows[found] = run.rows[position[found]]
            missing &= ~found & ~np.isin(listing_ids, run.replaced)
        if (rows["listing_id"] != listing_ids).any():
            raise RonganError(Reason.STORE_CORRUPT)
        return rows

    def extend(self, run: Run, sequence: int, *, merging: Merging = AT_ONCE) -> Snapshot:
        """Returns the snapshot with a newer run on top; small runs are merged, so few remain."""
        runs = [*self.runs, run]
        while len(runs) > merging.kept + 1 and _due(runs[-2], runs[-1]):
            if len(runs[-2]) + len(runs[-1]) > merging.most_rows:
                break
            newer, older = runs.pop(), runs.pop()
            runs.append(merge(older, newer, bottom=not runs))
        return Snapshot(sequence, tuple(runs))

    def due_merge(self) -> int | None:
        """Returns the place of the older of two neighbours that should be merged, or None."""
        for place in reversed(range(len(self.runs) - 1)):
            if _due(self.runs[place], self.runs[place + 1]):
                return place
        return None

    def with_merged(self, place: int, merged: Run) -> Snapshot:
        """Returns the snapshot with the runs at `place` and above it replaced by one."""
        runs = (*self.runs[:place], merged, *self.runs[place + 2 :])
        return Snapshot(self.sequence, runs)

    def _collect(self, find: Callable[[Run], Matches]) -> Matches:
        """Gathers matches of all runs, without rows that a newer run replaces."""
        found: list[Matches] = []
        for place, run in enumerate(self.runs):
            match = find(run)
            for newer in self.runs[place + 1 :]:
                if match.query.size and newer.replaced.size:
                    holds = ~np.isin(match.rows["listing_id"], newer.replaced)
                    match = Matches(match.query[holds], match.rows[holds])
            if match.query.size:
                found.append(match)
        if not found:
            return Matches(np.zeros(0, np.int64), np.zeros(0, LISTING_DTYPE))
        query = np.concatenate([match.query for match in found])
        rows = np.concatenate([match.rows for match in found])
        order = np.lexsort((rows["listing_id"], query))
        return Matches(query[order], rows[order])


def _due(older: Run, newer: Run) -> bool:
    return len(older) < MERGE_RATIO * (len(newer) + newer.replaced.size)
