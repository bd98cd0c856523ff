"""One sorted run of listings, immutable: found by token, by owner, or by listing id.

Rows stand in order of their listing ids. A run also names the listings of older runs that it
replaces or withdraws, so that runs can be laid over one another.

Everything outside this file speaks of listing ids as they are known everywhere; only what stands in
`Run.rows` is counted from the run's base, so that a run can be written before its ids are known.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rongan_share.columns.key_index import GONE, KeyIndex, read_only, spread
from rongan_share.columns.rows import join_rows, pick_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rongan_share.columns.owner_keys import OwnerKeys

STRETCH_DTYPE = np.dtype([("contributor", "<u4"), ("first", "<u4"), ("last", "<u4")])
"""Neighbouring rows of one contributor: from `first` on, up to before `last`."""

NO_IDS = np.zeros(0, "<u8")
"""No listing ids."""


class Matches(NamedTuple):
    """Rows found for keys, one item a row.

    Attributes:
        query: Index of the key, ascending.
        rows: The rows found (LISTING_DTYPE).
    """

    query: NDArray[np.int64]
    rows: NDArray[np.void]


class Run(NamedTuple):
    """A sorted run.

    Attributes:
        rows: Listings (LISTING_DTYPE), ascending by listing id, which is counted from `id_base`.
        replaced: Ids of listings in older runs that no longer hold there, ascending.
        tokens: Rows by the first half of their token.
        owners: Rows by their owner key.
        stretches: Rows by contributor, then place (STRETCH_DTYPE).
        id_base: What is added to the ids in `rows` to give listing ids; `replaced` has it already.
        on_disk: Whether its columns are files, which are never merged while look-ups are served.
        rekeyed: Ids of listings of older runs whose token is another one since, ascending; whether
            they live is not said.
    """

    rows: NDArray[np.void]
    replaced: NDArray[np.uint64]
    tokens: KeyIndex
    owners: KeyIndex
    stretches: NDArray[np.void]
    id_base: int = 0
    on_disk: bool = False
    rekeyed: NDArray[np.uint64] = NO_IDS

    @staticmethod
    def of_rows(
        rows: NDArray[np.void],
        replaced: NDArray[np.uint64],
        *,
        owner_keys: OwnerKeys,
        id_base: int = 0,
        rekeyed: NDArray[np.uint64] = NO_IDS,
    ) -> Run:
        """Makes a run of listings and builds its indexes.

        Args:
            rows: Listings (LISTING_DTYPE), ascending by listing id: they are taken as they stand.
            replaced: Ids of listings in older runs that no longer hold there, ascending.
            owner_keys: Makes the keys of the second index.
            id_base: From where the ids in `rows` are counted.
            rekeyed: Ids of those of `replaced` that have another token since, ascending.
        """
        return Run(
            read_only(rows),
            read_only(replaced),
            KeyIndex.of_rows(token_keys(rows["token"])).sieved(),
            KeyIndex.of_rows(owner_keys.of_rows(rows)),
            stretches_of(rows["contributor"]),
            id_base,
            rekeyed=read_only(rekeyed),
        )

    @property
    def row_count(self) -> int:
        """Number of listings."""
        return int(self.rows.size)

    def pick(self, wanted: NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.void]:
        """Copies rows by their places, or by a mask over them, with their listing ids."""
        rows = pick_rows(self.rows, wanted)
        if self.id_base:
            rows["listing_id"] += np.uint64(self.id_base)
        return rows

    def stretch(self, begin: int, end: int) -> NDArray[np.void]:
        """Returns the rows from one place up to before another, with their listing ids."""
        rows = self.rows[begin:end]
        if self.id_base:
            rows = rows.copy()
            rows["listing_id"] += np.uint64(self.id_base)
        return rows

    def find_tokens(self, tokens: NDArray[np.bytes_]) -> Matches:
        """Finds the rows under each token, exactly to 16 bytes."""
        keys = token_keys(tokens)
        query, position = self._spread(self.tokens, keys, keys)
        # Enciphered tokens are as good as random, so half a token almost always decides.
        exact = self.rows["token"][position] == tokens[query]
        return self._matches(query[exact], position[exact])

    def find_owned(self, asked: OwnedQuestion) -> Matches:
        """Finds a contributor's rows."""
        query, position = self._spread(self.owners, asked.low, asked.high)
        rows, token = self.rows, asked.token[query]
        exact = rows["contributor"][position] == asked.contributor
        exact &= rows["reference"][position] == asked.reference[query]
        exact &= rows["category"][position] == asked.category[query]
        exact &= (token == b"") | (rows["token"][position] == token)
        return self._matches(query[exact], position[exact])

    def list_owned(self, contributor: int, after: int, *, most: int) -> NDArray[np.void]:
        """Returns a contributor's rows behind a listing id, ordered by it: the first of them."""
        # bisect reads a few ids in place, where numpy would first copy the whole column.
        start = bisect_right(self.rows["listing_id"], max(after - self.id_base, -1))
        names = self.stretches["contributor"]
        begin = int(np.searchsorted(names, np.uint32(contributor), side="left"))
        end = int(np.searchsorted(names, np.uint32(contributor), side="right"))
        begin += bisect_right(self.stretches["last"][begin:end], start)
        # Each stretch has a row at least.
        some = self.stretches[begin : min(begin + most, end)]
        first = np.maximum(some["first"].astype(np.int64), start)
        last = np.minimum(some["last"].astype(np.int64), first + most)
        _, position = spread(np.zeros(some.size, np.int64), first, last)
        return self.pick(position[:most])

    def find_ids(self, listing_ids: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Returns the position of each listing id in `rows`, or -1."""
        column = self.rows["listing_id"]
        if not column.size:
            return np.full(listing_ids.size, -1, np.int64)
        # Ids below the base wrap around to numbers above any that can stand in a run.
        relative = listing_ids - np.uint64(self.id_base)
        low = np.zeros(listing_ids.size, np.int64)
        high = np.full(listing_ids.size, column.size, np.int64)
        # By halves, all at once and in place: numpy's own search would first copy the column.
        for _ in range(int(column.size).bit_length()):
            middle = np.minimum((low + high) >> 1, column.size - 1)
            below = (column[middle] < relative) & (low < high)
            high = np.where(below, high, middle)
            low = np.where(below, middle + 1, low)
        position = np.minimum(low, column.size - 1)
        return np.where(column[position] == relative, position, -1)

    def replaces(self, listing_ids: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Tells which listings of older runs no longer hold there."""
        if not self.replaced.size:
            return np.zeros(listing_ids.size, np.bool_)
        position = np.searchsorted(self.replaced, listing_ids)
        nearest = self.replaced[np.minimum(position, self.replaced.size - 1)]
        same: NDArray[np.bool_] = nearest == listing_ids
        return same

    def _matches(self, query: NDArray[np.int64], position: NDArray[np.int64]) -> Matches:
        return Matches(query, self.pick(position))

    @staticmethod
    def _spread(
        index: KeyIndex, low: NDArray[np.uint64], high: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        first, last = index.find(low, high)
        hit = np.flatnonzero(last > first)
        query, place = spread(hit, first[hit], last[hit])
        return query, index.order[place].astype(np.int64)


class OwnedQuestion(NamedTuple):
    """Which of a contributor's own listings are looked for; a token of zeros stands for any.

    Attributes:
        contributor: Its partner number.
        reference: 16 bytes each.
        category: Bit number each.
        token: Enciphered token each, or zeros.
        low: Lowest owner key each.
        high: Highest owner key each.
    """

    contributor: int
    reference: NDArray[np.bytes_]
    category: NDArray[np.uint8]
    token: NDArray[np.bytes_]
    low: NDArray[np.uint64]
    high: NDArray[np.uint64]


def merge(older: Run, newer: Run, *, bottom: bool) -> Run:
    """Lays one run over the next older one.

    Args:
        older: The older run.
        newer: The run directly above it.
        bottom: Whether nothing lies below `older`, so that no replaced ids need be remembered.
    """
    replaced = NO_IDS if bottom else _united(older.replaced, newer.replaced)
    rekeyed = NO_IDS if bottom else _united(older.rekeyed, newer.rekeyed)
    gone = older.find_ids(newer.replaced)
    gone = gone[gone >= 0]
    places: NDArray[np.uint32] | None = None
    rows = older.stretch(0, older.row_count)
    if gone.size:
        stays = np.ones(older.row_count, np.bool_)
        stays[gone] = False
        places = np.where(stays, np.cumsum(stays, dtype=np.uint32) - np.uint32(1), GONE)
        rows = pick_rows(rows, stays)
    rows = join_rows((rows, newer.stretch(0, newer.row_count)))
    tokens = newer.tokens.laid_over(older.tokens, places).sieved()
    owners = newer.owners.laid_over(older.owners, places)
    ids = rows["listing_id"]
    if ids.size and (ids[1:] < ids[:-1]).any():
        # Amended listings keep their ids, so they go back between the older ones.
        by_id = np.argsort(ids, kind="stable")
        place = np.empty(by_id.size, np.uint32)
        place[by_id] = np.arange(by_id.size, dtype=np.uint32)
        rows = pick_rows(rows, by_id)
        tokens = tokens._replace(order=read_only(place[tokens.order]))
        owners = owners._replace(order=read_only(place[owners.order]))
    stretches = stretches_of(rows["contributor"])
    return Run(
        read_only(rows),
        read_only(replaced),
        tokens,
        owners,
        stretches,
        rekeyed=read_only(rekeyed),
    )


def _united(some: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Joins ascending ids; mostly there are none of one kind, and nothing is sorted."""
    if not some.size or not others.size:
        return some if some.size else others
    # Two sorted runs: a stable sort finds them and merges in linear time, which no hashing does.
    joined = np.sort(np.concatenate((some, others)), kind="stable")
    united: NDArray[np.uint64] = joined[np.append(True, joined[1:] != joined[:-1])]
    return united


def token_keys(tokens: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """Returns the first half of each token as a number; the order of numbers is that of bytes."""
    halves = np.ascontiguousarray(tokens).view(">u8").reshape(-1, 2)
    return halves[:, 0].astype(np.uint64)


def stretches_of(contributors: NDArray[np.uint32]) -> NDArray[np.void]:
    """Finds neighbouring rows of one contributor."""
    ends = np.flatnonzero(contributors[1:] != contributors[:-1]) + 1
    first = np.concatenate(([0], ends)) if contributors.size else ends
    stretches = np.zeros(first.size, STRETCH_DTYPE)
    stretches["first"] = first
    stretches["last"] = np.append(first[1:], contributors.size) if first.size else first
    stretches["contributor"] = contributors[first]
    return read_only(stretches[np.argsort(stretches["contributor"], kind="stable")])
