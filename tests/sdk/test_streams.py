"""Frames over a fake channel: order, pipelining, resumption, refusal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import grpc
import grpc_testing
import pytest

from partner_sdk import AnswerMalformedError, Frame, InvalidRequestError, UnavailableError
from partner_sdk.contributions import RowFrame, frames_of_rows
from partner_sdk.sources.rows import ParsedRow, Row, parse_row
from rongan_share.v1.contribution_service_pb2 import (
    ContributeResponse,
    GetContributionStateResponse,
)
from rongan_share.v1.verdict_service_pb2 import StreamVerdictsResponse
from rongan_share.wire.reasons import Reason
from rongan_share.wire.vocabulary import Channel, Purpose, State
from tests.sdk.doubles import FakeHub, epoch, fake_hub, refusal, taxonomy, trailer

STREAM_ID = bytes(range(16))


@pytest.fixture(name="hub")
def open_hub() -> Iterator[FakeHub]:
    """Opens a fake hub."""
    with fake_hub() as hub:
        yield hub


def frame(*numbers: int) -> Frame:
    """Makes a frame of made-up tokens."""
    return Frame(tokens=b"".join(number.to_bytes(16, "big") for number in numbers))


def ask(hub: FakeHub, *frames: Frame) -> Future[Any]:
    """Asks about frames and lets the hub tell its rules."""
    future = hub.start(
        lambda: list(
            hub.client.stream_verdicts(frames, purpose=Purpose.SANCTIONS, channel=Channel.BATCH)
        )
    )
    hub.tell_rules()
    return future


def reply(number: int, count: int = 1) -> StreamVerdictsResponse:
    """Answers that no token of a frame is listed."""
    return StreamVerdictsResponse(
        frame_number=number, token_count=count, not_listed_count=count, taxonomy_version=1
    )


def end(rpc: grpc_testing.StreamStreamChannelRpc) -> None:
    """Ends a stream as a hub does."""
    rpc.terminate((), grpc.StatusCode.OK, "")


def test_frames_are_answered_in_order(hub: FakeHub) -> None:
    """The opening goes first and once, then the frames, numbered from 1."""
    future = ask(hub, frame(1), frame(2), frame(3))
    rpc = hub.take_stream("StreamVerdicts")
    opening = rpc.take_request().open
    assert (opening.purpose, opening.channel, opening.epoch) == (4, 8, 1)
    assert len(opening.batch_id) == 16
    for number in (1, 2, 3):
        assert rpc.take_request().frame.frame_number == number
        rpc.send_response(reply(number))
    end(rpc)
    answers = future.result(5)
    assert [answer.frame_number for answer in answers] == [1, 2, 3]
    assert answers[0].state(0) is State.NOT_LISTED


def test_two_frames_are_under_way_and_no_third(hub: FakeHub) -> None:
    """The second frame is sent before the first is answered; the third is not even drawn."""
    drawn: list[int] = []

    def frames() -> Iterator[Frame]:
        for number in range(1, 5):
            drawn.append(number)
            yield frame(number)

    future = hub.start(
        lambda: list(
            hub.client.stream_verdicts(frames(), purpose=Purpose.SANCTIONS, channel=Channel.BATCH)
        )
    )
    hub.tell_rules()
    rpc = hub.take_stream("StreamVerdicts")
    assert [rpc.take_request().frame.frame_number for _ in range(3)] == [0, 1, 2]
    assert drawn == [1, 2]
    for number in range(1, 5):
        rpc.send_response(reply(number))
    end(rpc)
    assert len(future.result(5)) == 4


def test_cut_stream_goes_on_with_the_unanswered_frames(hub: FakeHub) -> None:
    """After a cut the unanswered frames go out again, same batch, same numbers; no others do."""
    future = ask(hub, frame(1), frame(2), frame(3))
    rpc = hub.take_stream("StreamVerdicts")
    opening = rpc.take_request()
    rpc.take_request()
    rpc.send_response(reply(1))
    # The third frame leaves once the answer to the first has come.
    assert [rpc.take_request().frame.frame_number for _ in range(2)] == [2, 3]
    rpc.terminate((), grpc.StatusCode.UNAVAILABLE, "Socket closed")
    rpc = hub.take_stream("StreamVerdicts")
    assert rpc.take_request() == opening
    assert [rpc.take_request().frame.frame_number for _ in range(2)] == [2, 3]
    rpc.send_response(reply(2))
    rpc.send_response(reply(3))
    end(rpc)
    assert [answer.frame_number for answer in future.result(5)] == [1, 2, 3]


def test_stream_that_ends_too_early_goes_on(hub: FakeHub) -> None:
    """A stream that ends with OK while a frame waits is a cut, not an answer."""
    future = ask(hub, frame(1))
    end(hub.take_stream("StreamVerdicts"))
    rpc = hub.take_stream("StreamVerdicts")
    rpc.send_response(reply(1))
    end(rpc)
    assert len(future.result(5)) == 1


def test_hub_that_stays_down_is_an_error(hub: FakeHub) -> None:
    """An upload is tried eight times in all, with waits, and then raises."""
    future = upload(hub, RowFrame((row(1),)), durable=0)
    for _ in range(8):
        hub.take_stream("Contribute").terminate((), grpc.StatusCode.UNAVAILABLE, "down")
    with pytest.raises(UnavailableError) as caught:
        future.result(5)
    assert caught.value.metadata["frameNumber"] == "1"
    assert len(hub.waits) == 7


def test_refused_frame_ends_the_stream(hub: FakeHub) -> None:
    """A refusal names its frame, is not tried again, and earlier answers were given."""
    got: list[int] = []
    first_came = threading.Event()

    def take() -> None:
        for answer in hub.client.stream_verdicts(
            [frame(1), frame(2)], purpose=Purpose.SANCTIONS, channel=Channel.BATCH
        ):
            got.append(answer.frame_number)
            first_came.set()

    future = hub.start(take)
    hub.tell_rules()
    rpc = hub.take_stream("StreamVerdicts")
    rpc.send_response(reply(1))
    assert first_came.wait(5)
    sent = refusal(Reason.COLUMN_MALFORMED, column="tokens", rule="1 to 65536", frameNumber="2")
    rpc.terminate(*trailer(sent))
    with pytest.raises(InvalidRequestError) as caught:
        future.result(5)
    assert got == [1]
    assert caught.value.metadata["frameNumber"] == "2"
    assert hub.waits == []


@pytest.mark.parametrize("wrong", [reply(2), reply(0), reply(1, count=2), reply(1, count=0)])
def test_answer_to_another_frame_is_an_error(hub: FakeHub, wrong: StreamVerdictsResponse) -> None:
    """An answer with another frame number or token count is never taken for this frame's."""
    future = ask(hub, frame(1))
    hub.take_stream("StreamVerdicts").send_response(wrong)
    with pytest.raises(AnswerMalformedError):
        future.result(5)


