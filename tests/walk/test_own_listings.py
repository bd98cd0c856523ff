from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import RowOperation
from tests.support.clock import FakeClock
from tests.support.hub import HubUnderTest, Stubs, running_hub
from tests.walk.asking import (
    TIMEOUT,
    Row,
    contribute,
    entries_from,
    fresh,
    log_size,
    refused,
    withdrawal,
)

INVALID: tuple[str, str, dict[str, str]] = ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", {})


class Own(NamedTuple):
    """One listing as a page shows it."""

    listing_id: int
    reference: bytes
    category: int
    token: bytes
    expiry_day: int


def page(caller: Stubs, token: str = "", size: int = 0) -> contribution_pb.ListOwnListingsResponse:
    """Asks for a page."""
    request = contribution_pb.ListOwnListingsRequest(page_size=size, page_token=token)
    return caller.contributions.ListOwnListings(request, timeout=TIMEOUT)


def listings(answer: contribution_pb.ListOwnListingsResponse) -> list[Own]:
    """Reads the columns of a page."""
    count = len(answer.category)
    ids = struct.unpack(f"<{count}Q", answer.listing_id)
    days = struct.unpack(f"<{count}H", answer.expiry_day)
    assert len(answer.reference) == len(answer.token) == 16 * count
    return [
        Own(
            ids[at],
            answer.reference[16 * at : 16 * at + 16],
            answer.category[at],
            answer.token[16 * at : 16 * at + 16],
            days[at],
        )
        for at in range(count)
    ]


def pages(
    caller: Stubs, size: int, between: Callable[[], object] = lambda: None
) -> Iterator[list[Own]]:
    """Turns page after page."""
    token = ""
    while True:
        answer = page(caller, token, size)
        yield listings(answer)
        token = answer.next_page_token
        if not token:
            return
        between()


def new_rows(count: int) -> list[Row]:
    """Makes rows that nobody has had before; some tokens and references end in zeros."""
    return [Row(token=fresh()[:15] + b"\0", reference=fresh()[:14] + b"\0\0") for _ in range(count)]


def test_pages_hold_every_listing_as_contributed(hub: HubUnderTest) -> None:
    """All pages together show each listing once, ordered by id, with token and values as sent."""
    caller, other = hub.partner("o-all"), hub.partner("o-other")
    rows, hidden = new_rows(25), new_rows(5)
    today = shanghai_day(hub.clock.now())
    rows[3] = Row(token=fresh(), reference=rows[3].reference, expiry_day=today + 9)
    contribute(caller, rows[:10])
    contribute(other, hidden)
    contribute(caller, rows[10:])
    bit = packaged_taxonomy().by_code("E4").bit
    before = log_size(hub)
    for size in (1, 7, 24, 25, 26, 0):
        turned = list(pages(caller, size))
        shown = [own for each in turned for own in each]
        assert [own[1:] for own in shown] == [
            (row.reference, bit, row.token, row.expiry_day) for row in rows
        ]
        assert [own.listing_id for own in shown] == sorted({own.listing_id for own in shown})
        assert {len(each) for each in turned[:-1]} <= {size}
    entry = entries_from(hub, before)[0]
    assert (entry.kind, entry.counts) == ("INFORMATION", {"listings": 1})
    assert (entry.disclosure_digest, entry.snapshot_sequence > 0) == (b"", True)
    assert [own.token for own in listings(page(other))] == [row.token for row in hidden]


def test_pages_while_frames_are_added(hub: HubUnderTest) -> None:
    """What lives from first page to last is shown exactly once, whatever else comes and goes."""
    caller = hub.partner("o-moving")
    rows = new_rows(40)
    contribute(caller, rows[:20])
    contribute(caller, rows[20:])
    taken, amended = iter(rows[::4]), iter(rows[1::4])
    added: list[Row] = []

    def change() -> None:
        gone, kept = next(taken, None), next(amended, None)
        if gone is None or kept is None:
            return
        added.extend(new_rows(1))
        contribute(caller, added[-1:])
        contribute(caller, [withdrawal(gone.token, gone.reference)])
        amendment = Row(
            token=kept.token, reference=kept.reference, operation=RowOperation.AMEND, severity=2
        )
        contribute(caller, [amendment])

    shown = [own.token for each in pages(caller, 3, change) for own in each]
    assert len(shown) == len(set(shown))
    stayed = {row.token for row in rows} - {row.token for row in rows[::4]}
    assert stayed <= set(shown)
    assert set(shown) <= {row.token for row in (*rows, *added)}
    now = [own.token for each in pages(caller, 0) for own in each]
    assert set(now) == stayed | {row.token for row in added}


