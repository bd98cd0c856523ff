"""Single calls over a fake channel: tries, deadlines, epochs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import grpc
import pytest

from partner_sdk import (
    AnswerMalformedError,
    Client,
    FailedPreconditionError,
    NotAllowedError,
    QuotaExceededError,
    UnavailableError,
)
from partner_sdk.calls import Connections
from partner_sdk.errors import ClientBusyError
from rongan_share.v1 import agreement_service_pb2, verdict_service_pb2, vocabulary_pb2
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.reasons import Reason
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose, State
from tests.sdk.doubles import E4_BIT, FakeHub, epoch, fake_hub, not_listed, refusal, trailer

GOLDEN_RID = "c724649f7f701227069a6cc4d036cd07"


@pytest.fixture(name="hub")
def open_hub() -> Iterator[FakeHub]:
    """Opens a fake hub."""
    with fake_hub() as hub:
        yield hub


def ask(hub: FakeHub, *identifiers: tuple[IdentifierType, str]) -> Future[Any]:
    """Asks about one subject and lets the hub tell its rules."""
    asked = identifiers or ((IdentifierType.CN_RID, "11010519491231002x"),)
    future = hub.start(
        lambda: hub.client.check(
            asked,
            purpose=Purpose.SANCTIONS,
            channel=Channel.MOBILE,
            categories=["E4"],
            detail=True,
        )
    )
    hub.tell_rules()
    return future


def test_check_sends_tokens_never_identifiers(hub: FakeHub) -> None:
    """The request holds the golden token, the terms of the question, and nothing of the value."""
    future = ask(hub)
    request = hub.answer("CheckSubject", not_listed())
    assert request.tokens.hex() == GOLDEN_RID
    assert request.category_bits == 1 << E4_BIT
    assert (request.purpose, request.channel, request.suite, request.epoch) == (4, 4, 1, 1)
    assert len(request.request_id) == 16
    assert b"110105" not in request.SerializeToString()
    verdict = future.result(5)
    assert verdict.state is State.NOT_LISTED
    assert verdict.coverage.categories == ("E4",)
    assert verdict.request_id == request.request_id


def test_unavailable_is_tried_again_under_the_same_id(hub: FakeHub) -> None:
    """After UNAVAILABLE the same request goes out again, so that it is charged once."""
    future = ask(hub)
    first = hub.refuse("CheckSubject", refusal(Reason.HUB_STOPPING, retry_seconds=0.2))
    second = hub.answer("CheckSubject", not_listed())
    assert second == first
    assert future.result(5).state is State.NOT_LISTED
    assert hub.waits == [pytest.approx(0.25)]


def test_four_tries_then_the_error(hub: FakeHub) -> None:
    """A hub that stays down is an exception after four tries, never a verdict."""
    future = ask(hub)
    for _ in range(4):
        _, rpc = hub.take("CheckSubject")
        rpc.terminate(None, (), grpc.StatusCode.UNAVAILABLE, "Socket closed")
    with pytest.raises(UnavailableError) as caught:
        future.result(5)
    assert caught.value.reason is None
    assert len(hub.waits) == 3


def test_deadline_holds_against_a_silent_hub() -> None:
    """A hub that takes the connection and never says a word costs the deadline and no more."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        connections = Connections([grpc.insecure_channel(f"127.0.0.1:{port}")])
        with (
            Client.over(connections, timeout_seconds=0.2) as client,
            pytest.raises(UnavailableError) as caught,
        ):
            client.token_epoch()
    assert caught.value.reason is None


