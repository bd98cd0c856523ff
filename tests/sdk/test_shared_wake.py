"""Who waits for a frame's answer is woken, and told it, whatever becomes of those before him."""

from __future__ import annotations

import sys
from types import FrameType
from typing import TYPE_CHECKING

import grpc
import pytest

from partner_sdk.calls import Connections
from partner_sdk.columns import read_answer
from partner_sdk.epochs import EpochCache, TaxonomyCache
from partner_sdk.retry import CALL_POLICY
from partner_sdk.shared.asks import CHAINS, AnsweredFrame, Ask, frame_of, hand_out
from partner_sdk.shared.lane import Lane
from partner_sdk.shared.lanes import Lanes
from partner_sdk.subjects import Subject
from rongan_share.v1.verdict_service_pb2 import StreamVerdictsResponse, VerdictOpen
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import State

if TYPE_CHECKING:
    from _typeshed import TraceFunction


def asks_of(count: int) -> list[Ask]:
    """Makes questions of one token each."""
    return [Ask(Subject((), (0,), b"\x03"), bytes([at]) * 16, b"") for at in range(count)]


def answer(asks: list[Ask]) -> None:
    """Hands out that none is listed."""
    asked = frame_of(asks).to_message(1)
    said = StreamVerdictsResponse(
        frame_number=1, token_count=len(asks), not_listed_count=len(asks), taxonomy_version=1
    )
    columns = read_answer(said, asked, packaged_taxonomy())
    hand_out(asks, AnsweredFrame(VerdictOpen(), asked, answered=said, answer=columns))


def lines_of_wait() -> range:
    """Tells between which lines a caller that waits can be interrupted."""
    code = Ask.wait.__code__
    return range(1, len({line for *_, line in code.co_lines() if line}))


@pytest.mark.parametrize("step", lines_of_wait())
def test_interrupted_caller_wakes_the_next(step: int) -> None:
    """Ctrl-C at any line of the waiting leaves nobody behind asleep."""
    asks = asks_of(3 * CHAINS)
    answer(asks)
    left = step

    def interrupt(frame: FrameType, event: str, _: object) -> TraceFunction | None:
        nonlocal left
        if frame.f_code is not Ask.wait.__code__:
            return None
        if event == "line":
            left -= 1
            if not left:
                raise KeyboardInterrupt
        return interrupt

    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        asks[0].wait(0)
    except KeyboardInterrupt:
        asks[0].abandon()
    finally:
        sys.settrace(before)
    assert asks[CHAINS].wait(0)
    assert asks[2 * CHAINS].wait(0)


def test_answer_at_the_deadline_is_given() -> None:
    """An answer that is there is told, though the time ran out before anybody woke its caller."""
    asks = asks_of(3 * CHAINS)
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        connections = Connections([channel])
        caches = (
            EpochCache(connections, timeout_seconds=1.0),
            TaxonomyCache(connections, timeout_seconds=1.0),
        )
        lane = Lane(VerdictOpen(), connections, caches[1], policy=CALL_POLICY)
        lanes = Lanes(connections, caches, policy=CALL_POLICY)
        answer(asks)
        late = asks[CHAINS]
        assert lanes._await(late, lane, 0.0).state is State.NOT_LISTED
        lane.end()
        lane.join()
    # He that went does not break the chain either.
    assert asks[0].wait(0)
    assert asks[2 * CHAINS].wait(0)
