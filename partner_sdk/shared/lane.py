"""One shared stream: who asks the same way stands in one line, and frames take what waits.

While a frame is under way others gather behind it, so frames grow with the load and nobody waits
for a timer. Two threads serve a lane: gRPC's, which draws frames (`_requests`), and our own, which reads
answers and hands them out (`_run`). A caller is woken once, when its answer is there.

A frame keeps its number and its content until it is answered, over as many streams as that takes;
the hub knows it by (partner, batch_id, frame number, digest) and charges it once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

import grpc

from partner_sdk.columns import read_answer
from partner_sdk.errors import (
    AnswerMalformedError,
    ClientBusyError,
    Refusal,
    SdkError,
    error_for,
    refusal_from_rpc_error,
)
from partner_sdk.retry import Failure, decide_wait
from partner_sdk.shared.asks import (
    MOST_SUBJECTS,
    AnsweredFrame,
    Ask,
    count_that_fit,
    frame_of,
    hand_out,
)
from partner_sdk.streams import STREAM_SECONDS, WINDOW, AnswerStream
from rongan_share.v1.verdict_service_pb2 import (
    StreamVerdictsRequest,
    StreamVerdictsResponse,
    VerdictOpen,
)
from rongan_share.wire.frames import MAX_FRAME_TOKENS
from rongan_share.wire.reasons import Reason

if TYPE_CHECKING:
    from partner_sdk.calls import Connections
    from partner_sdk.epochs import TaxonomyCache
    from partner_sdk.retry import RetryPolicy

MOST_WAITING = 8_192
"""Questions in line; who comes on top waits for room, so that memory has a bound."""

IDLE_SECONDS = 10.0
"""A stream that nobody needs any more is kept for so long."""

_FRESH_SECONDS = STREAM_SECONDS / 2
_QUOTA = (Reason.QUOTA_EXCEEDED, Reason.FRAME_OVER_BURST)
_CLOSED = Refusal(grpc.StatusCode.CANCELLED, text="the client was closed")


class LaneEndedError(SdkError):
    """The lane has ended; another must be taken."""


class _Sent:
    """A frame that waits for its answer."""

    def __init__(self, number: int, asks: list[Ask]) -> None:
        self.number = number
        self.asks = asks
        self.token_count = sum(ask.token_count for ask in asks)
        self._request: StreamVerdictsRequest | None = None

    @property
    def request(self) -> StreamVerdictsRequest:
        """The message that carries it, the same every time."""
        if self._request is None:
            message = frame_of(self.asks).to_message(self.number)
            self._request = StreamVerdictsRequest(frame=message)
        return self._request

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for its answer."""
        return not all(ask.abandoned for ask in self.asks)

    def fail(self, error: SdkError) -> None:
        """Tells every caller that has not gone."""
        for ask in self.asks:
            if not ask.abandoned:
                ask.fail(error)