def test_live_is_not_withdrawn(hub: HubUnderTest) -> None:
    """An expired listing lives until it is withdrawn; after that it is on no page."""
    caller = hub.partner("o-expired")
    row = Row(token=fresh(), reference=fresh(), expiry_day=shanghai_day(hub.clock.now()))
    contribute(caller, [row])
    assert isinstance(hub.clock, FakeClock)
    hub.clock.advance(timedelta(days=2))
    assert [own.token for own in listings(page(caller))] == [row.token]
    contribute(caller, [withdrawal(row.token, row.reference)])
    answer = page(caller)
    assert (listings(answer), answer.next_page_token) == ([], "")


@pytest.mark.parametrize(
    ("size", "expected"), [(0, 100), (1_000, 1_000), (1_001, 1_000), (2**31 - 1, 1_000)]
)
def test_page_size(hub: HubUnderTest, many: Stubs, size: int, expected: int) -> None:
    """0 means 100, more than 1,000 is cut to 1,000, and below zero is refused."""
    answer = page(many, size=size)
    assert (len(answer.category), bool(answer.next_page_token)) == (expected, True)
    told = refused(hub, lambda: page(many, size=-1), by="o-many")
    broken = {"field": "page_size", "rule": "not negative"}
    assert told == ("INVALID_ARGUMENT", "REQUEST_MALFORMED", broken)


@pytest.fixture(scope="module")
def many(hub: HubUnderTest) -> Stubs:
    """A partner with 1,005 listings."""
    caller = hub.partner("o-many")
    contribute(caller, new_rows(1_005))
    return caller


def test_foreign_and_forged_page_tokens(hub: HubUnderTest, many: Stubs) -> None:
    """A page token works for the partner that it was given to, and only unaltered."""
    other = hub.partner("o-thief")
    contribute(other, new_rows(3))
    mine, theirs = page(many).next_page_token, page(other, size=1).next_page_token
    assert len(page(many, mine).category) == 100
    assert len(page(other, theirs).category) == 2
    forged = [
        mine[:-1],
        mine + "0",
        mine.upper(),
        " " + mine,
        ("1" if mine[0] == "0" else "0") + mine[1:],
        mine[:-1] + ("1" if mine[-1] == "0" else "0"),
        theirs[:16] + mine[16:],
        "0" * len(mine),
        "x",
        "下一页",
        "7",
    ]
    for token in (theirs, *forged):
        assert refused(hub, partial(page, many, token), by="o-many") == INVALID
    assert refused(hub, lambda: page(other, mine), by="o-thief") == INVALID


def test_page_tokens_survive_a_restart(tmp_path: Path) -> None:
    """A token is bound to caller and place, not to a process: the hub keeps nothing of it."""
    rows = new_rows(3)
    with running_hub(tmp_path / "home") as hub:
        hub.create_partner("o-stays")
        minted = hub.pki.partner("o-stays")
        hub.register(minted)
        hub.agree("o-stays")
        caller = hub.connect(minted)
        contribute(caller, rows)
        token = page(caller, size=2).next_page_token
        hub.restart()
        own = listings(page(hub.connect(minted), token))
    assert [each.token for each in own] == [rows[2].token]


def test_open_to_everyone_who_may_withdraw(hub: HubUnderTest) -> None:
    """Free, and open to a suspended partner, which must know what it may have to take back."""
    caller = hub.partner("o-suspended")
    rows = new_rows(2)
    contribute(caller, rows)
    hub.alice.operators.SuspendPartner(
        operator_pb.SuspendPartnerRequest(partner_id="o-suspended", reason="a test")
    )
    own = listings(page(caller))
    assert [each.token for each in own] == [row.token for row in rows]
    contribute(caller, [withdrawal(each.token, each.reference) for each in own])
    assert listings(page(caller)) == []
