"""Streams of frames: each takes the walk, answers leave in order, a refusal ends the stream."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rongan_share.errors import Reason, RonganError
from rongan_share.gate.walk import Peer, Pending, Walk
from rongan_share.ledger.committer import Link

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from rongan_share.gate.routes import FrameSide, Route

AHEAD_FRAMES = 4
"""Frames of one stream that may be decided but not yet answered."""

AHEAD_BYTES = 1 << 20
"""Bytes of questions and answers that may wait for their turn; one that is larger waits alone."""


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


@dataclass(frozen=True, slots=True)
class _Decided:
    """A frame on its way to the disk, or the refusal that ends the stream."""

    frame_number: int
    peer: Peer | None
    pending: Pending | None
    cause: Exception | None


def answer_frames(
    walk: Walk, route: Route, arrivals: Iterator[Arrival], *, streams: OpenStreams
) -> Iterator[bytes]:
    """Answers the frames of one stream whose caller was let in.

    Raises:
        FrameRefused: A frame was refused, and later ones were neither evaluated nor charged; or the
            hub stops.
    """
    side = route.frames
    if side is None:
        raise RonganError(Reason.RPC_NOT_SERVED)
    decided = _decide_frames(walk, route, side, arrivals=arrivals)
    if side.read_ahead:
        decided = _ahead(decided, streams)
    for item in decided:
        encoded = _settle(walk, item)
        # A caller that does not read its answers pins this one, and nothing else of its frame.
        del item
        yield encoded


def _settle(walk: Walk, item: _Decided) -> bytes:
    """Waits for a frame to be durable; returns its answer."""
    if item.pending is None:
        cause = item.cause or RonganError(Reason.INTERNAL)
        raise FrameRefused(item.frame_number, cause, item.peer)
    try:
        return walk.settle(item.pending).SerializeToString()
    except RonganError as error:
        raise FrameRefused(item.frame_number, error, item.peer) from error


def _decide_frames(
    walk: Walk, route: Route, side: FrameSide, *, arrivals: Iterator[Arrival]
) -> Iterator[_Decided]:
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
                continue
            frame = _read_frame(arrival.parse())
            number = frame.frame_number
            _verify_next(number, expected)
            expected = number + 1
            pending = walk.decide(route, peer, partial(side.read, opening, frame), after=after)
            after = pending.link
            decided = _Decided(number, peer, pending, None)
            # Nor does it pin what the frame was read from.
            del arrival, frame, pending
            yield decided
            del decided
            number, peer = 0, None
    except Exception as error:  # noqa: BLE001 - handed to the gate, which knows what to do with it
        yield _Decided(number, peer, None, error)


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


def _ahead(decided: Iterator[_Decided], streams: OpenStreams) -> Iterator[_Decided]:
    """Decides further frames in a thread of their own while earlier ones commit."""
    waiting = _Waiting()
    streams.add(waiting)

    def run() -> None:
        try:
            for item in decided:
                if not waiting.put(item):
                    return
                del item
        finally:
            waiting.put(None)

    thread = threading.Thread(target=run, name="read-ahead", daemon=True)
    thread.start()
    try:
        yield from iter(waiting.take, None)
    finally:
        streams.discard(waiting)
        waiting.end()


class OpenStreams:
    """The streams that are read ahead, so that a hub that stops need not wait for idle ones."""

    def __init__(self) -> None:
        self._waiting: set[_Waiting] = set()
        self._ending = False
        self._lock = threading.Lock()

    def add(self, waiting: _Waiting) -> None:
        """Notes a stream; one that comes too late is ended at once."""
        with self._lock:
            self._waiting.add(waiting)
            if self._ending:
                waiting.put_last(_stopping())

    def discard(self, waiting: _Waiting) -> None:
        """Forgets a stream that is over."""
        with self._lock:
            self._waiting.discard(waiting)

    def end(self) -> None:
        """Ends every stream behind the frames that are decided; partners then ask elsewhere.

        A frame that is being decided may become durable and go unanswered, as when the line breaks.
        Asked again it is not charged.
        """
        with self._lock:
            self._ending = True
            for waiting in self._waiting:
                waiting.put_last(_stopping())


def _stopping() -> _Decided:
    return _Decided(0, None, None, RonganError(Reason.HUB_STOPPING, retry_after_seconds=1.0))


class _Waiting:
    """Decided frames that wait for the one before them to be answered: few, and not large."""

    def __init__(self) -> None:
        self._items: deque[tuple[_Decided | None, int]] = deque()
        self._bytes = 0
        self._ended = False
        self._changed = threading.Condition()

    def put(self, item: _Decided | None) -> bool:
        """Adds a frame once there is room; returns False if the stream has ended meanwhile."""
        size = _size_of(item)
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._has_room(size))
            if self._ended:
                return False
            self._items.append((item, size))
            self._bytes += size
            self._changed.notify_all()
        return True

    def put_last(self, item: _Decided) -> None:
        """Adds what ends the stream, whether there is room or not; nothing comes behind it."""
        with self._changed:
            if not self._ended:
                self._ended = True
                self._items.append((item, 0))
                self._changed.notify_all()

    def take(self) -> _Decided | None:
        """Waits for the next frame, and takes it."""
        with self._changed:
            self._changed.wait_for(lambda: self._items)
            item, size = self._items.popleft()
            self._bytes -= size
            self._changed.notify_all()
        return item

    def end(self) -> None:
        """Says that nothing more will be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _has_room(self, size: int) -> bool:
        # One more is being settled, and another one is in the hands of whoever decides.
        few = len(self._items) < AHEAD_FRAMES - 1
        return not self._items or (few and self._bytes + size <= AHEAD_BYTES)


def _size_of(item: _Decided | None) -> int:
    """Returns about how many bytes a decided frame pins."""
    if item is None or item.pending is None:
        return 0
    asked = sum(map(len, item.pending.reading.canonical))
    return asked + item.pending.outcome.answer.ByteSize()
