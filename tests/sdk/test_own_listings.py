"""Usage and own listings as a hub sends them, and every way in which they may not add up."""

from __future__ import annotations

import struct
from datetime import date
from typing import Any, TypeAlias

import pytest

from partner_sdk import AnswerMalformedError, OwnListing
from partner_sdk.agreements import read_taxonomy
from partner_sdk.own_listings import read_page
from partner_sdk.own_tokens import OwnTokens
from partner_sdk.usage import read_usage
from rongan_share.v1 import agreement_service_pb2 as agreement_pb
from rongan_share.v1.agreement_pb2 import Quota
from rongan_share.v1.contribution_service_pb2 import ListOwnListingsResponse
from rongan_share.v1.verdict_service_pb2 import QuotaLeft
from tests.sdk.doubles import E4_BIT, FakeHub, fake_hub, taxonomy

TAXONOMY = read_taxonomy(taxonomy())
Column: TypeAlias = Any
"""A value as the field takes it."""

LIMITS = {"rate_per_second": 1, "burst_count": 2, "day_count": 3, "month_count": 4}


def page(first: int, count: int, **changes: Column) -> ListOwnListingsResponse:
    """Makes a page of listings with ids from `first` on; with changes."""
    fields: dict[str, Any] = {
        "listing_id": struct.pack(f"<{count}Q", *range(first, first + count)),
        "reference": b"".join(bytes([first + at]) * 16 for at in range(count)),
        "category": bytes([E4_BIT]) * count,
        "token": bytes(16 * count),
        "expiry_day": struct.pack(f"<{count}H", *range(count)),
    }
    return ListOwnListingsResponse(**{**fields, **changes})


def turned(hub: FakeHub, *pages: ListOwnListingsResponse) -> tuple[list[OwnListing], list[str]]:
    """Lists all that these pages hold; returns it with the page tokens that were sent."""
    listing = hub.start(lambda: list(hub.client.own_listings()))
    hub.answer("GetTaxonomy", taxonomy())
    sent = [hub.answer("ListOwnListings", each).page_token for each in pages]
    return listing.result(5), sent


def test_pages_are_turned_to_the_last() -> None:
    """Each page's token asks for the next, and listings come in order, typed."""
    with fake_hub() as hub:
        listings, sent = turned(
            hub, page(1, 2, next_page_token="a"), page(7, 1, next_page_token="b"), page(9, 0)
        )
    assert sent == ["", "a", "b"]
    assert [one.listing_id for one in listings] == [1, 2, 7]
    assert [one.reference for one in listings] == [bytes([at]) * 16 for at in (1, 2, 7)]
    assert [one.expiry_date for one in listings] == [None, date(1970, 1, 2), None]
    assert {one.category for one in listings} == {"E4"}
    assert "token" not in repr(listings[0])


@pytest.mark.parametrize(
    "pages",
    [
        (page(5, 2, next_page_token="a"), page(6, 1)),
        (page(5, 2, next_page_token="a"), page(1, 1)),
        (page(0, 1),),
        (page(1, 0, next_page_token="a"),),
    ],
    ids=["again", "back", "zero", "endless"],
)
def test_pages_that_do_not_follow(pages: tuple[ListOwnListingsResponse, ...]) -> None:
    """Pages that repeat, go back or never end are an error, not a list."""
    with fake_hub() as hub, pytest.raises(AnswerMalformedError):
        turned(hub, *pages)


@pytest.mark.parametrize(
    "changes",
    [
        {"listing_id": bytes(15)},
        {"reference": bytes(16)},
        {"token": b""},
        {"expiry_day": bytes(5)},
        {"category": bytes([E4_BIT, 64])},
        {"category": b""},
    ],
    ids=str,
)
def test_page_that_does_not_hold_together(changes: dict[str, Any]) -> None:
    """A column that does not fit, or a category that cannot be, refuses the page."""
    with pytest.raises(AnswerMalformedError):
        list(read_page(page(1, 2, **changes), TAXONOMY))


def meter(number: int, **changes: Column) -> agreement_pb.MeterUsage:
    """Makes what was spent of one quota; with changes."""
    fields: dict[str, Any] = {
        "meter": number,
        "quota": Quota(**LIMITS),
        "day": 1,
        "day_spent_count": 5,
        "month_spent_count": 6,
        "left": QuotaLeft(burst_count=7, day_count=8, month_count=9),
    }
    return agreement_pb.MeterUsage(**{**fields, **changes})


def test_usage_is_read() -> None:
    """Both meters are read whatever their order, and one that is newer than the SDK is left out."""
    reply = agreement_pb.GetUsageResponse(meters=[meter(9), meter(2, day=2), meter(1)])
    with fake_hub() as hub:
        asked = hub.start(hub.client.usage)
        hub.answer("GetUsage", reply)
        usage = asked.result(5)
    assert usage == read_usage(reply)
    assert (usage.query.counted_date, usage.contribution.counted_date) == (
        date(1970, 1, 2),
        date(1970, 1, 3),
    )
    assert (usage.query.day_spent_count, usage.query.month_spent_count) == (5, 6)
    assert (usage.query.quota.month_count, usage.query.left.burst_count) == (4, 7)


@pytest.mark.parametrize("meters", [[meter(1)], [meter(2)], [meter(1, day=70_000), meter(2)]])
def test_usage_that_cannot_be_read(meters: list[agreement_pb.MeterUsage]) -> None:
    """A meter that is missing or a date that is none is an error, never zero."""
    with pytest.raises(AnswerMalformedError):
        read_usage(agreement_pb.GetUsageResponse(meters=meters))


def test_own_tokens_know_each_listing() -> None:
    """Reference, category and token together are known, and none of them with another."""
    listings = list(read_page(page(1, 99), TAXONOMY))
    known = OwnTokens(listings, TAXONOMY)
    for one in listings:
        assert known.has(one.reference, E4_BIT, one.token)
        assert not known.has(one.reference, E4_BIT + 1, one.token)
        assert not known.has(one.reference, E4_BIT, bytes([7]) * 16)
    assert not known.has(bytes(16), E4_BIT, bytes(16))
