"""Uploads and batches over a fake channel while an epoch opens and is promoted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import grpc_testing
import pytest

from partner_sdk import (
    AnswerMalformedError,
    FailedPreconditionError,
    Frame,
    FrameMaker,
    frame_of_subjects,
)
from partner_sdk.agreements import read_epoch
from partner_sdk.contributions import RowFrame
from partner_sdk.questions import id_in_epoch
from partner_sdk.sources.rows import ParsedRow, Row, parse_row
from rongan_share.v1 import vocabulary_pb2
from rongan_share.v1.agreement_service_pb2 import GetTokenEpochResponse
from rongan_share.v1.contribution_service_pb2 import (
    ContributeResponse,
    GetContributionStateResponse,
)
from rongan_share.wire.identifiers import parse_identifier
from rongan_share.wire.reasons import Reason
from rongan_share.wire.tokens import Tokenizer
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose, State, Suite
from tests.sdk.doubles import KEY, NEXT_KEY, FakeHub, epoch, fake_hub, not_listed, refusal, trailer
from tests.sdk.test_streams import STREAM_ID, end, frame, reply, row, upload

DOMAIN = parse_identifier(IdentifierType.DOMAIN, "example.com")
OLD = Tokenizer(Suite.HMAC_SHA256, KEY).token(DOMAIN)
NEW = Tokenizer(Suite.HMAC_SM3, NEXT_KEY).token(DOMAIN)
ASKED: dict[str, Any] = {"purpose": Purpose.SANCTIONS, "channel": Channel.BATCH}
BATCH_ID = bytes(range(16, 32))


@pytest.fixture(name="hub")
def open_hub() -> Iterator[FakeHub]:
    """Opens a fake hub."""
    with fake_hub() as hub:
        yield hub


def promoted() -> GetTokenEpochResponse:
    """Makes the epoch that was opening, now current."""
    fresh = epoch(2, key=NEXT_KEY)
    fresh.suite = vocabulary_pb2.SUITE_HMAC_SM3
    return fresh


def test_opening_epoch_is_read_and_shows_no_key() -> None:
    """The epoch knows the one that is opening, and neither shows its key."""
    read = read_epoch(epoch(opening=True))
    assert read.next is not None
    assert (read.number, read.next.number, read.next.suite) == (1, 2, Suite.HMAC_SM3)
    assert read.next.tokenizer.token(DOMAIN) == NEW
    for key in (KEY, NEXT_KEY):
        assert key.hex() not in repr(read)
        assert repr(key) not in repr(read)
    assert read_epoch(epoch()).next is None


@pytest.mark.parametrize(("number", "key"), [(1, NEXT_KEY), (0, NEXT_KEY), (2, b"short")])
def test_unfit_opening_epoch_is_refused(number: int, key: bytes) -> None:
    """An opening epoch that does not follow, or without a fit key, is no answer."""
    answer = epoch(opening=True)
    answer.next.epoch, answer.next.key = number, key
    with pytest.raises(AnswerMalformedError) as refused:
        read_epoch(answer)
    assert refused.value.__cause__ is None


def changing_row(operation: str, line: int = 9) -> ParsedRow:
    """Makes a row that changes a listing of a record of its own."""
    text = Row(
        line=line,
        op=operation,
        reference=f"case {line}",
        type="DOMAIN",
        value="example.com",
        category="E4",
        severity="3",
        evidence="VERIFIED",
        source_class="INTL_LIST",
        legal_basis="PUBLIC_RECORD",
    )
    return parse_row(text, None)


def test_rows_carry_both_tokens_while_an_epoch_opens(hub: FakeHub) -> None:
    """What is added carries both tokens by itself; what changes a listing names it by one."""
    rows = (row(2), changing_row("AMEND", 3), changing_row("WITHDRAW", 4))
    future = hub.start(lambda: list(hub.client.contribute([RowFrame(rows)], stream_id=STREAM_ID)))
    hub.answer("GetTokenEpoch", epoch(opening=True))
    hub.answer("GetContributionState", GetContributionStateResponse())
    rpc = hub.take_stream("Contribute")
    opening = rpc.take_request().open
    assert (opening.epoch, opening.suite, opening.next_epoch) == (1, 1, 2)
    sent = rpc.take_request().frame
    assert sent.token == OLD * 3
    assert sent.next_token == NEW + bytes(32)
    rpc.send_response(ContributeResponse(frame_number=1, sequence=5, added_count=1))
    end(rpc)
    assert len(future.result(5)) == 1


def refuse_epoch(
    hub: FakeHub,
    rpc: grpc_testing.StreamStreamChannelRpc,
    fresh: GetTokenEpochResponse,
    *,
    durable: int,
    reason: Reason,
) -> None:
    """Ends a stream for its epoch and tells the client how things stand."""
    rpc.terminate(*trailer(refusal(reason)))
    hub.answer("GetTokenEpoch", fresh)
    hub.answer("GetContributionState", GetContributionStateResponse(frame_number=durable))


def test_upload_goes_on_while_an_epoch_opens_and_is_promoted(hub: FakeHub) -> None:
    """Numbers and rows go on from the first frame not taken, with the tokens of the moment."""
    future = upload(hub, *(RowFrame((row(line),)) for line in (2, 3, 4)), durable=0)
    rpc = hub.take_stream("Contribute")
    first = [rpc.take_request() for _ in range(3)]
    assert [each.frame.next_token for each in first[1:]] == [b"", b""]
    rpc.send_response(ContributeResponse(frame_number=1, sequence=5))
    rpc.take_request()
    refuse_epoch(hub, rpc, epoch(opening=True), durable=1, reason=Reason.NEXT_EPOCH_NEEDED)
    rpc = hub.take_stream("Contribute")
    opening, second, third = (rpc.take_request() for _ in range(3))
    assert (opening.open.stream_id, opening.open.next_epoch) == (STREAM_ID, 2)
    assert [second.frame.frame_number, third.frame.frame_number] == [2, 3]
    assert second.frame.next_token == third.frame.next_token == NEW
    refuse_epoch(hub, rpc, promoted(), durable=1, reason=Reason.EPOCH_NOT_OPEN)
    rpc = hub.take_stream("Contribute")
    opening, second, third = (rpc.take_request() for _ in range(3))
    assert (opening.open.epoch, opening.open.next_epoch) == (2, 0)
    assert (second.frame.token, second.frame.next_token) == (NEW, b"")
    rpc.send_response(ContributeResponse(frame_number=2, sequence=6))
    rpc.send_response(ContributeResponse(frame_number=3, sequence=7))
    end(rpc)
    assert [ack.frame_number for ack in future.result(5)] == [1, 2, 3]


def test_frame_that_was_kept_before_the_change_is_not_sent_again(hub: FakeHub) -> None:
    """What the hub has although its acknowledgement was lost has one content and stays."""
    future = upload(hub, RowFrame((row(2),)), RowFrame((row(3),)), durable=0)
    rpc = hub.take_stream("Contribute")
    [rpc.take_request() for _ in range(3)]
    refuse_epoch(hub, rpc, promoted(), durable=1, reason=Reason.EPOCH_NOT_OPEN)
    rpc = hub.take_stream("Contribute")
    rpc.take_request()
    assert rpc.take_request().frame.frame_number == 2
    rpc.send_response(ContributeResponse(frame_number=2, sequence=6))
    end(rpc)
    acks = future.result(5)
    assert [(ack.frame_number, ack.repeated, ack.row_count) for ack in acks] == [
        (1, True, 1),
        (2, False, 1),
    ]


def test_upload_refused_in_every_epoch_ends(hub: FakeHub) -> None:
    """A hub that refuses its own epochs is asked three times more, and then believed."""
    future = upload(hub, RowFrame((row(2),)), durable=0)
    for _ in range(3):
        rpc = hub.take_stream("Contribute")
        refuse_epoch(hub, rpc, epoch(), durable=0, reason=Reason.NEXT_EPOCH_NEEDED)
    hub.take_stream("Contribute").terminate(*trailer(refusal(Reason.NEXT_EPOCH_NEEDED)))
    with pytest.raises(FailedPreconditionError) as refused:
        future.result(5)
    assert refused.value.metadata["frameNumber"] == "1"


def ask(hub: FakeHub, *frames: Frame | FrameMaker) -> Future[Any]:
    """Asks about frames and lets the hub tell its rules."""
    future = hub.start(lambda: list(hub.client.stream_verdicts(frames, batch_id=BATCH_ID, **ASKED)))
    hub.tell_rules()
    return future


def test_batch_goes_on_in_the_new_epoch(hub: FakeHub) -> None:
    """Unanswered frames are made anew under the batch's id in that epoch, same numbers."""
    make = frame_of_subjects([[DOMAIN]])
    future = ask(hub, make, make, make)
    rpc = hub.take_stream("StreamVerdicts")
    assert rpc.take_request().open.batch_id == id_in_epoch(BATCH_ID, 1)
    assert rpc.take_request().frame.tokens == OLD
    rpc.send_response(reply(1))
    [rpc.take_request() for _ in range(2)]
    rpc.terminate(*trailer(refusal(Reason.EPOCH_NOT_OPEN, frameNumber="2")))
    hub.answer("GetTokenEpoch", promoted())
    rpc = hub.take_stream("StreamVerdicts")
    opening = rpc.take_request().open
    assert (opening.epoch, opening.batch_id) == (2, id_in_epoch(BATCH_ID, 2))
    for number in (2, 3):
        sent = rpc.take_request().frame
        assert (sent.frame_number, sent.tokens) == (number, NEW)
        rpc.send_response(reply(number))
    end(rpc)
    answers = future.result(5)
    assert [answer.frame_number for answer in answers] == [1, 2, 3]
    assert [answer.batch_id for answer in answers] == [
        id_in_epoch(BATCH_ID, number) for number in (1, 2, 2)
    ]


