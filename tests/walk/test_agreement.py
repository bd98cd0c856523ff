from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rongan_share.v1 import agreement_service_pb2 as agreement_pb
from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.days import date_of_day, shanghai_day
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    IdentifierType,
    ProductLine,
    Purpose,
    Suite,
)
from tests.support.hub import HubUnderTest, Stubs, agreement, bits
from tests.walk.asking import (
    LISTED,
    NOT_ENTITLED,
    NOT_LISTED,
    Row,
    check,
    contribute,
    contribute_frame,
    contribute_open,
    fresh,
    opened,
    refused,
    set_clock,
    stream,
    verdict_frame,
    verdict_open,
    withdrawal,
)

DENIED = "PERMISSION_DENIED"
PASSPORTS = 1 << IdentifierType.PASSPORT


def test_no_agreement(hub: HubUnderTest) -> None:
    """A partner without an agreement, or with one that was only proposed, may ask nothing."""
    hub.create_partner("p-none")
    minted = hub.pki.partner("p-none")
    hub.register(minted)
    caller = hub.connect(minted)
    assert refused(hub, lambda: check(caller, fresh()), by="p-none") == (DENIED, "NO_AGREEMENT", {})
    propose(hub, "p-none")
    told = refused(hub, lambda: stream(caller, fresh()), by="p-none")
    assert told == (DENIED, "NO_AGREEMENT", {"frameNumber": "1"})
    told = refused(
        hub, lambda: caller.agreements.GetTokenEpoch(agreement_pb.GetTokenEpochRequest())
    )
    assert told == (DENIED, "NO_AGREEMENT", {})
    assert caller.agreements.GetTaxonomy(agreement_pb.GetTaxonomyRequest()).version


NARROWER: dict[str, tuple[dict[str, Any], dict[str, Any], str, dict[str, str]]] = {
    "purpose": (
        {"purposes": [Purpose.SANCTIONS]},
        {"purpose": Purpose.AML_CFT},
        "PURPOSE_NOT_GRANTED",
        {"purpose": "AML_CFT"},
    ),
    "channel": (
        {"channels": [Channel.OUTLET]},
        {"channel": Channel.PHONE},
        "SCOPE_NOT_GRANTED",
        {"scope": "channel", "value": "PHONE"},
    ),
    "product line of single questions": (
        {"product_lines": [ProductLine.BATCH]},
        {},
        "SCOPE_NOT_GRANTED",
        {"scope": "product_line", "value": "SCREEN"},
    ),
    "product line of batches": (
        {"product_lines": [ProductLine.SCREEN]},
        {"channel": Channel.BATCH},
        "SCOPE_NOT_GRANTED",
        {"scope": "product_line", "value": "BATCH"},
    ),
    "suite": (
        {"suites": [Suite.HMAC_SM3]},
        {},
        "SCOPE_NOT_GRANTED",
        {"scope": "suite", "value": "HMAC_SHA256"},
    ),
    "detail": (
        {"detail_level": DetailLevel.CATEGORY},
        {},
        "SCOPE_NOT_GRANTED",
        {"scope": "detail_level", "value": "PROVENANCE"},
    ),
    "nothing granted": (
        {"purposes": [], "channels": [], "product_lines": [], "suites": []},
        {},
        "PURPOSE_NOT_GRANTED",
        {"purpose": "SANCTIONS"},
    ),
}


@pytest.mark.parametrize("case", NARROWER, ids=str)
def test_outside_the_agreement(hub: HubUnderTest, case: str) -> None:
    """What the agreement does not grant is refused by both RPCs in the same words."""
    terms, asked, reason, metadata = NARROWER[case]
    partner_id = f"p-narrow-{list(NARROWER).index(case)}"
    caller = hub.partner(partner_id, **terms)
    told = refused(hub, lambda: check(caller, fresh(), **asked), by=partner_id)
    assert told == (DENIED, reason, metadata)
    told = refused(hub, lambda: stream(caller, fresh(), **asked), by=partner_id)
    assert told == (DENIED, reason, metadata | {"frameNumber": "1"})


def test_contribution_needs_its_product_line(hub: HubUnderTest) -> None:
    """Contributing is a product line of its own."""
    caller = hub.partner("p-reader", product_lines=[ProductLine.SCREEN])
    told = refused(hub, lambda: contribute(caller, [Row(token=fresh())]), by="p-reader")
    scope = {"scope": "product_line", "value": "CONTRIBUTE", "frameNumber": "1"}
    assert told == (DENIED, "SCOPE_NOT_GRANTED", scope)