class _Stream:
    """One stream of a lane, from its opening to its end."""

    def __init__(self, fresh_until: float) -> None:
        self.fresh_until = fresh_until
        self.over = False
        self.responses: AnswerStream[StreamVerdictsResponse] | None = None

    def cancel(self) -> None:
        """Ends it from this side."""
        self.over = True
        if self.responses is not None:
            self.responses.cancel()


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
        lock = threading.Lock()
        # All of what follows is guarded by one lock.
        self._changed = threading.Condition(lock)
        self._room = threading.Condition(lock)
        self._waiting: deque[Ask] = deque()
        self._unanswered: deque[_Sent] = deque()
        self._drawer_waits = False
        self._next_number = 1
        self._most_subjects = MOST_SUBJECTS
        self._tokens_left = MAX_FRAME_TOKENS
        self._attempt = 1
        self._stream: _Stream | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="verdicts", daemon=True)
        self._thread.start()

    # What callers do.

    def put(self, ask: Ask, *, deadline: float) -> None:
        """Takes a place at the end of the line.

        Raises:
            LaneEndedError: The lane has ended meanwhile.
            ClientBusyError: There was no room until the deadline.
        """
        with self._changed:
            while len(self._waiting) >= self._most_waiting and not self._ended:
                left = deadline - self._timing.monotonic()
                if left <= 0 or not self._room.wait(left):
                    raise ClientBusyError("too many questions in line until the deadline")
            if self._ended:
                raise LaneEndedError
            self._waiting.append(ask)
            if self._drawer_waits and len(self._unanswered) < WINDOW:
                self._drawer_waits = False
                self._changed.notify_all()

    def leave(self, ask: Ask) -> None:
        """Takes a caller out whose deadline has passed: unsent it is never asked or charged.

        A question that was sent stays asked, charged and disclosed; its answer is dropped.
        """
        with self._changed:
            ask.abandoned = True
            try:
                self._waiting.remove(ask)
            except ValueError:
                # A stream whose hub never answers must not hold those behind for its whole minute.
                if self._stream and self._unanswered and not self._unanswered[0].wanted:
                    self._stream.cancel()
                    self._changed.notify_all()
            else:
                self._room.notify()

    def end_if_idle(self) -> bool:
        """Ends the lane if nobody needs it; tells whether it has ended."""
        with self._changed:
            if not self._idle:
                return False
            self._end()
            return True

    def end(self) -> None:
        """Fails everything that waits and ends the stream; does not wait for its thread."""
        with self._changed:
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._fail_all(error_for(_CLOSED))
        if self._stream is not None:
            self._stream.cancel()
        self._changed.notify_all()
        self._room.notify_all()

    @property
    def _idle(self) -> bool:
        """Whether nobody stands in line or waits for an answer."""
        return not self._waiting and not self._unanswered

    def join(self) -> None:
        """Waits until its thread has ended."""
        self._thread.join()

    @property
    def ended(self) -> bool:
        """Whether it takes no more questions."""
        return self._ended

    def _fail_all(self, error: SdkError) -> None:
        for sent in self._unanswered:
            sent.fail(error)
        for ask in self._waiting:
            ask.fail(error)
        self._unanswered.clear()
        self._waiting.clear()

    # Our own thread: reads answers.

    def _run(self) -> None:
        try:
            while self._await_work():
                failure = self._one_stream()
                if failure is not None:
                    self._recover(failure)
        except BaseException as error:
            # A fault of our own must not leave callers to their deadlines.
            with self._changed:
                self._ended = True
                self._fail_all(SdkError(f"the SDK failed: {type(error).__name__}"))
            raise

    def _await_work(self) -> bool:
        with self._changed:
            if self._idle and not self._ended:
                self._drawer_waits = True
                self._changed.wait(self._idle_seconds)
                self._drawer_waits = False
            if self._idle:
                self._ended = True
                self._room.notify_all()
            return not self._ended

    def _one_stream(self) -> Refusal | SdkError | None:
        """Runs one stream to its end; returns why it failed, or None if it did not."""
        stream = _Stream(self._timing.monotonic() + _FRESH_SECONDS)
        with self._changed:
            if self._ended:
                return None
            self._stream = stream
        try:
            stub = self._connections.take().verdict
            responses = stub.StreamVerdicts(self._requests(stream), timeout=STREAM_SECONDS)
            stream.responses = responses
            if stream.over:
                responses.cancel()
            for message in responses:
                self._settle(message)
        except grpc.RpcError as error:
            return refusal_from_rpc_error(error)
        except SdkError as error:
            return error
        except ValueError:
            # So gRPC says that the channel is closed.
            return _CLOSED
        finally:
            with self._changed:
                self._stream = None
                stream.cancel()
                self._changed.notify_all()
        if self._unanswered:
            return Refusal(grpc.StatusCode.UNAVAILABLE, text="the stream ended early")
        return None

    def _settle(self, message: StreamVerdictsResponse) -> None:
        sent = self._unanswered[0] if self._unanswered else None
        if sent is None or sent.number != message.frame_number:
            raise AnswerMalformedError("the hub answered a frame that was not waiting")
        taxonomy = self._taxonomies.of_version(message.taxonomy_version)
        asked = sent.request.frame
        answer = read_answer(message, asked, taxonomy)
        left = answer.quota_left
        with self._changed:
            # `end` may have been quicker; then its callers are answered already.
            if not self._unanswered or self._unanswered[0] is not sent:
                return
            self._unanswered.popleft()
            self._attempt, self._most_subjects = 1, MOST_SUBJECTS
            self._tokens_left = min(left.burst_count, left.day_count, left.month_count)
            # The next frame leaves before anyone wakes.
            if self._drawer_waits and self._waiting:
                self._drawer_waits = False
                self._changed.notify_all()
        hand_out(sent.asks, AnsweredFrame(self._opening, asked, message, answer))

    # gRPC's thread: draws frames.

    def _requests(self, stream: _Stream) -> Iterator[StreamVerdictsRequest]:
        yield StreamVerdictsRequest(open=self._opening)
        with self._changed:
            again = () if stream.over else tuple(self._unanswered)
        for sent in again:
            yield sent.request
        while (drawn := self._draw(stream)) is not None:
            yield drawn.request

    def _draw(self, stream: _Stream) -> _Sent | None:
        """Waits until there is a frame to send; None ends the stream's requests."""
        idle_until = self._timing.monotonic() + self._idle_seconds
        with self._changed:
            while not (stream.over or self._ended):
                now = self._timing.monotonic()
                if now >= stream.fresh_until or (self._idle and now >= idle_until):
                    return None
                if self._waiting and len(self._unanswered) < WINDOW:
                    return self._take()
                self._drawer_waits = True
                self._changed.wait(min(stream.fresh_until, max(idle_until, now + 1.0)) - now)
                self._drawer_waits = False
        return None

    def _take(self) -> _Sent:
        under_way = sum(sent.token_count for sent in self._unanswered)
        count = count_that_fit(
            self._waiting,
            most_subjects=self._most_subjects,
            # What the hub says is left is a hint: it may have grown, so the first goes in any case.
            most_tokens=min(MAX_FRAME_TOKENS, self._tokens_left - under_way),
        )
        full = len(self._waiting) >= self._most_waiting
        sent = _Sent(self._next_number, [self._waiting.popleft() for _ in range(count)])
        self._next_number += 1
        self._unanswered.append(sent)
        if full:
            self._room.notify_all()
        return sent

    # After a stream that failed.

    def _recover(self, failure: Refusal | SdkError) -> None:
        with self._changed:
            while self._unanswered and not self._unanswered[0].wanted:
                self._unanswered.popleft()
            if not self._unanswered:
                return
            if isinstance(failure, SdkError):
                self._refuse(failure)
            elif failure.reason in _QUOTA:
                self._make_smaller(failure)
            else:
                self._wait_or_refuse(failure)

    def _wait_or_refuse(self, refusal: Refusal) -> None:
        late = refusal.code is grpc.StatusCode.DEADLINE_EXCEEDED
        code = grpc.StatusCode.UNAVAILABLE if late else refusal.code
        failure = Failure(self._attempt, code, refusal.reason, refusal.retry_seconds)
        wait = decide_wait(failure, self._policy, random=self._timing.random())
        if wait is None:
            self._attempt = 1
            self._refuse(error_for(refusal), refusal.metadata.get("frameNumber", ""))
            return
        self._attempt += 1
        until = self._timing.monotonic() + wait
        while not self._ended and (left := until - self._timing.monotonic()) > 0:
            self._changed.wait(left)

    def _refuse(self, error: SdkError, number: str = "") -> None:
        """Fails the frame that was named, or all of the stream if none was; later ones go again."""
        first = self._unanswered[0]
        if number != str(first.number):
            for sent in self._unanswered:
                sent.fail(error)
            self._unanswered.clear()
            return
        first.fail(error)
        self._unanswered.popleft()

    def _make_smaller(self, refusal: Refusal) -> None:
        """Splits a frame that the quota cannot pay whole, so that nobody pays for his neighbours.

        What was refused for its quota was not charged, nor was any frame behind it, so all of them
        are free to become other frames. One question that is refused alone speaks for all in line that
        cost the same: the hub has just said that it cannot be paid now.
        """
        first = self._unanswered[0]
        back = [ask for sent in self._unanswered for ask in sent.asks if not ask.abandoned]
        self._unanswered.clear()
        line = back + list(self._waiting)
        if len(first.asks) == 1 and refusal.reason is Reason.QUOTA_EXCEEDED:
            types, error = first.asks[0].types, error_for(refusal)
            refused = [ask for ask in line if ask.types == types]
            line = [ask for ask in line if ask.types != types]
        elif len(first.asks) == 1:
            refused, error = line[:1], error_for(refusal)
            line = line[1:]
        else:
            refused, error = [], error_for(refusal)
        self._waiting = deque(line)
        self._most_subjects = max(1, len(first.asks) // 2)
        for ask in refused:
            ask.fail(error)
        self._room.notify_all()


