from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.wire import frames
from rongan_share.wire.days import date_of_day, shanghai_day
from rongan_share.wire.vocabulary import (
    DetailLevel,
    Evidence,
    IdentifierType,
    Purpose,
    RowFlag,
    RowOperation,
    SourceClass,
    SummaryFlag,
)
from tests.support.hub import HubUnderTest, Stubs, bits
from tests.walk.asking import (
    LISTED,
    NOT_ENTITLED,
    NOT_LISTED,
    Row,
    ask_stream,
    check,
    contribute,
    entries_from,
    fresh,
    set_clock,
    stream,
    verdict_frame,
    verdict_open,
    withdrawal,
)

RANDOM_TOKENS = 100_000


@pytest.fixture(scope="module")
def source(hub: HubUnderTest) -> Stubs:
    """An institution that contributes."""
    return hub.partner("v-source")


@pytest.fixture(scope="module")
def asker(hub: HubUnderTest) -> Stubs:
    """An institution that asks and may see everything."""
    return hub.partner("v-asker")


def packed(summary: verdict_pb.Summary) -> bytes:
    """Lays a summary out as columns hold it."""
    return frames.SUMMARY.pack(
        summary.category_bits,
        summary.source_class_bits,
        summary.severity,
        summary.confidence,
        summary.source_count,
        summary.expiry_day,
        summary.flags,
    )


def ends(*numbers: int) -> bytes:
    """Writes indices as columns hold them."""
    return b"".join(number.to_bytes(4, "little") for number in numbers)


def test_both_rpcs_say_the_same(hub: HubUnderTest, source: Stubs, asker: Stubs) -> None:
    """What was contributed is LISTED, with the same summary, coverage and ruling from both RPCs."""
    expiry = shanghai_day(hub.clock.now()) + 200
    rows = [
        Row(token=fresh(), reference=fresh()),
        Row(token=fresh(), reference=fresh(), category="E1", severity=4, expiry_day=expiry),
        Row(token=fresh(), reference=fresh(), flags=RowFlag.WEAK | RowFlag.ALIAS, severity=2),
        Row(token=fresh(), reference=fresh(), flags=RowFlag.ORDER, original_source=7),
    ]
    contribute(source, rows)
    single = [check(asker, row.token) for row in rows]
    framed = stream(asker, b"".join(row.token for row in rows))[0]
    assert [answer.state for answer in single] == [LISTED] * 4
    assert framed.listed_index == ends(0, 1, 2, 3)
    assert framed.listed_summary == b"".join(packed(answer.summary) for answer in single)
    ruling = ("coverage", "not_granted", "agreement_version", "taxonomy_version", "epoch")
    for name in ruling:
        assert getattr(framed, name) == getattr(single[0], name)
    assert single[1].summary.expiry_day == expiry
    assert single[1].summary.category_bits == bits("E1")
    assert single[1].listings[0].severity == 4
    assert single[2].summary.flags == SummaryFlag.WEAK
    assert single[3].summary.flags == SummaryFlag.ORDER


def test_random_tokens_are_not_listed(source: Stubs, asker: Stubs) -> None:
    """Of 100,000 random tokens none is listed, and every one is accounted for."""
    contribute(source, [Row(token=fresh(), reference=fresh()) for _ in range(1_000)])
    column = random.Random(20_261_124).randbytes(16 * RANDOM_TOKENS)
    cut = 16 * frames.MAX_FRAME_TOKENS
    answers = stream(asker, column[:cut], column[cut:])
    assert [answer.not_listed_count for answer in answers] == [
        frames.MAX_FRAME_TOKENS,
        RANDOM_TOKENS - frames.MAX_FRAME_TOKENS,
    ]
    assert [answer.listed_index + answer.other_index for answer in answers] == [b"", b""]


