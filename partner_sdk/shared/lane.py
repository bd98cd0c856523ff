"""One shared stream: who asks the same way stands in one line, and frames take what waits.

While a frame is under way others gather behind it, so frames grow with the load and nobody waits
for a timer. Two threads serve a lane: gRPC's, which draws frames (`_requests`), and our own, which
reads answers and hands them out (`_run`). A caller is woken once, when its answer is there.

A frame keeps its number and its content until it is answered, over as many streams as that takes;
the hub knows it by (partner, batch_id, frame number, digest) and charges it once, if it is not sent
more than four times.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import grpc

from partner_sdk.columns import read_answer
from partner_sdk.errors import (
    ClientBusyError,
    Refusal,
    SdkError,
    error_for,
    refusal_from_rpc_error,
)
from partner_sdk.retry import Failure, decide_wait
from partner_sdk.shared.asks import AnsweredFrame, Ask, hand_out
from partner_sdk.shared.lane_stream import LaneStream
from partner_sdk.shared.line import Line, SentFrame
from partner_sdk.streams import STREAM_SECONDS, count_sends
from rongan_share.v1.verdict_service_pb2 import (
    StreamVerdictsRequest,
    StreamVerdictsResponse,
    VerdictOpen,
)
from rongan_share.wire.reasons import Reason

if TYPE_CHECKING:
    from partner_sdk.calls import Connections
    from partner_sdk.epochs import TaxonomyCache
    from partner_sdk.retry import RetryPolicy

MOST_WAITING = 8_192
"""Questions in line; who comes on top waits for room, so that memory has a bound."""

IDLE_SECONDS = 10.0
"""A stream that nobody needs any more is kept for so long."""

_QUIET_SECONDS = 1.0
"""Unused for so long, a lane makes room for another way of asking."""

_FRESH_SECONDS = STREAM_SECONDS / 2
_QUOTA = (Reason.QUOTA_EXCEEDED, Reason.FRAME_OVER_BURST)
_CLOSED = Refusal(grpc.StatusCode.CANCELLED, text="the client was closed")

_OURS = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


class LaneEndedError(SdkError):
    """The lane has ended; another must be taken."""


class Lane:
    """The line of one way of asking, and the stream that serves it. Ends when it is idle."""

    def __init__(
        self,
        opening: VerdictOpen,
        connections: Connections,
        taxonomies: TaxonomyCache,
        *,
        policy: RetryPolicy,
        idle_seconds: float = IDLE_SECONDS,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._opening = opening
        self._connections = connections
        self._timing = connections.timing
        self._taxonomies = taxonomies
        self._policy = policy
        self._idle_seconds = idle_seconds
        self._most_waiting = most_waiting
        # One lock guards all of what follows.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._line = Line()
        self._attempt = 1
        self._used = self._timing.monotonic()
        self._stream: LaneStream | None = None
        # Somebody waits for a question; taken back by whoever wakes him, for two may wait.
        self._wanting = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="verdicts", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether it takes no more questions."""
        return self._ended

    # What callers do.

    def put(self, ask: Ask, *, deadline: float) -> None:
        """Takes a place at the end of the line.

        Raises:
            LaneEndedError: The lane has ended meanwhile.
            ClientBusyError: There was no room until the deadline.
        """
        with self._lock:
            while len(self._line) >= self._most_waiting and not self._ended:
                left = deadline - self._timing.monotonic()
                if left <= 0 or not self._room.wait(left):
                    raise ClientBusyError("too many questions in line until the deadline")
            if self._ended:
                raise LaneEndedError
            self._line.put(ask)
            if self._wanting:
                self._wake_drawer()

    def leave(self, ask: Ask) -> None:
        """Takes a caller out whose deadline has passed: unsent it is never asked or charged.

        A question that was sent stays asked, charged and disclosed; its answer is dropped.
        """
        with self._lock:
            if self._line.leave(ask):
                self._room.notify()
                return
            # A hub that never answers must not hold those behind for the stream's whole minute.
            unanswered = self._line.unanswered
            if self._stream is not None and unanswered and not unanswered[0].wanted:
                self._stream.cancel()
                self._changed.notify_all()

    def end_if_idle(self) -> bool:
        """Ends the lane if nobody has needed it of late; tells whether it has ended."""
        with self._lock:
            # Ways that change with each question must not open a stream for each: that costs more
            # than a call.
            quiet = self._timing.monotonic() - self._used > _QUIET_SECONDS
            if quiet and self._line.idle:
                self._end()
            return self._ended

    def end(self) -> None:
        """Fails everything that waits and ends the stream; does not wait for its thread."""
        with self._lock:
            self._end()

    def join(self) -> None:
        """Waits until its thread has ended."""
        self._thread.join()

    def _end(self, error: SdkError | None = None) -> None:
        self._ended = True
        self._line.fail_all(error or error_for(_CLOSED))
        if self._stream is not None:
            self._stream.cancel()
        self._changed.notify_all()
        self._room.notify_all()

    # Our own thread: reads answers.

    def _run(self) -> None:
        try:
            while self._await_work():
                failure = self._one_stream()
                if failure is not None:
                    self._recover(failure)
        except BaseException as error:
            # A fault of our own must not leave callers to their deadlines.
            with self._lock:
                self._end(SdkError(f"a fault of the SDK: {type(error).__name__}"))
            raise

    def _await_work(self) -> bool:
        with self._lock:
            if self._line.idle and not self._ended:
                self._wanting = True
                self._changed.wait(self._idle_seconds)
            if self._line.idle:
                self._end()
            return not self._ended

    def _one_stream(self) -> Refusal | SdkError | None:
        """Runs one stream to its end; returns why it failed, or None if it did not."""
        fresh_until = self._timing.monotonic() + _FRESH_SECONDS
        stream = LaneStream(fresh_until, self._connections.channels)
        with self._lock:
            if self._ended:
                return None
            self._stream = stream
        try:
            stream.begin(
                self._connections.stream(
                    lambda stubs: stubs.verdict.StreamVerdicts,
                    self._requests(stream),
                    timeout_seconds=STREAM_SECONDS,
                )
            )
            for message in stream.answers():
                self._settle(message)
        except grpc.RpcError as error:
            refusal = refusal_from_rpc_error(error)
        except SdkError as error:
            return error
        except ValueError:
            # So gRPC says that the channel is closed.
            return _CLOSED
        else:
            refusal = Refusal(grpc.StatusCode.UNAVAILABLE, text="the stream ended early")
        finally:
            with self._lock:
                self._stream = None
                stream.cancel()
                self._changed.notify_all()
        with self._lock:
            if stream.complete and not self._line.unanswered:
                # How it ends after that changes nothing; who waits goes on over the next one.
                return None
            count_sends(self._line.unanswered, stream.drawn, refusal)
        return refusal

    def _settle(self, message: StreamVerdictsResponse) -> None:
        with self._lock:
            if self._ended:
                return
            sent = self._line.first(message.frame_number)
        asked = sent.request.frame
        taxonomy = self._taxonomies.of_version(message.taxonomy_version)
        answer = read_answer(message, asked, taxonomy)
        with self._lock:
            if not self._line.settle(sent, answer.quota_left):
                return
            self._attempt, self._used = 1, self._timing.monotonic()
            # The next frame leaves before anyone wakes.
            if self._wanting:
                self._wake_drawer()
        hand_out(sent.asks, AnsweredFrame(self._opening, asked, answered=message, answer=answer))

    # gRPC's thread: draws frames.

    def _requests(self, stream: LaneStream) -> Iterator[StreamVerdictsRequest]:
        yield StreamVerdictsRequest(open=self._opening)
        with self._lock:
            again = tuple(self._line.unanswered)
        for sent in again:
            with self._lock:
                if stream.over:
                    return
                stream.drawn = sent.number
            yield sent.request
        while (drawn := self._draw(stream)) is not None:
            yield drawn.request

    def _draw(self, stream: LaneStream) -> SentFrame | None:
        """Waits until there is a frame to send; None ends the stream's requests."""
        idle_until = self._timing.monotonic() + self._idle_seconds
        with self._lock:
            while not (stream.over or self._ended):
                now = self._timing.monotonic()
                stream.complete = stream.takes_no_more(now)
                if stream.complete or (self._line.idle and now >= idle_until):
                    return None
                if self._line.ready:
                    sent = self._take()
                    stream.drawn = sent.number
                    return sent
                until = idle_until if now < idle_until else now + self._idle_seconds
                self._wanting = True
                self._changed.wait(min(stream.fresh_until, until) - now)
        return None

    def _take(self) -> SentFrame:
        full = len(self._line) >= self._most_waiting
        sent = self._line.take()
        if full:
            self._room.notify_all()
        return sent

    def _wake_drawer(self) -> None:
        if self._line.ready:
            self._wanting = False
            self._changed.notify_all()

    # After a stream that ended with frames unanswered.

    def _recover(self, failure: Refusal | SdkError) -> None:
        with self._lock:
            if isinstance(failure, SdkError) or "frameNumber" not in failure.metadata:
                self._line.drop_unwanted()
            if self._line.idle:
                return
            if isinstance(failure, SdkError):
                self._fail(failure)
            elif failure.reason is Reason.EPOCH_NOT_OPEN:
                # All that waits here has tokens of that epoch; its callers ask in the new one.
                self._end(error_for(failure))
            elif failure.reason in _QUOTA:
                self._line.refuse_quota(failure)
                self._room.notify_all()
            else:
                self._wait_or_refuse(failure)

    def _fail(self, error: SdkError, number: str = "") -> None:
        """Fails what was sent; where nothing was, whoever waits in line for a stream."""
        if self._line.unanswered:
            self._line.refuse(error, number)
        else:
            self._line.fail_all(error)

    def _wait_or_refuse(self, refusal: Refusal) -> None:
        # A stream that is cancelled or late is so by us, not by the hub: the next may do better.
        ours = refusal.code in _OURS
        code = grpc.StatusCode.UNAVAILABLE if ours else refusal.code
        failure = Failure(self._attempt, code, refusal.reason, refusal.retry_seconds)
        wait = decide_wait(failure, self._policy, random=self._timing.random())
        if wait is None:
            self._attempt = 1
            self._fail(error_for(refusal), refusal.metadata.get("frameNumber", ""))
            return
        self._line.refuse_sent_too_often()
        self._attempt += 1
        until = self._timing.monotonic() + wait
        while not self._ended and (left := until - self._timing.monotonic()) > 0:
            self._changed.wait(left)
        self._line.drop_unwanted()
