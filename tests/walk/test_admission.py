"""One caller that floods the hub takes its own places and nobody else's."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest

from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from tests.support.hub import HubUnderTest, Stubs
from tests.walk.asking import (
    NOT_LISTED,
    OpenStream,
    check,
    fresh,
    opened,
    refused,
    stream,
    verdict_frame,
    verdict_open,
)

PARTNER = "t-flood"


@pytest.fixture(scope="module", name="flooding")
def flooding_partner(hub: HubUnderTest) -> Stubs:
    """A partner that opens all that it can."""
    return hub.partner(PARTNER)


@pytest.fixture(name="streams")
def full_places(hub: HubUnderTest, flooding: Stubs) -> Iterator[list[OpenStream]]:
    """As many open streams, each answered once, as one caller may have."""
    most = hub.settings.listen.streams_per_caller
    with ExitStack() as stack:
        streams = [
            stack.enter_context(opened(flooding.verdicts.StreamVerdicts)) for _ in range(most)
        ]
        for one in streams:
            one.send(verdict_open(), verdict_frame(1, fresh()))
        yield streams
    for one in streams:
        one.await_end()


def test_one_stream_too_many(hub: HubUnderTest, flooding: Stubs, streams: list[OpenStream]) -> None:
    """It is refused and entered; unary calls go on, and so does every other partner."""
    told = refused(hub, lambda: stream(flooding, fresh()), by=PARTNER)
    assert (told.code, told.reason) == ("RESOURCE_EXHAUSTED", "TOO_MANY_CALLS")
    assert told.metadata == {"limit": "streams", "most": str(len(streams))}
    assert check(flooding, fresh()).state == NOT_LISTED
    other = hub.partner("t-calm")
    assert stream(other, fresh())
    assert streams[0].send(verdict_frame(2, fresh())).frame_number == 2


def test_place_is_free_again(hub: HubUnderTest, flooding: Stubs) -> None:
    """Streams that end give their places back, one by one."""
    most = hub.settings.listen.streams_per_caller
    for _ in range(most + 2):
        assert stream(flooding, fresh())


@pytest.mark.parametrize(
    "method", ["/rongan_share.v1.VerdictService/CheckSubject", "/grpc.health.v1.Health/Check"]
)
def test_half_open_calls_shut_nobody_out(hub: HubUnderTest, flooding: Stubs, method: str) -> None:
    """Nor do hundreds of unary calls whose message never comes."""
    silent = threading.Event()

    def nothing() -> Iterator[bytes]:
        silent.wait()
        yield from ()

    call: Any = flooding.channel.stream_unary(method)
    calls = [call.future(nothing(), timeout=30) for _ in range(200)]
    most = hub.settings.listen.calls_per_caller
    try:
        # All but those that have a place are refused, so that each holds no thread.
        over = first_ended(calls, len(calls) - most)
        assert {one.code() for one in over} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        other = hub.partner(f"t-{fresh().hex()[:8]}")
        for _ in range(20):
            assert check(other, fresh()).state == NOT_LISTED
    finally:
        silent.set()
        for one in calls:
            one.cancel()


def first_ended(calls: list[Any], count: int) -> list[Any]:
    """Waits for the first calls that end."""
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for call in calls:
        call.add_done_callback(ended.put)
    return [ended.get(timeout=20) for _ in range(count)]


def test_half_open_streams_shut_nobody_out(hub: HubUnderTest, flooding: Stubs) -> None:
    """Hundreds of streams that never say a word leave every other partner its answers."""
    silent = threading.Event()

    def nothing() -> Iterator[verdict_pb.StreamVerdictsRequest]:
        silent.wait()
        yield from ()

    calls = [flooding.verdicts.StreamVerdicts(nothing(), timeout=30) for _ in range(200)]
    try:
        other = hub.partner("t-honest")
        for _ in range(20):
            assert check(other, fresh()).state == NOT_LISTED
            assert stream(other, fresh())
    finally:
        silent.set()
        for call in calls:
            call.cancel()
    with pytest.raises(grpc.RpcError):
        next(calls[-1])