def test_every_token_is_accounted_for(hub: HubUnderTest, source: Stubs, asker: Stubs) -> None:
    """Listed, not listed and other tokens add up to N, and the frame keeps its number."""
    listed = [Row(token=fresh(), reference=fresh()) for _ in range(50)]
    contribute(source, listed)
    column = b"".join(row.token + fresh() for row in listed)
    answer = stream(asker, column, first=41)[0]
    assert (answer.frame_number, answer.token_count) == (41, 100)
    assert answer.listed_index == ends(*range(0, 100, 2))
    assert len(answer.listed_summary) == 16 * 50
    assert (answer.not_listed_count, answer.other_index) == (50, b"")
    counts = entries_from(hub, answer.entry_index)[0].counts
    assert counts == {
        "tokens": 100,
        "listed": 50,
        "not_listed": 50,
        "not_entitled": 0,
        "charged": 100,
    }


def test_whole_token_is_compared(source: Stubs, asker: Stubs) -> None:
    """All sixteen bytes are compared, first and last ones and zeros at the end too."""
    row = Row(token=fresh()[:15] + b"\x00", reference=fresh())
    twin = Row(token=row.token[:14] + b"\x00\x00", reference=fresh())
    contribute(source, [row])
    others = [
        row.token[:15] + b"\x01",
        bytes([row.token[0] ^ 1]) + row.token[1:],
        row.token[:8] + bytes([row.token[8] ^ 128]) + row.token[9:],
        twin.token,
    ]
    assert check(asker, row.token).state == LISTED
    answer = stream(asker, row.token + b"".join(others))[0]
    assert (answer.listed_index, answer.not_listed_count) == (ends(0), 4)


def test_category_that_is_not_granted(hub: HubUnderTest, source: Stubs) -> None:
    """Without E4, asking for E4 is NOT_ENTITLED, listed or not; asking for all leaves it out."""
    row = Row(token=fresh(), reference=fresh())
    contribute(source, [row])
    caller = hub.partner("v-no-e4", category_bits=bits("E1", "E2", "A1"))
    answer = stream(caller, row.token + fresh(), category_bits=bits("E4"))[0]
    assert (answer.other_index, answer.other_state) == (ends(0, 1), bytes([1, 1]))
    assert (answer.listed_index, answer.not_listed_count) == (b"", 0)
    for asked in (row.token, fresh()):
        single = check(caller, asked, category_bits=bits("E4"))
        assert (single.state, list(single.token_states)) == (NOT_ENTITLED, [NOT_ENTITLED])
        assert (single.coverage.category_bits, single.not_granted.category_bits) == (0, bits("E4"))
        assert not single.listings
    every = check(caller, row.token)
    assert every.state == NOT_LISTED
    # A1 is granted but may not be asked for this purpose, so it is not consulted either.
    assert every.coverage.category_bits == bits("E1", "E2")
    assert every.not_granted.category_bits == 0
    some = check(caller, row.token, category_bits=bits("E4", "E1", "A1"))
    assert (some.state, some.coverage.category_bits) == (NOT_LISTED, bits("E1"))
    assert some.not_granted.category_bits == bits("E4", "A1")


def test_source_class_that_is_not_granted(hub: HubUnderTest, source: Stubs) -> None:
    """Source classes outside the agreement are neither consulted nor shown."""
    court = Row(token=fresh(), reference=fresh(), source_class=SourceClass.COURT)
    contribute(source, [court])
    caller = hub.partner("v-class", source_class_bits=1 << SourceClass.INTL_LIST)
    assert check(caller, court.token).state == NOT_LISTED
    asked = (1 << SourceClass.COURT) | (1 << SourceClass.INTL_LIST)
    answer = check(caller, court.token, source_class_bits=asked)
    assert answer.state == NOT_LISTED
    assert answer.coverage.source_class_bits == 1 << SourceClass.INTL_LIST
    assert answer.not_granted.source_class_bits == 1 << SourceClass.COURT
    only = check(caller, court.token, source_class_bits=1 << SourceClass.COURT)
    assert only.state == NOT_ENTITLED


DETAILS = {
    DetailLevel.VERDICT: (False, False),
    DetailLevel.CATEGORY: (True, False),
    DetailLevel.PROVENANCE: (True, True),
}