def test_error_in_making_frames_reaches_the_caller(hub: FakeHub) -> None:
    """An exception in the caller's own iterator arrives as it is, and the stream is ended."""

    def frames() -> Iterator[Frame]:
        yield frame(1)
        raise ZeroDivisionError

    future = hub.start(
        lambda: list(
            hub.client.stream_verdicts(frames(), purpose=Purpose.SANCTIONS, channel=Channel.BATCH)
        )
    )
    hub.tell_rules()
    with pytest.raises(ZeroDivisionError):
        future.result(5)


def row(line: int, name: str = "example.com") -> ParsedRow:
    """Makes a row about a domain, each of a record of its own."""
    text = Row(
        line=line,
        reference=f"case {line}",
        type="DOMAIN",
        value=name,
        category="E4",
        severity="3",
        evidence="VERIFIED",
        source_class="INTL_LIST",
        legal_basis="PUBLIC_RECORD",
    )
    return parse_row(text, None)


def upload(hub: FakeHub, *frames: RowFrame, durable: int) -> Future[Any]:
    """Starts an upload of which the hub has so many frames."""
    future = hub.start(lambda: list(hub.client.contribute(frames, stream_id=STREAM_ID)))
    hub.answer("GetTokenEpoch", epoch())
    asked = hub.answer("GetContributionState", GetContributionStateResponse(frame_number=durable))
    assert asked.stream_id == STREAM_ID
    return future


