"""How often one frame goes out: the hub answers a repeated question three times free of charge."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import grpc
import grpc_testing
import pytest
from google.rpc.status_pb2 import Status

from partner_sdk import Frame, UnavailableError
from partner_sdk.calls import Connections, Timing
from partner_sdk.client import Client
from partner_sdk.retry import MOST_SENDS, RetryPolicy
from partner_sdk.streams import FrameExchange, SentFrame
from rongan_share.v1.verdict_service_pb2 import StreamVerdictsRequest, StreamVerdictsResponse
from rongan_share.v1.verdict_service_pb2_grpc import VerdictServiceStub
from rongan_share.wire.reasons import Reason
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose, State
from tests.sdk.doubles import FakeHub, epoch, fake_hub, refusal, taxonomy, trailer

PATIENT = RetryPolicy(tries=2 * MOST_SENDS + 1, first_seconds=0.001, longest_seconds=0.001)
CUT = ((), grpc.StatusCode.UNAVAILABLE, "Socket closed")
SHARED, FRAMES = "shared", "frames"


@pytest.fixture(name="hub")
def open_hub() -> Iterator[FakeHub]:
    """Opens a fake hub, and a client that hardly waits and knows the rules already."""
    with fake_hub() as hub:
        hub.client = Client.over(
            Connections([hub.channel], policy=PATIENT), timeout_seconds=10.0, stream_retry=PATIENT
        )
        for method, call, answer in (
            ("GetTokenEpoch", hub.client.token_epoch, epoch()),
            ("GetTaxonomy", hub.client.taxonomy, taxonomy()),
        ):
            future = hub.start(call)
            hub.answer(method, answer)
            future.result(5)
        yield hub
        hub.client.close()


def ask(hub: FakeHub, way: str) -> Future[Any]:
    """Asks about one number; returns its state to come."""
    how: dict[str, Any] = {"purpose": Purpose.SANCTIONS, "channel": Channel.BATCH}
    client = hub.client

    def frames() -> State:
        [answer] = client.stream_verdicts([Frame(tokens=bytes(16))], **how)
        return answer.state(0)

    def shared() -> State:
        return client.check([(IdentifierType.MSISDN, "13800000000")], **how).state

    return hub.start(frames if way is FRAMES else shared)


def take(hub: FakeHub) -> tuple[grpc_testing.StreamStreamChannelRpc, Any]:
    """Takes the next stream and its first frame."""
    rpc = hub.take_stream("StreamVerdicts")
    rpc.take_request()
    return rpc, rpc.take_request().frame


def reply(number: int) -> StreamVerdictsResponse:
    """Answers that the one token of a frame is not listed."""
    return StreamVerdictsResponse(
        frame_number=number, token_count=1, not_listed_count=1, taxonomy_version=1
    )


@pytest.mark.parametrize("way", [SHARED, FRAMES])
def test_no_frame_goes_out_five_times(hub: FakeHub, way: str) -> None:
    """The fifth would be charged again: its callers learn that it may have been charged."""
    future = ask(hub, way)
    sent = []
    for _ in range(MOST_SENDS):
        rpc, frame = take(hub)
        sent.append(frame)
        rpc.terminate(*CUT)
    with pytest.raises(UnavailableError, match="may have been charged"):
        future.result(5)
    assert all(frame == sent[0] for frame in sent)
    if way is SHARED:
        # Whoever asks afterwards has a frame of his own, with sends of its own.
        future = ask(hub, way)
        rpc, frame = take(hub)
        assert frame.frame_number == sent[0].frame_number + 1
        rpc.send_response(reply(frame.frame_number))
        assert future.result(5) is State.NOT_LISTED


@pytest.mark.parametrize("way", [SHARED, FRAMES])
@pytest.mark.parametrize(
    "status",
    [
        refusal(Reason.HUB_STOPPING, frameNumber="1"),
        refusal(Reason.TOO_MANY_CALLS, limit="streams", most="64"),
    ],
    ids=["frame", "stream"],
)
def test_what_was_refused_was_not_charged(hub: FakeHub, way: str, status: Status) -> None:
    """A refusal of the frame, or of the stream at its door, is no send that counts."""
    future = ask(hub, way)
    for _ in range(MOST_SENDS + 1):
        rpc, _ = take(hub)
        rpc.terminate(*trailer(status))
    for _ in range(MOST_SENDS):
        rpc, _ = take(hub)
        rpc.terminate(*CUT)
    # What ends it is the bound of the policy on tries in all.
    with pytest.raises(UnavailableError, match="Socket closed"):
        future.result(5)


def test_frame_that_no_connection_took_was_not_sent() -> None:
    """A hub that is away costs no sends: the whole of the policy's patience is left for it."""
    waits: list[float] = []
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        with grpc.insecure_channel(f"127.0.0.1:{silent.getsockname()[1]}") as channel:
            stub = VerdictServiceStub(channel)
            exchange: FrameExchange[StreamVerdictsRequest, StreamVerdictsResponse] = FrameExchange(
                lambda requests, seconds: stub.StreamVerdicts(requests, timeout=seconds),
                StreamVerdictsRequest(),
                [SentFrame(1, StreamVerdictsRequest())],
                policy=PATIENT,
                timing=Timing(sleep=waits.append),
                most_sends=MOST_SENDS,
            )
            with pytest.raises(UnavailableError, match=r"(?i)connect"):
                next(exchange.answers())
    assert len(waits) == PATIENT.tries - 1
