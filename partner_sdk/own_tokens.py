"""Which listings a partner has, by reference, category and token: a set that millions fit into."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from partner_sdk.own_listings import OwnListing
    from rongan_share.wire.taxonomy import Taxonomy

_PARTS = 256


class OwnTokens:
    """Eight bytes for each listing. What is in it is very likely a listing, what is not is none."""

    def __init__(self, listings: Iterable[OwnListing], taxonomy: Taxonomy) -> None:
        """Reads the listings to their end.

        Args:
            listings: Own live listings.
            taxonomy: Knows their categories.
        """
        bits = {category.code: category.bit for category in taxonomy.categories}
        parts = [array("Q") for _ in range(_PARTS)]
        for listing in listings:
            mark = _mark(listing.reference, bits[listing.category], listing.token)
            parts[mark % _PARTS].append(mark)
        # Part by part: a list of all numbers would take five times the room.
        self._parts = [array("Q", sorted(part)) for part in parts]

    def has(self, reference: bytes, category: int, token: bytes) -> bool:
        """Tells whether there is such a listing."""
        mark = _mark(reference, category, token)
        part = self._parts[mark % _PARTS]
        place = bisect_left(part, mark)
        return place < len(part) and part[place] == mark


def _mark(reference: bytes, category: int, token: bytes) -> int:
    digest = hashlib.blake2b(reference + bytes([category]) + token, digest_size=8)
    return int.from_bytes(digest.digest(), "little")
