"""One sorted run of listings, immutable: found by token, by owner, or by listing id.

Rows stand in order of their listing ids. A run also names the listings of older runs that it
replaces or withdraws, so that runs can be laid over one another.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

OWNER_DTYPE = "S37"
"""Owner key: contributor u32 and reference, category and token, so compared from left to right."""

NEAR_ROWS = 1 << 16
"""Rows behind a listing id that are looked through for an owner's before its keys are used."""


class Matches(NamedTuple):
    """Rows found for keys, one item a row.

    Attributes:
        query: Index of the key, ascending.
        rows: The rows found (LISTING_DTYPE).
    """

    query: NDArray[np.int64]
    rows: NDArray[np.void]


class Owners(NamedTuple):
    """Rows by owner key.

    Attributes:
        keys: Owner keys (OWNER_DTYPE).
        order: Place of the row of each key.
    """

    keys: NDArray[np.bytes_]
    order: NDArray[np.int64]


NO_IDS = np.zeros(0, "<u8")
"""No listing ids."""


class Run:
    """A sorted run.

    Args:
        rows: Listings (LISTING_DTYPE), ascending by listing id.
        replaced: Ids of listings in older runs that no longer hold there, ascending.
        owners: Their owner keys, where those are known; the nearer to their order the better.
    """

    def __init__(
        self,
        rows: NDArray[np.void],
        replaced: NDArray[np.uint64],
        *,
        owners: Owners | None = None,
    ) -> None:
        self.rows = rows
        self.replaced = replaced
        token_hi, token_lo = split_tokens(rows["token"])
        # Half a token is enough to sort by: the other half is compared when one is found.
        self._token_order = np.argsort(token_hi)
        self._token_hi = token_hi[self._token_order]
        self._token_lo = token_lo[self._token_order]
        if owners is None:
            keys = owner_keys(
                rows["contributor"], rows["reference"], rows["category"], token=rows["token"]
            )
            owners = Owners(keys, np.arange(rows.size))
        by_owner = np.argsort(owners.keys, kind="stable")
        self.owners = Owners(owners.keys[by_owner], owners.order[by_owner])

    def __len__(self) -> int:
        return int(self.rows.size)

    def find_tokens(self, token_hi: NDArray[np.uint64], token_lo: NDArray[np.uint64]) -> Matches:
        """Finds the rows under each token, exactly to 16 bytes."""
        # Asked in order, neighbours share the cache lines of their search: half the time.
        asked = np.argsort(token_hi)
        keys = token_hi[asked]
        first = np.searchsorted(self._token_hi, keys, side="left")
        inside = np.minimum(first, max(len(self) - 1, 0))
        # Enciphered tokens are as good as random, so half a token almost always decides.
        hit = np.flatnonzero(self._token_hi[inside] == keys) if len(self) else inside[:0]
        last = np.searchsorted(self._token_hi, keys[hit], side="right")
        place, position = spread(hit, first[hit], last)
        query = asked[place]
        exact = self._token_lo[position] == token_lo[query]
        query, position = query[exact], position[exact]
        order = np.argsort(query, kind="stable")
        return Matches(query[order], self.rows[self._token_order[position[order]]])

    def find_owned(self, low: NDArray[np.bytes_], high: NDArray[np.bytes_]) -> Matches:
        """Finds the rows whose owner key lies in each closed range."""
        asked = np.argsort(low, kind="stable")
        first = np.searchsorted(self.owners.keys, low[asked], side="left")
        last = np.searchsorted(self.owners.keys, high[asked], side="right")
        place, position = spread(np.arange(low.size), first, last)
        query = asked[place]
        order = np.argsort(query, kind="stable")
        return Matches(query[order], self.rows[self.owners.order[position[order]]])

    def list_owned(self, contributor: int, after: int, *, most: int) -> NDArray[np.void]:
        """Returns a contributor's rows behind a listing id, ordered by it: the first of them."""
        # bisect reads a few ids in place, where numpy would first copy the whole column.
        start = bisect_right(self.rows["listing_id"], after)
        near = self.rows["contributor"][start : start + NEAR_ROWS] == contributor
        position = start + np.flatnonzero(near)
        if position.size < most and start + NEAR_ROWS < len(self):
            position = self._owned_positions(contributor)
            position = position[position >= start]
            if position.size > most:
                position = np.partition(position, most - 1)[:most]
            position.sort()
        return self.rows[position[:most]]

    def _owned_positions(self, contributor: int) -> NDArray[np.int64]:
        """Returns the places of all rows of a contributor, in no order of use."""
        number = np.full(2, contributor, np.uint32)
        reference, token = (np.array([b"", b"\xff" * 16], "S16") for _ in range(2))
        ends = owner_keys(number, reference, np.array([0, 255], np.uint8), token=token)
        first = np.searchsorted(self.owners.keys, ends[0], side="left")
        last = np.searchsorted(self.owners.keys, ends[1], side="right")
        return self.owners.order[first:last]

    def find_ids(self, listing_ids: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Returns the position of each listing id in `rows`, or -1."""
        if not len(self):
            return np.full(listing_ids.size, -1, np.int64)
        position = np.searchsorted(self.rows["listing_id"], listing_ids)
        position = np.minimum(position, len(self) - 1)
        return np.where(self.rows["listing_id"][position] == listing_ids, position, -1)

    def replaces(self, listing_ids: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Tells which listings of older runs no longer hold there."""
        if not self.replaced.size:
            return np.zeros(listing_ids.size, np.bool_)
        position = np.searchsorted(self.replaced, listing_ids)
        nearest = self.replaced[np.minimum(position, self.replaced.size - 1)]
        same: NDArray[np.bool_] = nearest == listing_ids
        return same


def merge(older: Run, newer: Run, *, bottom: bool) -> Run:
    """Lays one run over the next older one.

    Args:
        older: The older run.
        newer: The run directly above it.
        bottom: Whether nothing lies below `older`, so that no replaced ids need be remembered.
    """
    replaced = NO_IDS if bottom else np.union1d(older.replaced, newer.replaced)
    if not newer.replaced.size and len(older) and len(newer):
        first, last = newer.rows["listing_id"][0], older.rows["listing_id"][-1]
        if last < first:
            # The usual case, a run of new listings: two sorted halves merge in linear time.
            owners = Owners(
                np.concatenate((older.owners.keys, newer.owners.keys)),
                np.concatenate((older.owners.order, newer.owners.order + len(older))),
            )
            return Run(np.concatenate((older.rows, newer.rows)), replaced, owners=owners)
    kept = older.rows[~np.isin(older.rows["listing_id"], newer.replaced)]
    rows = np.concatenate((kept, newer.rows))
    rows = rows[np.argsort(rows["listing_id"], kind="stable")]
    return Run(rows, replaced)


def split_tokens(tokens: NDArray[np.bytes_]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Splits 16-byte tokens into halves whose numeric order is the byte order."""
    halves = np.ascontiguousarray(tokens).view(">u8").reshape(-1, 2)
    return halves[:, 0].astype(np.uint64), halves[:, 1].astype(np.uint64)


def owner_keys(
    contributor: NDArray[np.uint32],
    reference: NDArray[np.bytes_],
    category: NDArray[np.uint8],
    *,
    token: NDArray[np.bytes_],
) -> NDArray[np.bytes_]:
    """Joins (partner, reference, category, token) into one comparable key a row."""
    keys = np.zeros((reference.size, 37), np.uint8)
    keys[:, 0:4] = contributor.astype(">u4").view(np.uint8).reshape(-1, 4)
    keys[:, 4:20] = np.ascontiguousarray(reference).view(np.uint8).reshape(-1, 16)
    keys[:, 20] = category
    keys[:, 21:37] = np.ascontiguousarray(token).view(np.uint8).reshape(-1, 16)
    return keys.reshape(-1).view(OWNER_DTYPE)


def spread(
    query: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Turns ranges of positions into one (query, position) pair for each position."""
    length = last - first
    total = int(length.sum())
    starts = np.repeat(first - (np.cumsum(length) - length), length)
    return np.repeat(query, length), starts + np.arange(total)
