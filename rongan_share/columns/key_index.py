"""A key index: finds rows by 64-bit keys that are as good as random.

Keys stand sorted, beside each its row; a table of buckets over their first bits says where to
begin, so that a key is found in two steps through memory instead of one a bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rongan_share.columns import kernel

BUCKET_KEYS = 4
"""Keys in a bucket on average: as many as lie together in one line of a processor's cache."""

_KEY_BITS = 64


class KeyIndex(NamedTuple):
    """Keys, their rows, and where each bucket begins.

    Attributes:
        keys: u64, ascending; equal ones are allowed.
        order: u32, place of the row of each key.
        starts: u32, place in `keys` of the first key of each bucket, and behind the last.
        shift: By how many bits a key is shifted right to give its bucket.
        sieve: u64 for each bucket, tells of most keys that are not there that they are not; empty
            where look-ups do without.
    """

    keys: NDArray[np.uint64]
    order: NDArray[np.uint32]
    starts: NDArray[np.uint32]
    shift: int
    sieve: NDArray[np.uint64]

    @staticmethod
    def of_sorted(keys: NDArray[np.uint64], order: NDArray[np.uint32]) -> KeyIndex:
        """Makes the table of buckets over keys that are sorted already."""
        bits = bucket_bits(keys.size)
        shift = _KEY_BITS - bits
        counts = np.bincount((keys >> np.uint64(shift)).view(np.int64), minlength=1 << bits)
        starts = np.zeros(counts.size + 1, np.uint32)
        np.cumsum(counts, out=starts[1:])
        return KeyIndex(read_only(keys), read_only(order), read_only(starts), shift, NO_SIEVE)

    @staticmethod
    def of_rows(keys: NDArray[np.uint64]) -> KeyIndex:
        """Makes the index of the key of each row."""
        order = np.argsort(keys).astype(np.uint32)
        return KeyIndex.of_sorted(keys[order], order)

    def sieved(self) -> KeyIndex:
        """Returns the index with a sieve, for keys of which most that are asked are not there."""
        count = 1 << (_KEY_BITS - self.shift)
        sieve = kernel.sieve_of(self.keys, self.shift, first=0, count=count)
        return self._replace(sieve=read_only(sieve))

    def laid_over(self, older: KeyIndex, older_places: NDArray[np.uint32] | None) -> KeyIndex:
        """Merges two indexes whose rows were joined, older ones first.

        Args:
            older: The other index.
            older_places: New place of each row of it, or `GONE`; None where all stay.
        """
        old_keys, old_order = older.keys, older.order
        count = old_order.size
        if older_places is not None:
            places = older_places[old_order]
            kept = places != GONE
            old_keys, old_order = old_keys[kept], places[kept]
            count = old_order.size
        keys = np.concatenate((old_keys, self.keys))
        order = np.concatenate((old_order, self.order + np.uint32(count)))
        # Two sorted runs: a stable sort finds them and merges in linear time.
        by_key = np.argsort(keys, kind="stable")
        return KeyIndex.of_sorted(keys[by_key], order[by_key])

    def find(
        self, low: NDArray[np.uint64], high: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Finds the places of keys in closed ranges, of any width.

        Fast where a range lies within one bucket, as single keys and the tokens of one owner do:
        then two steps through memory find it.

        Args:
            low: Lowest key of each range.
            high: Highest key of each, not below the lowest.

        Returns:
            First place of each range, and the one behind its last.
        """
        return kernel.find(self, low, high)


def bucket_bits(key_count: int) -> int:
    """Returns how many first bits of a key tell its bucket."""
    return max((key_count // BUCKET_KEYS).bit_length() - 1, 1)


NO_SIEVE = np.zeros(0, np.uint64)
"""No sieve."""

GONE = np.uint32(0xFFFFFFFF)
"""Place of a row that is no more."""


def read_only(array: NDArray[np.generic]) -> NDArray[Any]:
    """Returns the array in one piece and for reading only, as columns are shared."""
    whole = np.ascontiguousarray(array)
    whole.setflags(write=False)
    return whole


def spread(
    query: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Turns ranges of positions into one (query, position) pair for each position."""
    length = last - first
    total = int(length.sum())
    starts = np.repeat(first - (np.cumsum(length) - length), length)
    return np.repeat(query, length), starts + np.arange(total)
