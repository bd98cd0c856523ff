"""Renewal: the certificate that follows the one that is shown, and the time of both (trust: T9)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import pytest
from cryptography import x509

from rongan_share.model.partner import CertificateState, HolderKind
from rongan_share.v1 import certificate_service_pb2 as pb
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.trust_bundle import digest_of, verify_pinned
from tests.support.clock import FakeClock, last_noon
from tests.support.hub import HubUnderTest, Stubs, running_hub
from tests.walk.asking import (
    Refused,
    advance,
    check,
    entries_from,
    fresh,
    log_size,
    refused,
)
from tests.walk.enrolling import enroll, minted, new_key, renew, secret_for, told

DUE_DAYS = 60.1
"""Two thirds of ninety days."""

SHUT_OUT = {"field": "request_der", "rule": "a key that was not shut out"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub whose clock is behind: what is renewed later must not begin after TLS's own clock."""
    clock = FakeClock(last_noon() - timedelta(days=DUE_DAYS))
    with running_hub(tmp_path_factory.mktemp("hub") / "home", clock) as running:
        yield running


@contextmanager
def later(hub: HubUnderTest, days: float) -> Iterator[None]:
    """Sets the hub's clock on for a block."""
    advance(hub, days=days)
    try:
        yield
    finally:
        advance(hub, days=-days)


def enrolled(hub: HubUnderTest, partner_id: str) -> Stubs:
    """A partner with a certificate by enrolment."""
    hub.create_partner(partner_id)
    hub.agree(partner_id)
    key = new_key()
    return hub.connect(minted(enroll(hub, partner_id, secret_for(hub, partner_id), key=key), key))


def states(hub: HubUnderTest, holder_id: str) -> dict[str, str]:
    """The states of a holder's certificates, by serial number."""
    request = operator_pb.ListCertificatesRequest(holder_id=holder_id)
    found = hub.alice.operators.ListCertificates(request).certificates
    return {each.serial_hex: CertificateState(each.state).name for each in found}


def serial(answer: pb.RenewCertificateResponse) -> str:
    """The serial number of a certificate that was given."""
    return f"{x509.load_der_x509_certificate(answer.chain_der[0]).serial_number:x}"


def test_not_before_two_thirds_of_its_life(hub: HubUnderTest) -> None:
    """Sooner it is refused, with the time from which it is not."""
    caller = enrolled(hub, "re-due")
    answer = refused(hub, lambda: renew(caller, new_key()), by="re-due")
    assert answer[:2] == ("FAILED_PRECONDITION", "RENEWAL_NOT_DUE")
    assert list(answer.metadata) == ["dueTime"]
    with later(hub, DUE_DAYS):
        assert renew(caller, new_key()).chain_der


def test_both_hold_for_fourteen_days(hub: HubUnderTest) -> None:
    """Old and new are let in until the overlap is over; then the new one alone."""
    old = enrolled(hub, "re-both")
    with later(hub, DUE_DAYS):
        key = new_key()
        size = log_size(hub)
        answer = renew(old, key)
        digest = digest_of(answer.trust_bundle.bundle.root_der[0])
        assert verify_pinned(answer.trust_bundle, digest).version == 1
        steps = [each.facts["step"] for each in entries_from(hub, size)]
        assert steps == ["intended", "registered"]
        new = hub.connect(minted(answer, key))
        assert states(hub, "re-both")[serial(answer)] == "NEXT"
        for caller in (old, new, old):
            assert check(caller, fresh()).entry_index
        assert sorted(states(hub, "re-both").values()) == ["ACTIVE", "RETIRING"]
        with later(hub, 13.9):
            assert check(old, fresh()).entry_index
        with later(hub, 14.1):
            ended = refused(hub, lambda: check(old, fresh()), by="re-both")
            assert ended == Refused("UNAUTHENTICATED", "CERTIFICATE_EXPIRED", {})
            assert check(new, fresh()).entry_index


def test_same_key_same_certificate_other_key_shuts_out(hub: HubUnderTest) -> None:
    """A lost answer costs nothing; whoever asks with another key gets that one alone."""
    old = enrolled(hub, "re-key")
    with later(hub, DUE_DAYS):
        first_key, second_key = new_key(), new_key()
        first = renew(old, first_key)
        assert renew(old, first_key).chain_der == first.chain_der
        second = renew(old, second_key)
        found = states(hub, "re-key")
        assert (found[serial(first)], found[serial(second)]) == ("REVOKED", "NEXT")
        answer = refused(hub, lambda: renew(old, first_key), by="re-key")
        assert answer == Refused("INVALID_ARGUMENT", "REQUEST_MALFORMED", SHUT_OUT)
        lost = hub.connect(minted(first, first_key))
        shut = refused(hub, lambda: check(lost, fresh()), by="re-key")
        assert shut == Refused("UNAUTHENTICATED", "CERTIFICATE_REVOKED", {})
        assert check(hub.connect(minted(second, second_key)), fresh()).entry_index