def test_days_are_those_of_shanghai(hub: HubUnderTest) -> None:
    """An agreement holds from 00:00 of its first day to the end of its last day, at UTC+8."""
    start = hub.clock.now()
    today = shanghai_day(start)
    caller = hub.partner("p-days", start_day=today + 1, end_day=today + 1)
    midnight = datetime.combine(date_of_day(today + 1), datetime.min.time(), UTC)
    midnight -= timedelta(hours=8)
    second, day = timedelta(seconds=1), timedelta(days=1)
    try:
        set_clock(hub, midnight - second)
        told = refused(hub, lambda: check(caller, fresh()), by="p-days", still=True)
        begins = {"startDay": date_of_day(today + 1).isoformat()}
        assert told == (DENIED, "AGREEMENT_NOT_STARTED", begins)
        for instant in (midnight, midnight + day - second):
            set_clock(hub, instant)
            assert check(caller, fresh()).state == NOT_LISTED
        set_clock(hub, midnight + day)
        told = refused(hub, lambda: check(caller, fresh()), by="p-days", still=True)
        ends = {"endDay": date_of_day(today + 1).isoformat()}
        assert told == (DENIED, "AGREEMENT_EXPIRED", ends)
    finally:
        set_clock(hub, start)


def test_narrowing_reaches_open_streams(hub: HubUnderTest) -> None:
    """A narrower agreement rules the next frame of a stream that was open before."""
    caller = hub.partner("p-open")
    with opened(caller.verdicts.StreamVerdicts) as frames:
        answer = frames.send(verdict_open(), verdict_frame(1, fresh()))
        assert answer.agreement_version == 1
        hub.agree("p-open", category_bits=bits("E4"))
        answer = frames.send(verdict_frame(2, fresh()))
        assert answer.agreement_version == 2
        assert answer.coverage.category_bits == bits("E4")
        hub.agree("p-open", purposes=[Purpose.AML_CFT])
        told = refused(hub, lambda: frames.send(verdict_frame(3, fresh())), by="p-open")
    assert told.of_stream() == (DENIED, "PURPOSE_NOT_GRANTED", {"purpose": "SANCTIONS"})


def test_suspension_leaves_taking_back_open(hub: HubUnderTest) -> None:
    """A suspended partner may withdraw and ask how far a stream came, and nothing else."""
    caller = hub.partner("p-susp")
    row, stream_id = Row(token=fresh(), reference=fresh()), fresh()
    contribute(caller, [row], stream_id=stream_id)
    suspend(hub, "p-susp")
    told = refused(hub, lambda: check(caller, row.token), by="p-susp")
    assert told == (DENIED, "PARTNER_SUSPENDED", {})
    told = refused(
        hub, lambda: contribute(caller, [Row(token=fresh())], stream_id=stream_id, first=2)
    )
    assert told == (DENIED, "PARTNER_SUSPENDED", {"frameNumber": "2"})
    mixed = [withdrawal(row.token, row.reference), Row(token=fresh(), reference=fresh())]
    told = refused(hub, lambda: contribute(caller, mixed, stream_id=stream_id, first=2))
    assert told == (DENIED, "PARTNER_SUSPENDED", {"frameNumber": "2"})
    asked = agreement_pb.GetTokenEpochRequest()
    told = refused(hub, lambda: caller.agreements.GetTokenEpoch(asked), by="p-susp")
    assert told == (DENIED, "PARTNER_SUSPENDED", {})
    ruling = caller.agreements.GetAgreement(agreement_pb.GetAgreementRequest()).agreement
    assert ruling.version == 1
    taken = contribute(caller, [withdrawal(row.token, row.reference)], stream_id=stream_id, first=2)
    assert taken[0].withdrawn_count == 1
    assert position(caller, stream_id) == 2
    hub.alice.operators.ResumePartner(
        operator_pb.ResumePartnerRequest(partner_id="p-susp", reason="settled")
    )
    assert check(caller, row.token).state == NOT_LISTED


def test_suspension_reaches_open_streams(hub: HubUnderTest) -> None:
    """A suspension rules the next frame of an open stream of contributions."""
    caller = hub.partner("p-halt")
    with opened(caller.contributions.Contribute) as frames:
        frames.send(contribute_open(fresh()), contribute_frame(1, [Row(token=fresh())]))
        suspend(hub, "p-halt")
        told = refused(
            hub, lambda: frames.send(contribute_frame(2, [Row(token=fresh())])), by="p-halt"
        )
    assert told == (DENIED, "PARTNER_SUSPENDED", {"frameNumber": "2"})


def test_expiry_leaves_taking_back_open(hub: HubUnderTest) -> None:
    """After its agreement a partner may still withdraw, and no longer contribute."""
    caller = hub.partner("p-past")
    row = Row(token=fresh(), reference=fresh())
    contribute(caller, [row])
    ended = shanghai_day(hub.clock.now()) - 1
    hub.agree("p-past", end_day=ended)
    told = refused(hub, lambda: contribute(caller, [Row(token=fresh())]), by="p-past")
    metadata = {"endDay": date_of_day(ended).isoformat(), "frameNumber": "1"}
    assert told == (DENIED, "AGREEMENT_EXPIRED", metadata)
    taken = contribute(caller, [withdrawal(row.token, row.reference)])
    assert taken[0].withdrawn_count == 1


