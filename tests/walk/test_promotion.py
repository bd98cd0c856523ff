"""A certificate that follows another: the first use of it, and the time in which both hold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec

from rongan_share.audit.entry import Entry
from rongan_share.model.partner import CertificateState, HolderKind
from rongan_share.v1 import operator_service_pb2 as pb
from tests.support.hub import HubUnderTest, Stubs
from tests.support.pki import Minted
from tests.walk.asking import (
    Refused,
    Row,
    advance,
    check,
    contribute,
    entries_from,
    fresh,
    log_size,
    opened,
    refused,
    verdict_frame,
    verdict_open,
)
from tests.walk.following import DAYS, follow, pair, put, stored

EXPIRED = Refused("UNAUTHENTICATED", "CERTIFICATE_EXPIRED", {})


def promoted(entries: list[Entry]) -> list[dict[str, Any]]:
    """The entries that say that a certificate was promoted."""
    return [dict(entry.facts) for entry in entries if "promoted" in entry.facts]


def test_first_use_promotes(hub: HubUnderTest) -> None:
    """The old one serves on until the new one is used; then both do for 14 days (trust: T9)."""
    old, new = pair(hub, "pr-use")
    before, after = hub.connect(old), hub.connect(new)
    assert check(before, fresh()).entry_index
    assert stored(hub, new).state is CertificateState.NEXT
    answer = check(after, fresh())
    now_ns = entries_from(hub, answer.entry_index)[0].time_ns
    assert promoted(entries_from(hub, answer.entry_index)) == [
        {"promoted": stored(hub, new).serial_hex, "retiring": stored(hub, old).serial_hex}
    ]
    assert stored(hub, new).state is CertificateState.ACTIVE
    assert stored(hub, old).state is CertificateState.RETIRING
    assert stored(hub, old).retire_ns == now_ns + 14 * DAYS
    size = log_size(hub)
    assert check(before, fresh()).entry_index
    assert check(after, fresh()).entry_index
    assert promoted(entries_from(hub, size)) == []
    advance(hub, days=13.9)
    try:
        assert check(before, fresh()).entry_index
        advance(hub, days=0.2)
        assert refused(hub, lambda: check(before, fresh()), by="pr-use") == EXPIRED
        assert check(after, fresh()).entry_index
    finally:
        advance(hub, days=-14.1)


def test_old_one_never_outlives_its_end(hub: HubUnderTest) -> None:
    """Retirement is no reprieve: an old certificate that ends sooner ends then."""
    old, new = pair(hub, "pr-end")
    ends = stored(hub, old).not_after_ns
    put(hub, msgspec.structs.replace(stored(hub, old), not_after_ns=ends - 80 * DAYS))
    check(hub.connect(new), fresh())
    assert stored(hub, old).retire_ns == ends - 80 * DAYS


def test_two_first_uses_promote_once(hub: HubUnderTest) -> None:
    """Calls of many connections begin with the new certificate together: one promotes."""
    _, new = pair(hub, "pr-race")
    callers = [hub.connect(new) for _ in range(8)]
    size = log_size(hub)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda caller: check(caller, fresh()), callers))
    assert all(answer.entry_index for answer in answers)
    assert len(promoted(entries_from(hub, size))) == 1


def test_frames_promote(hub: HubUnderTest) -> None:
    """The first frame of a stream of questions, and of contributions, is a first use too."""
    old, new = pair(hub, "pr-ask")
    size = log_size(hub)
    with opened(hub.connect(new).verdicts.StreamVerdicts) as frames:
        for number in (1, 2):
            frames.send(*([verdict_open()] if number == 1 else []), verdict_frame(number, fresh()))
    assert len(promoted(entries_from(hub, size))) == 1
    assert stored(hub, old).state is CertificateState.RETIRING
    old, new = pair(hub, "pr-give")
    size = log_size(hub)
    assert (
        len(
            contribute(
                hub.connect(new), [Row(token=fresh())], [Row(token=fresh(), reference=fresh())]
            )
        )
        == 2
    )
    assert len(promoted(entries_from(hub, size))) == 1
    assert stored(hub, old).state is CertificateState.RETIRING


def operator_pair(hub: HubUnderTest) -> tuple[Minted, Minted]:
    """An operator's certificate and the one that follows it."""
    files = hub.pki.hierarchy.operator("bob")
    old = Minted(files.certificate.read_bytes(), files.key.read_bytes())
    new = hub.pki.operator("bob")
    follow(hub, old, new)
    return old, new


def status(caller: Stubs) -> pb.GetHubStatusResponse:
    """Asks how the hub is."""
    return caller.operators.GetHubStatus(pb.GetHubStatusRequest())


def test_operators_are_promoted_alike(hub: HubUnderTest) -> None:
    """An operator's first use promotes; what is revoked by that very call stays revoked."""
    old, new = operator_pair(hub)
    caller = hub.connect(new)
    request = pb.RevokeCertificateRequest(serial_hex=stored(hub, old).serial_hex, reason="old")
    caller.operators.RevokeCertificate(request)
    assert stored(hub, new).state is CertificateState.ACTIVE
    assert stored(hub, old).state is CertificateState.REVOKED
    assert status(caller).hub_id
    told = refused(hub, lambda: status(hub.bob), by="bob")
    assert told == Refused("UNAUTHENTICATED", "CERTIFICATE_REVOKED", {})
    put(hub, msgspec.structs.replace(stored(hub, old), state=CertificateState.ACTIVE))


def test_revocation_takes_the_unused_follower_along(hub: HubUnderTest) -> None:
    """Whoever stole a key may have asked for the next certificate with it (trust: T6)."""
    old, new = pair(hub, "pr-lost")
    hub.alice.operators.RevokeCertificate(
        pb.RevokeCertificateRequest(serial_hex=stored(hub, old).serial_hex, reason="stolen")
    )
    for caller in (hub.connect(old), hub.connect(new)):
        told = refused(hub, partial(check, caller, fresh()), by="pr-lost")
        assert told == Refused("UNAUTHENTICATED", "CERTIFICATE_REVOKED", {})


def test_intended_certificate_opens_nothing(hub: HubUnderTest) -> None:
    """What is written down and not yet signed is no certificate, whatever it is called."""
    old, new = pair(hub, "pr-int")
    put(hub, msgspec.structs.replace(stored(hub, new), state=CertificateState.INTENDED))
    told = refused(hub, lambda: check(hub.connect(new), fresh()), by="pr-int")
    assert told == Refused("UNAUTHENTICATED", "CERTIFICATE_NOT_REGISTERED", {})
    assert check(hub.connect(old), fresh()).entry_index
    assert stored(hub, old).holder_kind is HolderKind.PARTNER


def test_partner_lists_every_open_certificate(hub: HubUnderTest) -> None:
    """Serial numbers in use are those that open the door: old, next, and retiring ones."""
    old, new = pair(hub, "pr-list")
    for _ in range(2):
        listed = hub.alice.operators.ListPartners(pb.ListPartnersRequest(page_size=1_000))
        found = next(each for each in listed.partners if each.partner_id == "pr-list")
        assert set(found.certificate_serials) == {
            stored(hub, each).serial_hex for each in (old, new)
        }
        assert not found.revoked_serials
        check(hub.connect(new), fresh())
