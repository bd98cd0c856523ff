"""Streams of frames: each takes the walk, answers leave in order, a refusal ends the stream."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rongan_share.errors import Reason, RonganError
from rongan_share.gate.held_streams import Decided, HeldStream
from rongan_share.gate.walk import Peer, Walk
from rongan_share.ledger.committer import Link

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from rongan_share.gate.routes import FrameSide, Route


class FrameRefused(Exception):  # noqa: N818 - carries a refusal, is none of the tree
    """A frame was refused.

    Attributes:
        frame_number: Its number; 0 where it has none.
        cause: The refusal, or whatever went wrong.
        peer: The other end as the frame arrived; None if it never did.
    """

    def __init__(self, frame_number: int, cause: Exception, peer: Peer | None) -> None:
        super().__init__(frame_number)
        self.frame_number = frame_number
        self.cause = cause
        self.peer = peer


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message of a stream as it arrived.

    Attributes:
        peer: The other end, with the moment of receipt.
        parse: Reads the message.
    """

    peer: Peer
    parse: Callable[[], Message]


def answer_frames(
    walk: Walk, route: Route, arrivals: Iterator[Arrival], *, held: HeldStream
) -> Iterator[bytes]:
    """Answers the frames of one stream whose caller was let in.

    Raises:
        FrameRefused: A frame was refused, and later ones were neither evaluated nor charged; or the
            stream was ended from outside.
    """
    side = route.frames
    if side is None:
        raise RonganError(Reason.RPC_NOT_SERVED)
    decided = _decide_frames(walk, route, side, arrivals=arrivals, held=held)
    for item in _beside(decided, held, ahead=side.read_ahead):
        encoded = _settle(walk, item)
        # A caller that does not read its answers pins this one, and nothing else of its frame.
        del item
        yield encoded


def _settle(walk: Walk, item: Decided) -> bytes:
    """Waits for a frame to be durable; returns its answer."""
    if item.pending is None:
        cause = item.cause or RonganError(Reason.INTERNAL)
        raise FrameRefused(item.frame_number, cause, item.peer)
    try:
        return walk.settle(item.pending).SerializeToString()
    except RonganError as error:
        raise FrameRefused(item.frame_number, error, item.peer) from error


def _decide_frames(
    walk: Walk, route: Route, side: FrameSide, *, arrivals: Iterator[Arrival], held: HeldStream
) -> Iterator[Decided]:
    """Takes frame after frame up to its commit, and stops at the first refusal."""
    opening: Any = None
    after: Link | None = None
    expected = number = 0
    peer: Peer | None = None
    try:
        for arrival in arrivals:
            number, peer = 0, arrival.peer
            if opening is None:
                opening = _read_open(side, arrival.parse())
                held.scope = side.held_scope(opening)
                continue
            if not held.begin():
                return
            frame = _read_frame(arrival.parse())
            number = frame.frame_number
            _verify_next(number, expected)
            expected = number + 1
            pending = walk.decide(route, peer, partial(side.read, opening, frame), after=after)
            after = pending.link
            decided = Decided(number, peer, pending, None)
            # Nor does it pin what the frame was read from.
            del arrival, frame, pending
            yield decided
            del decided
            number, peer = 0, None
    except Exception as error:  # noqa: BLE001 - handed to the gate, which knows what to do with it
        yield Decided(number, peer, None, error)


def _verify_next(number: int, expected: int) -> None:
    """Refuses a gap within a stream; the first frame may have any number."""
    if expected and number != expected:
        raise RonganError(Reason.FRAME_GAP, expected=expected)


def _read_open(side: FrameSide, message: Any) -> Any:  # noqa: ANN401 - a route's own message
    if message.WhichOneof("kind") != "open":
        raise RonganError(Reason.REQUEST_MALFORMED, field="open", rule="the first message")
    side.check_open(message.open)
    return message.open


def _read_frame(message: Any) -> Any:  # noqa: ANN401 - a route's own message
    if message.WhichOneof("kind") != "frame":
        raise RonganError(
            Reason.REQUEST_MALFORMED, field="frame", rule="every message after the first"
        )
    return message.frame


def _beside(decided: Iterator[Decided], held: HeldStream, *, ahead: bool) -> Iterator[Decided]:
    """Decides frames in a thread of the stream; ahead, while earlier ones commit."""

    def run() -> None:
        try:
            while ahead or held.wait_until_asked():
                item = next(decided, None)
                if item is None or not held.put(item):
                    return
                del item
        finally:
            held.put(None)

    thread = threading.Thread(target=run, name="frames", daemon=True)
    thread.start()
    return iter(held.take, None)
