"""Open streams, which can be ended from outside: by the sweeper, and when the hub stops.

gRPC lets nobody but the handler end a call with a status, and the handler of an idle stream would
wait for its next frame. So a thread of the stream waits for that, and the handler waits here, where
an ending reaches it as well as a frame does.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rongan_share.clock import monotonic_ns
from rongan_share.errors import Reason, RonganError
from rongan_share.services.call import Scope

if TYPE_CHECKING:
    from rongan_share.gate.routes import Route
    from rongan_share.gate.walk import Peer, Pending
    from rongan_share.model.caller import ClaimedCaller

AHEAD_FRAMES = 4
"""Frames of one stream that may be decided but not yet answered."""

AHEAD_BYTES = 1 << 20
"""Bytes of questions and answers that may wait for their turn; one that is larger waits alone."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A frame on its way to the disk, or the refusal that ends the stream.

    Attributes:
        frame_number: Its number; 0 where it has none.
        peer: The other end as the frame arrived; None if it never did.
        pending: The frame, unless it is refused.
        cause: The refusal, or whatever went wrong.
    """

    frame_number: int
    peer: Peer | None
    pending: Pending | None
    cause: Exception | None


class HeldStream:
    """One open stream: decided frames that wait for the one before them, few and not large.

    Args:
        route: Its row of the route table.
        claim: Whom its caller's certificate names.
        scope: What it needs of the agreement to stay open; None where none may be needed.
        cut: Enters a refusal and ends its call, without the handler.

    Attributes:
        route: Its row of the route table.
        claim: Whom its caller's certificate names.
        scope: What it needs of the agreement to stay open.
        ended_ns: When it was ended from outside, by a clock that never goes back; 0 if it was not.
    """

    def __init__(
        self,
        route: Route,
        claim: ClaimedCaller,
        *,
        scope: Scope | None,
        cut: Callable[[RonganError], None],
    ) -> None:
        self.route = route
        self.claim = claim
        self.scope = scope
        self._cut: Callable[[RonganError], None] | None = cut
        self.ended_ns = 0
        self._items: deque[tuple[Decided | None, int]] = deque()
        self._bytes = 0
        self._asked = False
        self._deciding = False
        self._ending: Decided | None = None
        self._closed = False
        self._changed = threading.Condition()

    def wait_until_asked(self) -> bool:
        """Waits until every frame before is answered; returns False if the stream has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._asked or self._closed)
            return not self._closed

    def begin(self) -> bool:
        """Says that a frame came and is being decided; returns False if the stream has ended."""
        with self._changed:
            self._deciding = not self._closed
            return self._deciding

    def put(self, item: Decided | None) -> bool:
        """Adds a frame once there is room; returns False if the stream has ended."""
        size = _size_of(item)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room(size))
            if self._closed:
                return False
            self._asked = self._deciding = False
            self._add(item, size)
            if self._ending is not None:
                self._close(self._ending)
        return True

    def end(self, cause: RonganError) -> None:
        """Ends the stream with a refusal, behind the frames that came."""
        with self._changed:
            if self.ended_ns or self._closed:
                return
            self.ended_ns = monotonic_ns()
            self._ending = Decided(0, None, None, cause)
            if not self._deciding:
                self._close(self._ending)

    def cut(self, cause: RonganError) -> None:
        """Ends its call at once: the handler is stuck, because its caller does not read."""
        cut, self._cut = self._cut, None
        if cut is not None:
            cut(cause)

    def take(self) -> Decided | None:
        """Waits for the next frame, and takes it."""
        with self._changed:
            self._asked = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._items)
            item, size = self._items.popleft()
            self._bytes -= size
            self._changed.notify_all()
        return item

    def close(self) -> None:
        """Says that nothing more will be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _add(self, item: Decided | None, size: int) -> None:
        self._items.append((item, size))
        self._bytes += size
        self._changed.notify_all()

    def _close(self, ending: Decided) -> None:
        """Adds what ends the stream, whether there is room or not; nothing comes behind it."""
        self._closed = True
        self._add(ending, 0)

    def _has_room(self, size: int) -> bool:
        # One more is being settled, and another one is in the hands of whoever decides.
        few = len(self._items) < AHEAD_FRAMES - 1
        return not self._items or (few and self._bytes + size <= AHEAD_BYTES)


class OpenStreams:
    """All open streams of this process."""

    def __init__(self) -> None:
        self._held: set[HeldStream] = set()
        self._stopping = False
        self._lock = threading.Lock()

    @contextmanager
    def holding(self, stream: HeldStream) -> Iterator[HeldStream]:
        """Holds a stream for a block; one that comes too late is ended at once."""
        with self._lock:
            self._held.add(stream)
            if self._stopping:
                stream.end(_stopping())
        try:
            yield stream
        finally:
            with self._lock:
                self._held.discard(stream)
            stream.close()

    def list(self) -> list[HeldStream]:
        """Lists them."""
        with self._lock:
            return [*self._held]

    def end(self) -> None:
        """Ends every stream behind the frames that came; partners then ask elsewhere."""
        with self._lock:
            self._stopping = True
            for stream in self._held:
                stream.end(_stopping())


def _stopping() -> RonganError:
    return RonganError(Reason.HUB_STOPPING, retry_after_seconds=1.0)


def _size_of(item: Decided | None) -> int:
    """Returns about how many bytes a decided frame pins."""
    if item is None or item.pending is None:
        return 0
    asked = sum(map(len, item.pending.reading.canonical))
    return asked + item.pending.outcome.answer.ByteSize()
