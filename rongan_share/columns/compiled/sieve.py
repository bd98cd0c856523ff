"""A sieve of keys: tells for most keys that are not there that they are not, from one word each.

A Bloom filter of one word a bucket, so that a key costs one step through memory; four bits of it
are set for each key, as its last bits say. With 8 to 16 bits a key 3 to 0.3 % of the keys that are
not there pass.
Source: Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIX = np.uint64(6)
_ONE, _LAST = np.uint64(1), np.uint64(63)


def make_sieve(
    keys: NDArray[np.uint64], shift: int, *, first: int, count: int
) -> NDArray[np.uint64]:
    """Makes the sieve of some buckets; see `kernel.sieve_of`."""
    words = np.zeros(count, np.uint64)
    _fill(words, keys, shift, first)
    return words


@njit(cache=True, nogil=True)
def _fill(words: Any, keys: Any, shift: int, first: int) -> None:
    shifted = np.uint64(shift)
    for key in keys:
        words[np.int64(key >> shifted) - first] |= bits_of(key)


@njit(cache=True, nogil=True, inline="always")
def bits_of(key: Any) -> Any:
    """Returns the bits that are set for a key."""
    bits = _ONE << (key & _LAST)
    key >>= _SIX
    bits |= _ONE << (key & _LAST)
    key >>= _SIX
    bits |= _ONE << (key & _LAST)
    key >>= _SIX
    return bits | (_ONE << (key & _LAST))