def test_ready_made_tokens_end_with_their_epoch(hub: FakeHub) -> None:
    """Tokens that the caller made cannot be made anew here; the batch's id is as given."""
    future = ask(hub, frame(1))
    rpc = hub.take_stream("StreamVerdicts")
    assert rpc.take_request().open.batch_id == BATCH_ID
    rpc.terminate(*trailer(refusal(Reason.EPOCH_NOT_OPEN, frameNumber="1")))
    with pytest.raises(FailedPreconditionError) as refused:
        future.result(5)
    assert refused.value.reason is Reason.EPOCH_NOT_OPEN
    fresh = hub.start(hub.client.token_epoch)
    hub.answer("GetTokenEpoch", promoted())
    assert fresh.result(5).number == 2


def test_batch_refused_in_every_epoch_ends(hub: FakeHub) -> None:
    """A hub that refuses its own current epoch is not asked for ever."""
    future = ask(hub, frame_of_subjects([[DOMAIN]]))
    for fresh in (promoted(), None):
        hub.take_stream("StreamVerdicts").terminate(*trailer(refusal(Reason.EPOCH_NOT_OPEN)))
        if fresh is not None:
            hub.answer("GetTokenEpoch", fresh)
    with pytest.raises(FailedPreconditionError):
        future.result(5)


