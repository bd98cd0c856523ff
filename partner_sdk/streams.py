"""Frames over a bidirectional stream: pipelined, resumed after a cut, never lost, in order.

At most two frames are unanswered at a time, as many as the hub works on. After a cut the
unanswered frames go out again under their old numbers on a new stream; the hub knows them by
number and digest and charges nothing, questions three times and contributions for ever.
"""

from __future__ import annotations

import queue
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import grpc

from partner_sdk.errors import (
    AnswerMalformedError,
    HubRefusalError,
    Refusal,
    error_for,
    refusal_from_rpc_error,
)
from partner_sdk.retry import MOST_SENDS, Failure, RetryPolicy, decide_wait
from rongan_share.wire.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from partner_sdk.calls import Timing

RequestT = TypeVar("RequestT")

WINDOW = 2
"""Frames sent and not yet answered; the hub computes one while it commits the one before."""

STREAM_SECONDS = 60.0
"""Deadline of one stream, and so the longest a hub that never answers can hold the caller."""

_FRESH_SECONDS = STREAM_SECONDS / 2
"""After this long no new frame goes onto a stream; the next one begins with a full deadline."""


class NumberedAnswer(Protocol):
    """An answer that names the frame it answers."""

    @property
    def frame_number(self) -> int:
        """The frame that is answered, or the last of those acknowledged."""


AnswerT = TypeVar("AnswerT", bound=NumberedAnswer)
AnswerT_co = TypeVar("AnswerT_co", covariant=True)


class AnswerStream(Protocol[AnswerT_co]):
    """The answers of one stream as grpc gives them."""

    def __next__(self) -> AnswerT_co:
        """Waits for the next answer."""

    def cancel(self) -> bool:
        """Ends the stream from this side."""


@dataclass(slots=True)
class SentFrame(Generic[RequestT]):
    """A frame on its way.

    Attributes:
        number: Its frame number.
        request: The message that carries it.
        sends: Streams that it was on and may have been charged on, though no answer came.
    """

    number: int
    request: RequestT
    sends: int = field(default=0, init=False)


class CountedFrame(Protocol):
    """A frame that counts how often it was sent."""

    number: int
    sends: int


def count_sends(unanswered: Iterable[CountedFrame], drawn: int, refusal: Refusal) -> None:
    """Counts a send of every frame that the hub may have answered and charged on a failed stream.

    Args:
        unanswered: The frames that wait for an answer, in order.
        drawn: The highest that gRPC took to send; it takes none before there is a connection.
        refusal: What the stream ended with.
    """
    if refusal.reason is Reason.TOO_MANY_CALLS and refusal.metadata.get("limit") == "streams":
        # The hub did not so much as begin to read.
        return
    named = refusal.metadata.get("frameNumber", "")
    # Neither the frame that a refusal names nor any behind it was charged.
    last = min(drawn, int(named) - 1) if named.isdecimal() else drawn
    for frame in unanswered:
        frame.sends += frame.number <= last


def sent_too_often(number: int) -> Refusal:
    """Makes the refusal of a frame that was sent as often as it may be and is not sent again."""
    return Refusal(
        grpc.StatusCode.UNAVAILABLE,
        text=f"no answer to a frame that was sent {MOST_SENDS} times; it may have been charged",
        metadata={"frameNumber": str(number)},
    )


class _Outbox(Generic[RequestT]):
    """What gRPC's own thread draws from for one stream.

    Attributes:
        drawn: The number of the last frame that it took, 0 = none.
    """

    def __init__(self, opening: RequestT) -> None:
        self._opening = opening
        self._frames: queue.SimpleQueue[SentFrame[RequestT] | None] = queue.SimpleQueue()
        self.drawn = 0

    def put(self, frame: SentFrame[RequestT] | None) -> None:
        """Adds a frame; None ends the requests."""
        self._frames.put(frame)

    def requests(self) -> Iterator[RequestT]:
        """Yields the opening, then the frames as they come."""
        yield self._opening
        while (frame := self._frames.get()) is not None:
            self.drawn = frame.number
            yield frame.request


