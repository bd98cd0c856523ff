"""Which certificates there are, and which will end soon."""

from __future__ import annotations

from datetime import UTC, timedelta

import grpc
import msgspec
import pytest
from cryptography import x509

from rongan_share.model.partner import CertificateState
from rongan_share.v1 import operator_service_pb2 as pb
from tests.support.hub import HubUnderTest, refusal
from tests.walk.asking import Refused, advance, check, fresh, refused
from tests.walk.following import DAYS, follow, pair, put, stored


def listed(hub: HubUnderTest, **terms: int | str) -> list[pb.Certificate]:
    """Asks for certificates, page by page."""
    found: list[pb.Certificate] = []
    request = pb.ListCertificatesRequest(**terms)  # type: ignore[arg-type]
    while True:
        page = hub.alice.operators.ListCertificates(request)
        found += page.certificates
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


def status(hub: HubUnderTest) -> pb.GetHubStatusResponse:
    """Asks how the hub is."""
    return hub.alice.operators.GetHubStatus(pb.GetHubStatusRequest())


def test_pages_follow_the_end(hub: HubUnderTest) -> None:
    """Every certificate once, by end and then serial number, however small the page."""
    for number in range(4):
        pair(hub, f"ce-page-{number}")
    whole = listed(hub)
    assert len(whole) == 2 + 8
    keys = [(each.expiry_time.ToNanoseconds(), int(each.serial_hex, 16)) for each in whole]
    assert keys == sorted(keys)
    for size in (1, 3, 10):
        assert listed(hub, page_size=size) == whole
    mine = listed(hub, holder_id="ce-page-2")
    assert [each.holder_id for each in mine] == ["ce-page-2"] * 2
    assert {int(each.state) for each in mine} == {CertificateState.ACTIVE, CertificateState.NEXT}
    hub.create_partner("ce-none")
    assert listed(hub, holder_id="ce-none") == []
    nobody = pb.ListCertificatesRequest(holder_id="nobody")
    told = refused(hub, lambda: hub.alice.operators.ListCertificates(nobody), by="alice")
    assert told == Refused("NOT_FOUND", "RESOURCE_NOT_FOUND", {"resource": "holder"})


def test_page_tokens_are_the_callers_own(hub: HubUnderTest) -> None:
    """One operator's page token leads no other operator anywhere, and none can be made up."""
    pair(hub, "ce-token")
    page = hub.alice.operators.ListCertificates(pb.ListCertificatesRequest(page_size=1))
    token = page.next_page_token
    for caller, forged in ((hub.bob, token), (hub.alice, token[:-2]), (hub.alice, "zz")):
        request = pb.ListCertificatesRequest(page_token=forged)
        with pytest.raises(grpc.RpcError) as caught:
            caller.operators.ListCertificates(request)
        assert refusal(caught.value)[1] == "PAGE_TOKEN_INVALID"
    negative = pb.ListCertificatesRequest(expiring_within_days=-1)
    told = refused(hub, lambda: hub.alice.operators.ListCertificates(negative), by="alice")
    broken = {"field": "expiring_within_days", "rule": "not negative"}
    assert told == Refused("INVALID_ARGUMENT", "REQUEST_MALFORMED", broken)


def ending(hub: HubUnderTest, partner_id: str, *, days: float) -> None:
    """Makes a partner whose certificate ends in so many days, and one that could follow it."""
    old, _ = pair(hub, partner_id)
    end_ns = int(hub.clock.now().timestamp() * 1e9 + days * DAYS)
    put(hub, msgspec.structs.replace(stored(hub, old), not_after_ns=end_ns))


def test_expiring(hub: HubUnderTest) -> None:
    """Those that open the door, end soon, and that no other has followed."""
    single = hub.pki.partner("ce-soon")
    hub.create_partner("ce-soon")
    hub.register(single)
    end_ns = int(hub.clock.now().timestamp() * 1e9) + 5 * DAYS
    put(hub, msgspec.structs.replace(stored(hub, single), not_after_ns=end_ns))
    ending(hub, "ce-followed", days=5)
    assert [each.holder_id for each in listed(hub, expiring_within_days=7)] == ["ce-soon"]
    assert listed(hub, expiring_within_days=4) == []
    assert len(listed(hub, expiring_within_days=2**31 - 1)) > 3
    follow(hub, single, hub.pki.partner("ce-soon"))
    assert listed(hub, expiring_within_days=7) == []


def test_alarms_of_everybody(hub: HubUnderTest) -> None:
    """Partners, operators and the hub itself raise alarms for 30 days around their end."""
    assert told_of(status(hub)) == []
    caller = hub.partner("ce-alarm")
    leaf = x509.load_pem_x509_certificate(hub.pki.hub.certificate_chain_pem)
    left = leaf.not_valid_after_utc - hub.clock.now()
    days = (left - timedelta(days=20)).total_seconds() / 86_400
    advance(hub, days=days)
    try:
        told = status(hub)
        assert check(caller, fresh()).entry_index
    finally:
        advance(hub, days=-days)
    kinds = {(each.certificate.holder_kind, each.certificate.holder_id) for each in told_of(told)}
    operators = {(pb.HOLDER_KIND_OPERATOR, name) for name in ("alice", "bob")}
    assert operators | {(pb.HOLDER_KIND_HUB, ""), (pb.HOLDER_KIND_PARTNER, "ce-alarm")} <= kinds
    ends = [each.certificate.expiry_time.ToNanoseconds() for each in told_of(told)]
    assert ends == sorted(ends)
    own = next(each for each in told_of(told) if each.certificate.holder_kind == pb.HOLDER_KIND_HUB)
    assert own.days_left in (19, 20)
    assert own.certificate.serial_hex == f"{leaf.serial_number:x}"
    assert own.certificate.expiry_time.ToDatetime(tzinfo=UTC) == leaf.not_valid_after_utc


def told_of(answer: pb.GetHubStatusResponse) -> list[pb.CertificateAlarm]:
    """The alarms of a status; it counts what it names."""
    assert answer.certificate_alarm_count == len(answer.certificate_alarms)
    return list(answer.certificate_alarms)