@pytest.mark.parametrize("level", DETAILS, ids=lambda level: level.name)
def test_detail_is_cut(source: Stubs, asker: Stubs, level: DetailLevel) -> None:
    """Each level shows its fields and no other, in summaries and listings, from both RPCs."""
    category, provenance = DETAILS[level]
    row = Row(token=fresh(), reference=fresh(), event_day=20_000, expiry_day=30_000)
    contribute(source, [row])
    answer = check(asker, row.token, detail_level=level)
    summary = answer.summary
    assert bool(summary.category_bits) is category
    shown = [summary.source_class_bits, summary.confidence, summary.source_count]
    # At VERDICT no listing is shown, since their number would tell of sources.
    assert len(answer.listings) == int(category)
    for each in answer.listings:
        assert (each.category_bit, each.severity, each.expiry_day) == (19, 3, 30_000)
        shown += [each.listing_id, each.source_class, each.evidence, each.confidence]
        shown.append(each.event_day)
    assert {bool(value) for value in shown} == {provenance}
    assert (summary.severity, summary.expiry_day) == (3, 30_000)
    assert answer.coverage.category_bits
    assert stream(asker, row.token, detail_level=level)[0].listed_summary == packed(summary)


def test_subjects_are_folded(hub: HubUnderTest, source: Stubs, asker: Stubs) -> None:
    """Tokens of a subject fold into one summary; matched counts those of one reference."""
    person = fresh()
    first = Row(token=fresh(), reference=person, severity=2)
    second = Row(token=fresh(), reference=person, severity=4, category="E1")
    other = Row(token=fresh(), reference=fresh(), severity=3)
    contribute(source, [first, second, other])
    tokens = [first.token, second.token, fresh(), fresh(), other.token]
    message = verdict_frame(1, b"".join(tokens), subject_end=ends(3, 4, 5))
    # First, because it waits for what was contributed.
    single = check(asker, *tokens[:3])
    answer = ask_stream(asker, verdict_open(), message)[0]
    assert answer.listed_index == ends(0, 1, 4)
    assert answer.listed_subject == ends(0, 2)
    assert answer.subject_matched == bytes([2, 1])
    assert answer.subject_summary[:16] == packed(single.summary)
    assert (single.matched_count, single.summary.severity) == (2, 4)
    assert single.summary.category_bits == bits("E1", "E4")
    assert [listing.token_index for listing in single.listings] == [0, 1]
    assert list(single.token_states) == [LISTED, LISTED, NOT_LISTED]
    # Another partner's reference of the same bytes is another reference.
    stranger = hub.partner("v-stranger")
    contribute(stranger, [Row(token=tokens[2], reference=person)])
    assert check(asker, *tokens[:3]).matched_count == 2


def test_sources_are_counted_once(hub: HubUnderTest, source: Stubs, asker: Stubs) -> None:
    """Two partners who name the same original source are one source; two without one are two."""
    shared, own = fresh(), fresh()
    for number, partner in enumerate((source, hub.partner("v-second"))):
        rows = [
            Row(token=shared, reference=fresh(), original_source=99),
            Row(token=own, reference=fresh(), severity=2 + number),
        ]
        contribute(partner, rows)
    assert check(asker, shared).summary.source_count == 1
    answer = check(asker, own)
    assert (answer.summary.source_count, answer.summary.severity) == (2, 3)
    assert len(answer.listings) == 2


def test_listing_ends_after_its_last_day(hub: HubUnderTest, source: Stubs) -> None:
    """A listing holds through its last day in Shanghai and is NOT_LISTED from midnight on."""
    start = hub.clock.now()
    last = shanghai_day(start) + 1
    asker = hub.partner("v-late")  # quotas do not follow a clock that goes back
    row = Row(token=fresh(), reference=fresh(), expiry_day=last)
    contribute(source, [row])
    midnight = datetime.combine(date_of_day(last + 1), datetime.min.time(), UTC)
    midnight -= timedelta(hours=8)
    try:
        set_clock(hub, midnight - timedelta(seconds=1))
        assert check(asker, row.token).state == LISTED
        set_clock(hub, midnight)
        assert check(asker, row.token).state == NOT_LISTED
        assert stream(asker, row.token)[0].not_listed_count == 1
    finally:
        set_clock(hub, start)