def test_races_leave_one_next(hub: HubUnderTest) -> None:
    """Many machines of one partner renew together: one certificate is left, and it is let in."""
    old = enrolled(hub, "re-race")
    with later(hub, DUE_DAYS):
        keys = [new_key() for _ in range(6)]
        with ThreadPoolExecutor(len(keys)) as pool:
            answers = list(pool.map(partial(renew, old), keys))
        found = states(hub, "re-race")
        assert sorted(found.values()) == ["ACTIVE", "NEXT", *["REVOKED"] * 5]
        [winner] = [number for number in range(6) if found[serial(answers[number])] == "NEXT"]
        caller = hub.connect(minted(answers[winner], keys[winner]))
        assert check(caller, fresh()).entry_index


def test_operators_renew_too(hub: HubUnderTest) -> None:
    """An operator's certificate is followed like a partner's."""
    with later(hub, DUE_DAYS):
        key = new_key()
        answer = renew(hub.bob, key)
        leaf = x509.load_der_x509_certificate(answer.chain_der[0])
        caller = hub.connect(minted(answer, key))
        assert caller.operators.GetHubStatus(operator_pb.GetHubStatusRequest()).hub_id
        assert sorted(states(hub, "bob").values()) == ["ACTIVE", "RETIRING"]
        request = operator_pb.ListCertificatesRequest(holder_id="bob")
        kinds = {
            each.holder_kind for each in hub.alice.operators.ListCertificates(request).certificates
        }
        assert kinds == {int(HolderKind.OPERATOR)}
        assert leaf.not_valid_after_utc > hub.clock.now()


def test_suspended_may_renew_revoked_may_not(hub: HubUnderTest) -> None:
    """A suspension ends some day, and the partner must not be locked out by then."""
    caller = enrolled(hub, "re-susp")
    hub.alice.operators.SuspendPartner(
        operator_pb.SuspendPartnerRequest(partner_id="re-susp", reason="looked into")
    )
    with later(hub, DUE_DAYS):
        answer = renew(caller, new_key())
        [old] = [each for each, state in states(hub, "re-susp").items() if state == "ACTIVE"]
        hub.alice.operators.RevokeCertificate(
            operator_pb.RevokeCertificateRequest(serial_hex=old, reason="stolen")
        )
        revoked = Refused("UNAUTHENTICATED", "CERTIFICATE_REVOKED", {})
        assert told(lambda: renew(caller, new_key())) == revoked
        assert states(hub, "re-susp")[serial(answer)] == "REVOKED"


def test_first_use_may_be_anything(hub: HubUnderTest) -> None:
    """Asking for the trust bundle promotes as well, and says which roots to trust."""
    old = enrolled(hub, "re-use")
    with later(hub, DUE_DAYS):
        key = new_key()
        new = hub.connect(minted(renew(old, key), key))
        answer = new.certificates.GetTrustBundle(pb.GetTrustBundleRequest())
        assert answer.trust_bundle.bundle.version == 1
        assert sorted(states(hub, "re-use").values()) == ["ACTIVE", "RETIRING"]


def test_lost_after_promotion(hub: HubUnderTest) -> None:
    """A machine that lost the new key once it was used goes on with the one that retires."""
    old = enrolled(hub, "re-lost")
    with later(hub, DUE_DAYS):
        key, other = new_key(), new_key()
        assert check(hub.connect(minted(renew(old, key), key)), fresh()).entry_index
        third = hub.connect(minted(renew(old, other), other))
        assert check(third, fresh()).entry_index
        assert sorted(states(hub, "re-lost").values()) == ["ACTIVE", "ACTIVE", "RETIRING"]


@pytest.mark.parametrize(
    ("minutes", "let_in"), [(10, True), (-10, True), (1_440, True), (-1_440, False)]
)
def test_clock_that_is_off(hub: HubUnderTest, minutes: int, let_in: bool) -> None:
    """Minutes do not matter; a hub a day behind refuses with its own clock's word (trust: K1)."""
    caller = enrolled(hub, f"re-off-{minutes + 2_000}")
    with later(hub, minutes / 1_440):
        if let_in:
            assert check(caller, fresh()).entry_index
        else:
            ended = told(lambda: check(caller, fresh()))
            assert ended == Refused("UNAUTHENTICATED", "CERTIFICATE_EXPIRED", {})