def test_question_has_another_id_in_the_new_epoch(hub: FakeHub) -> None:
    """Under the same id other tokens would be refused, if the first try had been answered."""
    future = hub.start(
        lambda: hub.client.check([DOMAIN], detail=True, request_id=BATCH_ID, **ASKED)
    )
    hub.tell_rules()
    assert hub.refuse("CheckSubject", refusal(Reason.EPOCH_NOT_OPEN)).request_id == BATCH_ID
    hub.answer("GetTokenEpoch", promoted())
    asked = hub.answer("CheckSubject", not_listed())
    assert (asked.request_id, asked.tokens) == (id_in_epoch(BATCH_ID, 2), NEW)
    verdict = future.result(5)
    assert (verdict.state, verdict.request_id) == (State.NOT_LISTED, asked.request_id)


def test_epoch_that_only_began_to_open_is_fetched_again(hub: FakeHub) -> None:
    """A copy fetched before the hub changed over is not taken for the new epoch."""
    first = hub.start(hub.client.token_epoch)
    hub.answer("GetTokenEpoch", epoch())
    refused = first.result(5)
    cache = hub.client._epochs
    cache.forget(refused)
    second = hub.start(hub.client.token_epoch)
    hub.answer("GetTokenEpoch", epoch(opening=True))
    assert second.result(5).next is not None
    cache.forget(refused)
    third = hub.start(hub.client.token_epoch)
    hub.answer("GetTokenEpoch", promoted())
    kept = third.result(5)
    cache.forget(refused)
    assert hub.client.token_epoch() is kept


def test_subjects_become_one_frame_for_any_epoch() -> None:
    """Aliases are asked along; the columns besides the tokens are the same in every epoch."""
    person = (IdentifierType.NAME_ID, "張三|11010519491231002X")
    make = frame_of_subjects([[DOMAIN], [person, DOMAIN]], business_refs=bytes(32))
    old, new = make(Tokenizer(Suite.HMAC_SHA256, KEY)), make(Tokenizer(Suite.HMAC_SM3, NEXT_KEY))
    assert old.subject_end == new.subject_end == (1, old.token_count)
    assert old.token_count == len(old.types) == 4
    assert old.tokens != new.tokens
    assert (old.tokens[:16], new.tokens[:16]) == (OLD, NEW)
    assert frame_of_subjects([[DOMAIN]])(Tokenizer(Suite.HMAC_SHA256, KEY)).subject_end == ()