def test_maker_and_checker(hub: HubUnderTest) -> None:
    """Who proposed an agreement may not approve it; another may, once, and only the newest."""
    caller = hub.partner("p-four-eyes")
    assert propose(hub, "p-four-eyes") == 2
    told = refused(hub, lambda: approve(hub.alice, "p-four-eyes", 2), by="alice")
    assert told == (DENIED, "SAME_OPERATOR", {})
    told = refused(hub, lambda: approve(hub.bob, "p-four-eyes", 1), by="bob")
    assert told == ("ABORTED", "STALE_VERSION", {"version": "2"})
    assert check(caller, fresh()).agreement_version == 1
    approve(hub.bob, "p-four-eyes", 2)
    assert check(caller, fresh()).agreement_version == 2
    told = refused(hub, lambda: approve(hub.bob, "p-four-eyes", 2), by="bob")
    assert told == ("ABORTED", "STALE_VERSION", {"version": "2"})
    told = refused(hub, lambda: approve(hub.bob, "p-absent", 1), by="bob")
    assert told == ("NOT_FOUND", "RESOURCE_NOT_FOUND", {"resource": "partner"})


def test_stale_version_of_a_partner(hub: HubUnderTest) -> None:
    """A suspension that names an older version of the partner is refused; nothing changes."""
    caller = hub.partner("p-stale")
    told = refused(hub, lambda: suspend(hub, "p-stale", version=7), by="alice")
    assert told == ("ABORTED", "STALE_VERSION", {"version": "1"})
    assert check(caller, fresh()).state == NOT_LISTED


def test_limited_types_must_be_declared(hub: HubUnderTest) -> None:
    """An agreement that limits types makes them mandatory, in both RPCs."""
    caller = hub.partner("p-types", identifier_type_bits=PASSPORTS)
    broken = {"field": "types", "rule": "declared, because the agreement limits types"}
    told = refused(hub, lambda: check(caller, fresh()), by="p-types")
    assert told == ("INVALID_ARGUMENT", "REQUEST_MALFORMED", broken)
    told = refused(hub, lambda: stream(caller, fresh()), by="p-types")
    assert told == ("INVALID_ARGUMENT", "REQUEST_MALFORMED", broken | {"frameNumber": "1"})


def test_type_outside_the_agreement(hub: HubUnderTest) -> None:
    """A token of another type is NOT_ENTITLED, listed or not, free, and its rows are masked."""
    source = hub.partner("p-source")
    listed, mail = fresh(), fresh()
    contribute(
        source,
        [
            Row(token=listed, reference=fresh()),
            Row(token=mail, reference=fresh(), type=IdentifierType.EMAIL),
        ],
    )
    caller = hub.partner("p-some", identifier_type_bits=PASSPORTS)
    types = bytes([IdentifierType.PASSPORT, IdentifierType.EMAIL, IdentifierType.EMAIL])
    answer = check(caller, listed, mail, fresh(), types=types)
    assert list(answer.token_states) == [LISTED, NOT_ENTITLED, NOT_ENTITLED]
    assert answer.quota_left.burst_count == 10**9 - 1
    message = verdict_frame(1, listed + mail + fresh(), types=types)
    with opened(caller.verdicts.StreamVerdicts) as frames:
        framed = frames.send(verdict_open(), message)
    assert (framed.listed_index, framed.other_index) == (le(0), le(1) + le(2))
    assert framed.other_state == bytes([2, 2])
    assert framed.quota_left.burst_count == 10**9 - 2
    # Whoever declares a wrong type still does not see rows of a masked one.
    assert check(caller, mail, types=types[:1]).state == NOT_LISTED
    only_mail = check(caller, mail, types=types[1:2])
    assert only_mail.state == NOT_ENTITLED
    assert not only_mail.listings
    # A listed token that is declared as another type shows nothing either.
    disguised = check(caller, listed, types=types[1:2])
    assert disguised.state == NOT_ENTITLED
    assert not disguised.listings


def propose(hub: HubUnderTest, partner_id: str, **terms: object) -> int:
    """Proposes an agreement as alice; returns its version."""
    request = operator_pb.ProposeAgreementRequest(agreement=agreement(partner_id, **terms))
    version: int = hub.alice.operators.ProposeAgreement(request).agreement.version
    return version


def approve(operator: Stubs, partner_id: str, version: int) -> None:
    """Approves an agreement."""
    operator.operators.ApproveAgreement(
        operator_pb.ApproveAgreementRequest(partner_id=partner_id, version=version)
    )


def suspend(hub: HubUnderTest, partner_id: str, version: int = 0) -> None:
    """Suspends a partner as alice."""
    hub.alice.operators.SuspendPartner(
        operator_pb.SuspendPartnerRequest(
            partner_id=partner_id, reason="under review", version=version
        )
    )


def position(caller: Stubs, stream_id: bytes) -> int:
    """Asks how far a stream of contributions came."""
    request = contribution_pb.GetContributionStateRequest(stream_id=stream_id)
    number: int = caller.contributions.GetContributionState(request).frame_number
    return number


def le(number: int) -> bytes:
    """Writes an index as columns hold it."""
    return number.to_bytes(4, "little")