def test_own_withdrawal_leaves_others(hub: HubUnderTest, source: Stubs, asker: Stubs) -> None:
    """A contributor that withdraws its listing leaves another's listing of the same token alone."""
    second = hub.partner("v-also")
    row = Row(token=fresh(), reference=fresh())
    contribute(source, [row])
    contribute(second, [row])
    assert len(check(asker, row.token).listings) == 2
    contribute(source, [withdrawal(row.token, row.reference)])
    answer = check(asker, row.token)
    assert (answer.state, len(answer.listings)) == (LISTED, 1)
    contribute(second, [withdrawal(row.token, row.reference)])
    assert check(asker, row.token).state == NOT_LISTED


def test_allowlist_of_the_hub(hub: HubUnderTest, source: Stubs, asker: Stubs) -> None:
    """A W1 row hides what lies under its token but ORDER and family E, and is never shown."""
    minted = hub.pki.partner("hub")
    hub.register(minted)
    hub.agree("hub")
    allowing = hub.connect(minted)
    weak, order, listed, alone = (fresh() for _ in range(4))
    contribute(
        source,
        [
            account(weak),
            account(order, flags=RowFlag.ORDER),
            account(listed),
            Row(token=listed, reference=fresh()),
        ],
    )
    fraud = {"purpose": Purpose.ANTI_FRAUD}
    assert check(asker, weak, **fraud).state == LISTED
    rows = [
        Row(token=each, reference=fresh(), type=IdentifierType.PAN, category="W1", severity=1)
        for each in (weak, order, listed, alone)
    ]
    contribute(allowing, rows)
    assert [check(asker, each, **fraud).state for each in (weak, order, listed, alone)] == [
        NOT_LISTED,
        LISTED,
        NOT_LISTED,
        NOT_LISTED,
    ]
    sanctioned = check(asker, listed, purpose=Purpose.SANCTIONS)
    assert (sanctioned.state, sanctioned.summary.category_bits) == (LISTED, bits("E4"))
    answer = stream(asker, weak + order + listed + alone, **fraud)[0]
    assert (answer.listed_index, answer.not_listed_count) == (ends(1), 3)
    contribute(allowing, [withdrawal(weak, rows[0].reference, "W1")])
    assert check(asker, weak, **fraud).state == LISTED


def account(row_token: bytes, flags: int = 0) -> Row:
    """Makes a row of A1 about an account."""
    return Row(
        token=row_token,
        reference=fresh(),
        type=IdentifierType.PAN,
        category="A1",
        evidence=Evidence.VERIFIED,
        source_class=SourceClass.POLICE,
        flags=flags,
        operation=RowOperation.ADD,
    )


def test_listings_of_a_suspended_source(hub: HubUnderTest, source: Stubs, asker: Stubs) -> None:
    """Listings of a suspended contributor stay and say so, in a fold only where all are."""
    shaky = hub.partner("v-shaky")
    alone, both = fresh(), fresh()
    contribute(shaky, [Row(token=alone, reference=fresh()), Row(token=both, reference=fresh())])
    contribute(source, [Row(token=both, reference=fresh())])
    hub.alice.operators.SuspendPartner(
        operator_pb.SuspendPartnerRequest(partner_id="v-shaky", reason="under review")
    )
    answer = check(asker, alone)
    assert (answer.state, answer.summary.flags) == (LISTED, SummaryFlag.SOURCE_SUSPENDED)
    mixed = check(asker, both)
    assert mixed.summary.flags == 0
    assert sorted(listing.flags for listing in mixed.listings) == [
        0,
        SummaryFlag.SOURCE_SUSPENDED,
    ]


def test_sequence_that_is_reached(source: Stubs, asker: Stubs) -> None:
    """Who names the sequence of its own contribution sees it at once."""
    for _ in range(10):
        row = Row(token=fresh(), reference=fresh())
        sequence = contribute(source, [row])[0].sequence
        answer = check(asker, row.token, at_least_sequence=sequence)
        assert answer.state == LISTED
        assert answer.list_sequence >= sequence
