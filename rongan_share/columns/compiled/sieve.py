"""A sieve of keys: tells for most keys that are not there that they are not, from one word each.

A Bloom filter whose bits for one key lie in one word, so that a key costs one step through memory.
Which word is said by the first half of a key and which bits by the second; sorted keys thus fill
their sieve from its beginning to its end.
Source: Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY_BITS = 8
"""Bits a key: with four of them set, 3 % of keys that are not there pass."""

_WORD_BITS = 64
_HALF, _SIX = np.uint64(32), np.uint64(6)
_ONE, _LAST = np.uint64(1), np.uint64(63)


def make_sieve(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Makes the sieve of keys, which are as good as random."""
    words = np.zeros(keys.size * KEY_BITS // _WORD_BITS + 1, np.uint64)
    _fill(words, keys)
    words.setflags(write=False)
    return words


@njit(cache=True, nogil=True)
def _fill(words: Any, keys: Any) -> None:
    for key in keys:
        words[word_of(key, words.size)] |= bits_of(key)


@njit(cache=True, nogil=True, inline="always")
def word_of(key: Any, size: int) -> Any:
    """Returns the place of a key's word."""
    return np.int64(((key >> _HALF) * np.uint64(size)) >> _HALF)


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
