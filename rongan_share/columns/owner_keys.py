"""Owner keys: 64 bits for (partner, reference, category) above, and for the token below.

A contributor chooses its own references. Mixed under a secret, none can choose them so that their
keys meet, which would make its look-ups slow for everyone.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_HALF = np.uint64(32)
_LOWER = np.uint64(0xFFFFFFFF)
_ROUNDS = ((30, np.uint64(0xBF58476D1CE4E5B9)), (27, np.uint64(0x94D049BB133111EB)))


class OwnerKeys(NamedTuple):
    """Makes owner keys under one secret.

    Attributes:
        first: Mixed with a reference's first half.
        second: Mixed with its second half.
        third: Mixed with partner and category.
        fourth: Mixed with the token.
    """

    first: np.uint64
    second: np.uint64
    third: np.uint64
    fourth: np.uint64

    @staticmethod
    def of_secret(secret: bytes) -> OwnerKeys:
        """Makes them from a secret of any length."""
        words = np.frombuffer(hashlib.blake2b(secret, digest_size=32).digest(), "<u8")
        return OwnerKeys(*words)

    def ranges(
        self,
        contributor: NDArray[np.uint32],
        reference: NDArray[np.bytes_],
        category: NDArray[np.uint8],
        *,
        token: NDArray[np.bytes_],
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Returns the lowest and highest key of each owner; all of its tokens where one is zero."""
        upper = self._owners(contributor, reference, category)
        named = token != b""
        lower = self._tokens(token)
        low = upper | np.where(named, lower, np.uint64(0))
        return low, upper | np.where(named, lower, _LOWER)

    def of_rows(self, rows: NDArray[np.void]) -> NDArray[np.uint64]:
        """Returns the key of each listing (LISTING_DTYPE)."""
        upper = self._owners(rows["contributor"], rows["reference"], rows["category"])
        return upper | self._tokens(rows["token"])

    def _owners(
        self,
        contributor: NDArray[np.uint32],
        reference: NDArray[np.bytes_],
        category: NDArray[np.uint8],
    ) -> NDArray[np.uint64]:
        halves = np.ascontiguousarray(reference).view("<u8").reshape(-1, 2)
        owner = contributor.astype(np.uint64) << np.uint64(8) | category
        mixed = _mix(halves[:, 0] ^ self.first)
        mixed = _mix(mixed ^ halves[:, 1] ^ self.second)
        return _mix(mixed ^ owner ^ self.third) >> _HALF << _HALF

    def _tokens(self, token: NDArray[np.bytes_]) -> NDArray[np.uint64]:
        halves = np.ascontiguousarray(token).view("<u8").reshape(-1, 2)
        return _mix(halves[:, 0] ^ _mix(halves[:, 1] ^ self.fourth)) >> _HALF


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scrambles numbers one to one, after the SplitMix64 generator of Steele, Lea and Flood."""
    mixed = numbers
    for shift, factor in _ROUNDS:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * factor
    return mixed ^ (mixed >> np.uint64(31))
