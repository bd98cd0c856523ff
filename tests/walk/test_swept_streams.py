"""Open streams end when their caller would not be let in any more, also those that nobody uses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from rongan_share.gate import sweeper
from rongan_share.ledger.environment import Table, Transaction
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.vocabulary import Purpose
from tests.support.hub import HubUnderTest, Stubs, refusal, running_hub
from tests.support.pki import Minted
from tests.walk.asking import (
    LISTED,
    TIMEOUT,
    OpenStream,
    Row,
    advance,
    check,
    contribute,
    contribute_frame,
    contribute_open,
    entries_from,
    fresh,
    log_size,
    opened,
    refused,
    verdict_frame,
    verdict_open,
    withdrawal,
)

AIM_SECONDS = 2.0
"""Time from the operator's answer to the end of a stream; a sweep comes every 0.2 s."""


def minted_partner(hub: HubUnderTest, partner_id: str) -> Minted:
    """Makes a partner and returns its certificate."""
    hub.create_partner(partner_id)
    minted = hub.pki.partner(partner_id)
    hub.register(minted)
    hub.agree(partner_id)
    return minted


def revoke(hub: HubUnderTest, minted: Minted) -> None:
    """Revokes a certificate."""
    serial = f"{minted.certificate.serial_number:x}"
    hub.alice.operators.RevokeCertificate(
        operator_pb.RevokeCertificateRequest(serial_hex=serial, reason="lost")
    )


def suspend(hub: HubUnderTest, partner_id: str) -> None:
    """Suspends a partner."""
    hub.alice.operators.SuspendPartner(
        operator_pb.SuspendPartnerRequest(partner_id=partner_id, reason="audit")
    )


def ended(stream: OpenStream) -> tuple[str, str, dict[str, str]]:
    """Waits until the hub ends a stream, and returns what it says."""
    with pytest.raises(grpc.RpcError) as caught:
        stream.await_end()
    return refusal(caught.value)


def goes_on(stream: OpenStream, number: int) -> bool:
    """Tells whether a stream of questions still answers."""
    return bool(stream.send(verdict_frame(number, fresh())).not_listed_count)


def test_revocation_ends_idle_streams(hub: HubUnderTest) -> None:
    """Streams that rest, also before their first message, end within 2 s. trust: T7."""
    minted = minted_partner(hub, "w-lost")
    caller, other = hub.connect(minted), hub.partner("w-other")
    with (
        opened(caller.verdicts.StreamVerdicts) as asks,
        opened(caller.contributions.Contribute) as sends,
        opened(caller.verdicts.StreamVerdicts) as silent,
        opened(other.verdicts.StreamVerdicts) as others,
    ):
        asks.send(verdict_open(), verdict_frame(1, fresh()))
        sends.send(contribute_open(fresh()), contribute_frame(1, [Row(token=fresh())]))
        others.send(verdict_open(), verdict_frame(1, fresh()))
        before = log_size(hub)
        revoke(hub, minted)
        began = time.monotonic()
        told = [ended(stream) for stream in (asks, sends, silent)]
        assert time.monotonic() - began < AIM_SECONDS
        assert told == [("UNAUTHENTICATED", "CERTIFICATE_REVOKED", {})] * 3
        assert goes_on(others, 2)
    entered = [each for each in entries_from(hub, before) if each.kind == "REFUSAL"]
    assert {(each.decision, each.caller_id) for each in entered} == {
        ("CERTIFICATE_REVOKED", "w-lost")
    }
    assert len(entered) == 3
    again = refused(hub, lambda: check(caller, fresh()), by="w-lost")
    assert again == ("UNAUTHENTICATED", "CERTIFICATE_REVOKED", {})


def test_revocation_meets_frames_under_way(hub: HubUnderTest) -> None:
    """Of frames that come one behind the other none is decided after the revocation. trust: T7."""
    minted = minted_partner(hub, "w-busy")
    caller = hub.connect(minted)
    revoked, over = threading.Event(), []

    def frames() -> Iterator[verdict_pb.StreamVerdictsRequest]:
        yield verdict_open()
        yield from (verdict_frame(number, fresh()) for number in range(1, 1_000_000))

    def ask() -> None:
        try:
            for _ in caller.verdicts.StreamVerdicts(frames(), timeout=TIMEOUT):
                pass
        except grpc.RpcError as error:
            over.append((refusal(error), revoked.is_set()))

    asking = threading.Thread(target=ask)
    before = log_size(hub)
    asking.start()
    time.sleep(0.1)
    revoke(hub, minted)
    revoked.set()
    began = time.monotonic()
    asking.join(TIMEOUT)
    assert time.monotonic() - began < AIM_SECONDS
    (((code, reason, _), _),) = over
    assert (code, reason) == ("UNAUTHENTICATED", "CERTIFICATE_REVOKED")
    entries = entries_from(hub, before)
    at = next(n for n, each in enumerate(entries) if each.method.endswith("RevokeCertificate"))
    assert any(each.kind == "VERDICT" for each in entries[:at])
    assert not any(each.kind == "VERDICT" for each in entries[at:])


def test_certificate_that_ends_ends_its_streams(hub: HubUnderTest) -> None:
    """An idle stream does not outlive the certificate that opened it. trust: T8."""
    minted = minted_partner(hub, "w-ends")
    caller = hub.connect(minted)
    life = (minted.certificate.not_valid_after_utc - hub.clock.now()).total_seconds()
    with opened(caller.contributions.Contribute) as sends:
        sends.send(contribute_open(fresh()), contribute_frame(1, [Row(token=fresh())]))
        advance(hub, seconds=life + 1)
        try:
            told = ended(sends)
        finally:
            advance(hub, seconds=-life - 1)
    assert told == ("UNAUTHENTICATED", "CERTIFICATE_EXPIRED", {})