class FrameExchange(Generic[RequestT, AnswerT]):
    """One long exchange over as many streams as it takes.

    The frames are drawn in the caller's own thread, so that an exception in making them reaches
    the caller.
    """

    def __init__(
        self,
        connect: Callable[[Iterator[RequestT], float], AnswerStream[AnswerT]],
        opening: RequestT,
        frames: Iterable[SentFrame[RequestT]],
        *,
        policy: RetryPolicy,
        timing: Timing,
        most_sends: int | None = None,
    ) -> None:
        """Begins with nothing sent.

        Args:
            connect: Opens a stream: requests, seconds until its deadline.
            opening: What goes first onto each stream.
            frames: In order of their numbers.
            policy: How patient to be.
            timing: How to wait.
            most_sends: Times that one frame may go out, None = any number of times.
        """
        self._connect = connect
        self._opening = opening
        self._source = iter(frames)
        self._exhausted = False
        self._unanswered: deque[SentFrame[RequestT]] = deque()
        self._outbox = _Outbox(opening)
        self._policy = policy
        self._timing = timing
        self._most_sends = most_sends
        self._attempt = 1
        self._quota_waited = False

    def answers(self) -> Generator[tuple[list[SentFrame[RequestT]], AnswerT], None, None]:
        """Yields each answer with the frames that it answers, in order.

        Raises:
            HubRefusalError: A frame was refused or sent too often, or the hub stayed unreachable.
                ``frameNumber`` in its metadata names the first unanswered frame.
            AnswerMalformedError: An answer names a frame that is not waiting for one.
        """
        while not (self._exhausted and not self._unanswered):
            try:
                yield from self._one_stream()
            except grpc.RpcError as error:
                refusal = refusal_from_rpc_error(error)
            except _EndedEarlyError:
                refusal = Refusal(grpc.StatusCode.UNAVAILABLE, text="the stream ended early")
            else:
                continue
            count_sends(self._unanswered, self._outbox.drawn, refusal)
            self._wait_or_raise(refusal)

    def _one_stream(self) -> Generator[tuple[list[SentFrame[RequestT]], AnswerT], None, None]:
        if not self._unanswered and not self._draw():
            return
        # Each stream has its own: gRPC's thread may look into that of one that is over.
        outbox = self._outbox = _Outbox(self._opening)
        for frame in self._unanswered:
            outbox.put(frame)
        fresh_until = self._timing.monotonic() + _FRESH_SECONDS
        responses = self._connect(outbox.requests(), STREAM_SECONDS)
        try:
            self._fill(outbox, fresh_until)
            while self._unanswered:
                try:
                    answer = next(responses)
                except StopIteration:
                    raise _EndedEarlyError from None
                answered = self._settle(answer.frame_number)
                self._attempt, self._quota_waited = 1, False
                self._fill(outbox, fresh_until)
                yield answered, answer
            outbox.put(None)
            _read_to_end(responses)
        finally:
            # Ends the thread of grpc that waits on the outbox; cancelling an ended call does
            # nothing.
            outbox.put(None)
            responses.cancel()

    def _draw(self) -> bool:
        frame = None if self._exhausted else next(self._source, None)
        if frame is None:
            self._exhausted = True
            return False
        self._unanswered.append(frame)
        return True

    def _fill(self, outbox: _Outbox[RequestT], fresh_until: float) -> None:
        while len(self._unanswered) < WINDOW and self._timing.monotonic() < fresh_until:
            if not self._draw():
                return
            outbox.put(self._unanswered[-1])

    def _settle(self, number: int) -> list[SentFrame[RequestT]]:
        answered: list[SentFrame[RequestT]] = []
        while self._unanswered and self._unanswered[0].number <= number:
            answered.append(self._unanswered.popleft())
        if not answered or answered[-1].number != number:
            raise AnswerMalformedError(f"the hub answered frame {number}, which was not waiting")
        return answered

    def _wait_or_raise(self, refusal: Refusal) -> None:
        # The deadline of a stream is ours, not the hub's refusal: the next stream may do better.
        late = refusal.code is grpc.StatusCode.DEADLINE_EXCEEDED
        failure = Failure(
            self._attempt,
            grpc.StatusCode.UNAVAILABLE if late else refusal.code,
            refusal.reason,
            refusal.retry_seconds,
            quota_waited=self._quota_waited,
        )
        wait = decide_wait(failure, self._policy, random=self._timing.random())
        if wait is None:
            raise self._refused(refusal)
        # Those behind it were not sent more often.
        first = self._unanswered[0] if self._unanswered else None
        if first is not None and self._most_sends and first.sends >= self._most_sends:
            raise error_for(sent_too_often(first.number))
        self._attempt += 1
        self._quota_waited = refusal.reason is Reason.QUOTA_EXCEEDED
        self._timing.sleep(wait)

    def _refused(self, refusal: Refusal) -> HubRefusalError:
        number = {"frameNumber": str(self._unanswered[0].number)} if self._unanswered else {}
        return error_for(replace(refusal, metadata={**number, **refusal.metadata}))


class _EndedEarlyError(Exception):
    """The hub ended the stream with OK while frames were waiting."""


def _read_to_end(responses: AnswerStream[AnswerT]) -> None:
    try:
        next(responses)
    except (StopIteration, grpc.RpcError):
        # Every frame has its answer already; how the stream ends after that changes nothing.
        return
    raise AnswerMalformedError("the hub answered more frames than were sent")