def test_upload_passes_over_what_the_hub_has(hub: FakeHub) -> None:
    """Frames that are durable are not sent again; the next one has the next number."""
    frames = list(frames_of_rows((row(line) for line in range(2, 8)), frame_rows=2))
    future = upload(hub, *frames, durable=2)
    rpc = hub.take_stream("Contribute")
    assert rpc.take_request().open.stream_id == STREAM_ID
    sent = rpc.take_request().frame
    assert sent.frame_number == 3
    assert len(sent.token) == 32
    rpc.send_response(ContributeResponse(frame_number=3, sequence=9, added_count=2))
    end(rpc)
    (ack,) = future.result(5)
    assert (ack.frame_number, ack.added_count, ack.row_count) == (3, 2, 2)


def test_one_acknowledgement_may_cover_two_frames(hub: FakeHub) -> None:
    """Acknowledgements are cumulative: the last number stands for those before."""
    future = upload(hub, RowFrame((row(2),)), RowFrame((row(3), row(4))), durable=0)
    rpc = hub.take_stream("Contribute")
    for _ in range(3):
        rpc.take_request()
    rpc.send_response(ContributeResponse(frame_number=2, sequence=5))
    end(rpc)
    (ack,) = future.result(5)
    assert (ack.frame_number, ack.row_count) == (2, 3)


def test_cut_upload_sends_the_unacknowledged_frames_again(hub: FakeHub) -> None:
    """A frame whose acknowledgement was lost goes out again, byte for byte, and may be a repeat."""
    future = upload(hub, RowFrame((row(2),)), durable=0)
    rpc = hub.take_stream("Contribute")
    first = [rpc.take_request(), rpc.take_request()]
    rpc.terminate(*trailer(refusal(Reason.HUB_STOPPING, retry_seconds=0.1)))
    rpc = hub.take_stream("Contribute")
    assert [rpc.take_request(), rpc.take_request()] == first
    rpc.send_response(ContributeResponse(frame_number=1, sequence=5, repeated=True))
    end(rpc)
    assert future.result(5)[0].repeated


def test_new_epoch_makes_the_tokens_of_an_upload_anew(hub: FakeHub) -> None:
    """A frame refused because the epoch changed is sent again with tokens of the new one."""
    future = upload(hub, RowFrame((row(2),)), durable=0)
    rpc = hub.take_stream("Contribute")
    rpc.take_request()
    old = rpc.take_request().frame
    rpc.terminate(*trailer(refusal(Reason.EPOCH_NOT_OPEN, currentEpoch="2")))
    fresh = epoch(2)
    fresh.key = bytes(32)
    hub.answer("GetTokenEpoch", fresh)
    hub.answer("GetContributionState", GetContributionStateResponse())
    rpc = hub.take_stream("Contribute")
    assert rpc.take_request().open.epoch == 2
    new = rpc.take_request().frame
    assert new.frame_number == old.frame_number
    assert new.token != old.token
    rpc.send_response(ContributeResponse(frame_number=1, sequence=5, added_count=1))
    end(rpc)
    assert len(future.result(5)) == 1


def test_refused_row_is_named_by_its_line(hub: FakeHub) -> None:
    """ROW_REFUSED counts rows of a frame; the error says which line of the file that is."""
    future = upload(hub, RowFrame((row(2), row(17))), durable=0)
    rpc = hub.take_stream("Contribute")
    sent = refusal(Reason.ROW_REFUSED, row="1", column="expiry_day", rule="x", frameNumber="1")
    rpc.terminate(*trailer(sent))
    with pytest.raises(InvalidRequestError) as caught:
        future.result(5)
    assert caught.value.metadata["line"] == "17"


def test_newer_taxonomy_is_fetched_when_an_answer_names_it(hub: FakeHub) -> None:
    """An answer under a newer taxonomy is read with that one."""
    future = ask(hub, frame(1))
    rpc = hub.take_stream("StreamVerdicts")
    answer = reply(1)
    answer.taxonomy_version = 2
    rpc.send_response(answer)
    hub.answer("GetTaxonomy", taxonomy(2))
    end(rpc)
    assert future.result(5)[0].taxonomy_version == 2
