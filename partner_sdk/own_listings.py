"""A partner's own live listings, page by page. They hold tokens; the hub has no identifiers."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partner_sdk.errors import AnswerMalformedError
from partner_sdk.verdicts import category_of, read_date
from rongan_share.v1.contribution_service_pb2 import ListOwnListingsRequest
from rongan_share.wire.frames import TOKEN_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from partner_sdk.calls import Connections
    from rongan_share.v1.contribution_service_pb2 import ListOwnListingsResponse
    from rongan_share.wire.taxonomy import Taxonomy

PAGE_LISTINGS = 1_000
"""Listings asked for at once, the most that a hub gives."""


@dataclass(frozen=True, slots=True)
class OwnListing:
    """One live listing of the partner itself.

    Attributes:
        listing_id: The hub's number of the listing.
        reference: 16 bytes, the partner's own record of the subject.
        category: Code.
        expiry_date: The last day it holds, which may be past; None = no end set.
        token: 16 bytes, as contributed.
    """

    listing_id: int
    reference: bytes
    category: str
    expiry_date: date | None
    token: bytes = field(repr=False)


def list_own(
    connections: Connections, taxonomy: Taxonomy, *, timeout_seconds: float
) -> Iterator[OwnListing]:
    """Yields all own live listings, ordered by listing id; asks for a page when one is used up.

    Raises:
        HubRefusalError: The hub refused a page, or could not be reached.
        AnswerMalformedError: A page does not hold together or does not follow the one before.
    """
    page_token, last = "", 0
    while True:
        page = connections.call(
            lambda stubs: stubs.contribution.ListOwnListings,
            ListOwnListingsRequest(page_size=PAGE_LISTINGS, page_token=page_token),
            timeout_seconds=timeout_seconds,
        )
        for listing in read_page(page, taxonomy):
            if listing.listing_id <= last:
                raise AnswerMalformedError("the hub's pages do not follow one another")
            last = listing.listing_id
            yield listing
        page_token = page.next_page_token
        if not page_token:
            return
        if not page.listing_id:
            # Without this a broken hub could send empty pages for ever.
            raise AnswerMalformedError("an empty page that is not the last one")


def read_page(page: ListOwnListingsResponse, taxonomy: Taxonomy) -> Iterator[OwnListing]:
    """Reads the columns of a page.

    Raises:
        AnswerMalformedError: A column does not fit, or a category bit does not exist.
    """
    count = len(page.category)
    widths = ((page.listing_id, 8), (page.expiry_day, 2))
    wide = ((page.reference, TOKEN_BYTES), (page.token, TOKEN_BYTES))
    if any(len(column) != width * count for column, width in (*widths, *wide)):
        raise AnswerMalformedError("a column does not fit the page of listings")
    ids = struct.unpack(f"<{count}Q", page.listing_id)
    days = struct.unpack(f"<{count}H", page.expiry_day)
    for place, (listing_id, bit, day) in enumerate(zip(ids, page.category, days, strict=True)):
        at = slice(place * TOKEN_BYTES, (place + 1) * TOKEN_BYTES)
        yield OwnListing(
            listing_id=listing_id,
            reference=page.reference[at],
            category=category_of(bit, taxonomy),
            expiry_date=read_date(day),
            token=page.token[at],
        )
