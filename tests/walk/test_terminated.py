"""A partner that was ended for good: no call of it is served, not even one that takes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import msgspec
import pytest

from rongan_share.gate.table import route_table
from rongan_share.ledger.counters import bump_generation, get_list_sequence
from rongan_share.ledger.objects import find_object, put_object
from rongan_share.model.partner import HolderKind, Partner, PartnerState
from rongan_share.v1 import agreement_service_pb2 as agreement_pb
from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import operator_service_pb2 as operator_pb
from tests.support.hub import HubUnderTest, Stubs, refusal
from tests.walk.asking import (
    LISTED,
    TIMEOUT,
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
    stream,
    verdict_frame,
    verdict_open,
    withdrawal,
)

PARTNER = "t-ended"
REFUSED = ("PERMISSION_DENIED", "PARTNER_TERMINATED")
KEPT = Row(token=fresh(), reference=fresh())
STREAM_ID = fresh()

Call = Callable[[Stubs], Any]

CALLS: dict[str, tuple[str, Call]] = {
    "ask": ("VerdictService/CheckSubject", lambda caller: check(caller, KEPT.token)),
    "ask in a stream": ("VerdictService/StreamVerdicts", lambda caller: stream(caller, fresh())),
    "contribute": (
        "ContributionService/Contribute",
        lambda caller: contribute(caller, [Row(token=fresh())], stream_id=STREAM_ID, first=2),
    ),
    "withdraw a listing": (
        "ContributionService/Contribute",
        lambda caller: contribute(
            caller, [withdrawal(KEPT.token, KEPT.reference)], stream_id=STREAM_ID, first=2
        ),
    ),
    "withdraw a reference": (
        "ContributionService/Contribute",
        lambda caller: contribute(
            caller, [withdrawal(bytes(16), KEPT.reference)], stream_id=STREAM_ID, first=2
        ),
    ),
    "repeat a frame": (
        "ContributionService/Contribute",
        lambda caller: contribute(caller, [KEPT], stream_id=STREAM_ID),
    ),
    "position of a stream": (
        "ContributionService/GetContributionState",
        lambda caller: caller.contributions.GetContributionState(
            contribution_pb.GetContributionStateRequest(stream_id=STREAM_ID), timeout=TIMEOUT
        ),
    ),
    "agreement": (
        "AgreementService/GetAgreement",
        lambda caller: caller.agreements.GetAgreement(
            agreement_pb.GetAgreementRequest(), timeout=TIMEOUT
        ),
    ),
    "taxonomy": (
        "AgreementService/GetTaxonomy",
        lambda caller: caller.agreements.GetTaxonomy(
            agreement_pb.GetTaxonomyRequest(), timeout=TIMEOUT
        ),
    ),
    "usage": (
        "AgreementService/GetUsage",
        lambda caller: caller.agreements.GetUsage(agreement_pb.GetUsageRequest(), timeout=TIMEOUT),
    ),
    "own listings": (
        "ContributionService/ListOwnListings",
        lambda caller: caller.contributions.ListOwnListings(
            contribution_pb.ListOwnListingsRequest(), timeout=TIMEOUT
        ),
    ),
    "epoch": (
        "AgreementService/GetTokenEpoch",
        lambda caller: caller.agreements.GetTokenEpoch(
            agreement_pb.GetTokenEpochRequest(), timeout=TIMEOUT
        ),
    ),
}


def terminate(hub: HubUnderTest, partner_id: str) -> None:
    """Ends a partner in the ledger of the hub that serves; no RPC does that yet."""
    with hub.hub.ledger.write() as txn:
        partner = find_object(txn, Partner, partner_id)
        assert partner is not None
        ended = msgspec.structs.replace(
            partner, state=PartnerState.TERMINATED, version=partner.version + 1, reason="ended"
        )
        time_ns = int(hub.clock.now().timestamp()) * 1_000_000_000
        sequence = get_list_sequence(txn)
        put_object(txn, ended, object_id=partner_id, time_ns=time_ns, sequence=sequence)
        bump_generation(txn)


@pytest.fixture(scope="module")
def caller(hub: HubUnderTest) -> Stubs:
    """A partner that contributed and asked, and was then ended."""
    stubs = hub.partner(PARTNER)
    contribute(stubs, [KEPT], stream_id=STREAM_ID)
    assert check(stubs, KEPT.token).state == LISTED
    terminate(hub, PARTNER)
    return stubs


def test_every_call_of_a_partner_is_tried() -> None:
    """The calls below are all that the hub serves to partners."""
    served = {
        route.method
        for route in route_table().values()
        if route.audience is HolderKind.PARTNER and route.serve is not None
    }
    assert {method for method, _ in CALLS.values()} == served


@pytest.mark.parametrize("case", CALLS, ids=str)
def test_terminated_partner_is_refused(hub: HubUnderTest, caller: Stubs, case: str) -> None:
    """Whatever a terminated partner calls is refused for that reason, and entered in its name."""
    method, call = CALLS[case]
    before = log_size(hub)
    told = refused(hub, lambda: call(caller), by=PARTNER)
    assert (told.code, told.reason) == REFUSED
    assert set(told.metadata) <= {"frameNumber"}
    assert {entry.method for entry in entries_from(hub, before)} == {method}


def test_listings_of_a_terminated_partner_stay(hub: HubUnderTest, caller: Stubs) -> None:
    """What it contributed is still listed for others: nothing of what it tried came true."""
    for _, call in CALLS.values():
        advance(hub, seconds=1)
        with pytest.raises(grpc.RpcError):
            call(caller)
    assert check(hub.partner("t-other"), KEPT.token).state == LISTED


def test_termination_reaches_open_streams(hub: HubUnderTest) -> None:
    """The next frame of a stream that was open before is refused, also one that takes back."""
    stubs = hub.partner("t-open")
    row = Row(token=fresh(), reference=fresh())
    with (
        opened(stubs.verdicts.StreamVerdicts) as asks,
        opened(stubs.contributions.Contribute) as sends,
    ):
        asks.send(verdict_open(), verdict_frame(1, fresh()))
        sends.send(contribute_open(fresh()), contribute_frame(1, [row]))
        terminate(hub, "t-open")
        told = refused(hub, lambda: asks.send(verdict_frame(2, fresh())), by="t-open")
        assert told.of_stream() == (*REFUSED, {})
        taken = [withdrawal(row.token, row.reference)]
        told = refused(hub, lambda: sends.send(contribute_frame(2, taken)), by="t-open")
        assert told.of_stream() == (*REFUSED, {})


def test_terminated_partner_does_not_come_back(hub: HubUnderTest, caller: Stubs) -> None:
    """Operators can neither resume nor suspend it; its state stays."""
    for act in (
        lambda: hub.alice.operators.ResumePartner(
            operator_pb.ResumePartnerRequest(partner_id=PARTNER, reason="again")
        ),
        lambda: hub.alice.operators.SuspendPartner(
            operator_pb.SuspendPartnerRequest(partner_id=PARTNER, reason="again")
        ),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            act()
        assert refusal(caught.value)[1] == "PARTNER_TERMINATED"
    told = refused(hub, lambda: check(caller, KEPT.token), by=PARTNER)
    assert (told.code, told.reason) == REFUSED