def test_suspension_leaves_taking_back_open(hub: HubUnderTest) -> None:
    """A suspended partner's questions end; its stream of contributions stays, until it has left."""
    caller = hub.partner("w-susp")
    rows = [Row(token=fresh(), reference=fresh()) for _ in range(2)]
    taken = [[withdrawal(row.token, row.reference)] for row in rows]
    with (
        opened(caller.verdicts.StreamVerdicts) as asks,
        opened(caller.contributions.Contribute) as sends,
    ):
        asks.send(verdict_open(), verdict_frame(1, fresh()))
        sends.send(contribute_open(fresh()), contribute_frame(1, rows))
        suspend(hub, "w-susp")
        assert ended(asks) == ("PERMISSION_DENIED", "PARTNER_SUSPENDED", {})
        assert sends.send(contribute_frame(2, taken[0])).withdrawn_count == 1
        hub.agree("w-susp", end_day=shanghai_day(hub.clock.now()) - 1)
        time.sleep(2 * sweeper.LOOK_SECONDS)
        assert sends.send(contribute_frame(3, taken[1])).withdrawn_count == 1


def test_agreement_rules_idle_streams(hub: HubUnderTest) -> None:
    """A stream of questions ends when its purpose is taken away, or the agreement's days are."""
    caller = hub.partner("w-terms")
    with opened(caller.verdicts.StreamVerdicts) as asks:
        asks.send(verdict_open(), verdict_frame(1, fresh()))
        hub.agree("w-terms", purposes=[Purpose.AML_CFT])
        assert ended(asks)[1] == "PURPOSE_NOT_GRANTED"
    today = shanghai_day(hub.clock.now())
    hub.agree("w-terms", end_day=today)
    with opened(caller.verdicts.StreamVerdicts) as asks:
        asks.send(verdict_open(), verdict_frame(1, fresh()))
        advance(hub, days=1)
        try:
            assert ended(asks)[1] == "AGREEMENT_EXPIRED"
        finally:
            advance(hub, days=-1)


def test_streams_end_unchecked_never(tmp_path: Path) -> None:
    """If the registry cannot be read, no stream stays open."""
    with running_hub(tmp_path / "home") as hub:
        caller = hub.partner("w-blind")
        with opened(caller.contributions.Contribute) as sends:
            sends.send(contribute_open(fresh()), contribute_frame(1, [Row(token=fresh())]))
            with hub.hub.ledger.write() as txn:
                flip_generation(txn)
            try:
                code, reason, _ = ended(sends)
            finally:
                with hub.hub.ledger.write() as txn:
                    flip_generation(txn)
    assert (code, reason) in {("UNAVAILABLE", "STORE_FAILED"), ("DATA_LOSS", "STORE_CORRUPT")}


def flip_generation(txn: Transaction) -> None:
    """Flips a bit of the generation, past its seal."""
    database = txn._databases[Table.META]
    value = bytearray(txn._txn.get(b"generation", db=database) or b"")
    value[0] ^= 1
    txn._txn.put(b"generation", bytes(value), db=database)


def test_stream_whose_caller_does_not_read_is_cut(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller that takes no answers cannot hold its stream open by that."""
    monkeypatch.setattr(sweeper, "CUT_NS", 200_000_000)
    minted = minted_partner(hub, "w-deaf")
    stubs = hub.connect(minted)
    listed = fresh()
    contribute(stubs, [Row(token=listed, reference=fresh())])
    assert check(stubs, listed).state == LISTED
    frames = (verdict_frame(number, listed * 16_384) for number in range(1, 200))
    call = stubs.verdicts.StreamVerdicts(chained(verdict_open(), frames), timeout=TIMEOUT)
    streams = hub.hub._worker._streams
    time.sleep(0.5)
    before = log_size(hub)
    (held,) = [each for each in streams.list() if each.claim.caller_id == "w-deaf"]
    revoke(hub, minted)

    def refusals() -> set[str]:
        return {each.decision for each in entries_from(hub, before) if each.kind == "REFUSAL"}

    patience = time.monotonic() + TIMEOUT
    # It is cut first, and entered then.
    while (held in streams.list() or not refusals()) and time.monotonic() < patience:
        time.sleep(0.05)
    assert held not in streams.list()
    call.cancel()
    assert refusals() == {"CERTIFICATE_REVOKED"}


def chained(
    first: verdict_pb.StreamVerdictsRequest, rest: Iterator[verdict_pb.StreamVerdictsRequest]
) -> Iterator[verdict_pb.StreamVerdictsRequest]:
    """Makes one stream of an opening and frames."""
    yield first
    yield from rest


def test_stop_ends_idle_contributions(tmp_path: Path) -> None:
    """An idle stream of contributions does not hold a stop for its grace. trust: P13."""
    with running_hub(tmp_path / "home") as hub:
        caller: Stubs = hub.partner("w-stop")
        with opened(caller.contributions.Contribute) as sends:
            sends.send(contribute_open(fresh()), contribute_frame(1, [Row(token=fresh())]))
            began = time.monotonic()
            hub.hub.stop(grace_seconds=60.0)
            assert time.monotonic() - began < AIM_SECONDS
            assert ended(sends)[:2] == ("UNAVAILABLE", "HUB_STOPPING")