def test_passed_deadline_is_final(hub: FakeHub) -> None:
    """A try that used up the time is not followed by another."""
    future = ask(hub)
    _, rpc = hub.take("CheckSubject")
    rpc.terminate(None, (), grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
    with pytest.raises(UnavailableError) as caught:
        future.result(5)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert hub.waits == []


def test_no_wait_reaches_past_the_deadline(hub: FakeHub) -> None:
    """A wait that would end after the deadline is not begun."""
    future = ask(hub)
    _, rpc = hub.take("CheckSubject")
    hub.time.sleep_for(4.9)
    rpc.terminate(None, *trailer(refusal(Reason.HUB_STOPPING, retry_seconds=1.0)))
    with pytest.raises(UnavailableError):
        future.result(5)
    assert hub.waits == []


def test_quota_is_waited_for_once(hub: FakeHub) -> None:
    """A used-up burst is waited for once; a second refusal is the caller's."""
    future = ask(hub)
    for _ in range(2):
        hub.refuse("CheckSubject", refusal(Reason.QUOTA_EXCEEDED, retry_seconds=1.0))
    with pytest.raises(QuotaExceededError):
        future.result(5)
    assert hub.waits == [pytest.approx(1.05)]


def test_refusal_is_not_tried_again(hub: FakeHub) -> None:
    """What the agreement does not allow is not asked twice."""
    future = ask(hub)
    hub.refuse("CheckSubject", refusal(Reason.PURPOSE_NOT_GRANTED, purpose="SANCTIONS"))
    with pytest.raises(NotAllowedError) as caught:
        future.result(5)
    assert caught.value.metadata["purpose"] == "SANCTIONS"
    assert hub.waits == []


def test_new_epoch_is_fetched_and_tokens_made_anew(hub: FakeHub) -> None:
    """EPOCH_NOT_OPEN makes the client fetch the epoch once and ask with its tokens."""
    future = ask(hub)
    hub.refuse("CheckSubject", refusal(Reason.EPOCH_NOT_OPEN, currentEpoch="2"))
    reply = epoch(2)
    reply.suite = vocabulary_pb2.SUITE_HMAC_SM3
    hub.answer("GetTokenEpoch", reply)
    request = hub.answer("CheckSubject", not_listed())
    assert (request.epoch, request.suite) == (2, 2)
    assert request.tokens.hex() == "b6636c6b6cabbb41e57b989c239f9376"
    assert future.result(5).state is State.NOT_LISTED


def test_second_epoch_refusal_is_final(hub: FakeHub) -> None:
    """A hub that refuses its own current epoch is not asked for ever."""
    future = ask(hub)
    hub.refuse("CheckSubject", refusal(Reason.EPOCH_NOT_OPEN))
    hub.answer("GetTokenEpoch", epoch(2))
    hub.refuse("CheckSubject", refusal(Reason.EPOCH_NOT_OPEN))
    with pytest.raises(FailedPreconditionError):
        future.result(5)


def test_aliases_are_asked_along_and_folded(hub: FakeHub) -> None:
    """A name listed without its legal form is met, and its state belongs to the name asked for."""
    future = ask(
        hub,
        (IdentifierType.ORG_NAME, "ACME LTD"),
        (IdentifierType.DOMAIN, "acme.example"),
    )
    reply = not_listed(3)
    reply.state = reply.token_states[2] = vocabulary_pb2.STATE_LISTED
    reply.summary.severity = 3
    reply.listings.add(listing_id=7, token_index=2, severity=3, category_bit=E4_BIT, flags=32)
    request = hub.answer("CheckSubject", reply)
    assert list(request.types) == [22, 30, 22]
    verdict = future.result(5)
    assert verdict.token_states == (State.LISTED, State.NOT_LISTED)
    assert verdict.listings[0].token_index == 0
    assert verdict.listings[0].category == "E4"


def test_alias_of_another_type_says_its_type(hub: FakeHub) -> None:
    """The organisation code within a credit code is asked for as what it is, for its owner."""
    future = ask(hub, (IdentifierType.CN_USCC, "91110000600037341L"))
    reply = not_listed(2)
    reply.state = reply.token_states[1] = vocabulary_pb2.STATE_LISTED
    reply.summary.severity = 3
    request = hub.answer("CheckSubject", reply)
    assert list(request.types) == [IdentifierType.CN_USCC, IdentifierType.CN_ORG]
    assert future.result(5).token_states == (State.LISTED,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "STATE_UNSPECIFIED", "token_states": ["STATE_NOT_LISTED"]},
        {"state": "STATE_NOT_LISTED", "token_states": []},
        {"state": "STATE_NOT_LISTED", "token_states": ["STATE_UNSPECIFIED"]},
        {"state": "STATE_NOT_LISTED", "token_states": ["STATE_LISTED"]},
        {"state": "STATE_LISTED", "token_states": ["STATE_LISTED"]},
        {"state": "STATE_NOT_LISTED", "token_states": ["STATE_NOT_LISTED"] * 2},
        {"state": 9, "token_states": ["STATE_NOT_LISTED"]},
        {
            "state": "STATE_LISTED",
            "token_states": ["STATE_LISTED"],
            "summary": {"severity": 3, "expiry_day": 70_000},
        },
        {
            "state": "STATE_LISTED",
            "token_states": ["STATE_LISTED"],
            "summary": {"severity": 3},
            "listings": [{"token_index": 1}],
        },
    ],
)
def test_answer_that_does_not_add_up_is_an_error(hub: FakeHub, wrong: dict[str, Any]) -> None:
    """An answer with a state missing, unknown or contradicted is an exception, never a verdict."""
    future = ask(hub)
    hub.answer(
        "CheckSubject", verdict_service_pb2.CheckSubjectResponse(taxonomy_version=1, **wrong)
    )
    with pytest.raises(AnswerMalformedError):
        future.result(5)


def test_verdict_has_no_truth_value(hub: FakeHub) -> None:
    """``if verdict:`` is an error: four states do not fit into two."""
    future = ask(hub)
    hub.answer("CheckSubject", not_listed())
    with pytest.raises(TypeError):
        bool(future.result(5))


def test_malformed_identifier_is_refused_before_the_hub(hub: FakeHub) -> None:
    """What is no identifier raises at once: no call leaves, and the value is not repeated."""
    with pytest.raises(MalformedError) as caught:
        hub.client.check(
            [(IdentifierType.CN_RID, "12345")], purpose=Purpose.SANCTIONS, channel=Channel.MOBILE
        )
    assert "12345" not in str(caught.value)


def test_full_house_of_calls_is_named() -> None:
    """With no place among the calls in flight the caller learns so within the deadline."""
    with fake_hub() as hub:
        connections = Connections([hub.channel], calls_in_flight=1)
        connections._places.acquire()
        with pytest.raises(ClientBusyError):
            connections.call(
                lambda stubs: stubs.agreement.GetAgreement,
                agreement_service_pb2.GetAgreementRequest(),
                timeout_seconds=0.05,
            )


def test_key_is_in_no_repr(hub: FakeHub) -> None:
    """Neither the epoch nor its tokenizer shows the network key."""
    future = hub.start(hub.client.token_epoch)
    hub.answer("GetTokenEpoch", epoch())
    shown = repr(future.result(5)) + repr(future.result(5).tokenizer)
    assert "0001" not in shown
    assert "\\x01" not in shown
