"""Which stream a question takes, and the caller's side of asking: place, deadline, another try."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import grpc

from partner_sdk.errors import (
    FailedPreconditionError,
    HubRefusalError,
    QuotaExceededError,
    Refusal,
    UnavailableError,
)
from partner_sdk.questions import fill_question
from partner_sdk.retry import Failure, decide_wait
from partner_sdk.shared.asks import Ask
from partner_sdk.shared.lane import IDLE_SECONDS, Lane, LaneEndedError
from rongan_share.v1.verdict_service_pb2 import VerdictOpen
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.reasons import Reason

if TYPE_CHECKING:
    from typing import TypeAlias

    from partner_sdk.agreements import TokenEpoch
    from partner_sdk.calls import Connections
    from partner_sdk.epochs import EpochCache, TaxonomyCache
    from partner_sdk.questions import Question
    from partner_sdk.retry import RetryPolicy
    from partner_sdk.subjects import Subject
    from partner_sdk.verdicts import Verdict

    Way: TypeAlias = tuple[Question, int, bool]

MOST_LANES = 16
"""Shared streams of one client. A hub holds a caller to so many open streams, and each has a thread
at both ends; who asks in yet another way makes a call of its own."""

_LATE = Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, text="no answer until the deadline of this call")


class Lanes:
    """All shared streams of one client. Safe to share between threads; not across a fork."""

    def __init__(
        self,
        connections: Connections,
        caches: tuple[EpochCache, TaxonomyCache],
        *,
        policy: RetryPolicy,
        idle_seconds: float = IDLE_SECONDS,
        most: int = MOST_LANES,
    ) -> None:
        self._connections = connections
        self._epochs, self._taxonomies = caches
        self._policy = policy
        self._idle_seconds = idle_seconds
        self._most = most
        self._lock = threading.Lock()
        self._lanes: dict[Way, Lane] = {}
        self._closed = False
        self._process = os.getpid()

    def ask(
        self, subject: Subject, question: Question, *, business_ref: bytes, timeout_seconds: float
    ) -> Verdict | None:
        """Asks over a shared stream and waits for the verdict.

        Args:
            subject: Canonical forms; their tokens are made anew if the epoch has changed.
            question: How it is asked; with the epoch it decides the stream.
            business_ref: 16 bytes or empty.
            timeout_seconds: Time for the question with all its tries.

        Returns:
            The verdict, or None: too many other streams are in use.

        Raises:
            MalformedError: The business reference or a category is not one; nothing was sent.
            HubRefusalError: The hub refused, or there was no answer in time.
        """
        if len(business_ref) not in (0, TOKEN_BYTES):
            raise MalformedError("business_ref", f"needs {TOKEN_BYTES} bytes")
        deadline = self._connections.timing.monotonic() + timeout_seconds
        retold = waited = False
        while True:
            epoch = self._epochs.current()
            ask = Ask(subject, subject.tokens_under(epoch), business_ref)
            try:
                lane = self._put(ask, question, epoch, deadline=deadline)
                return None if lane is None else self._await(ask, lane, deadline)
            except FailedPreconditionError as error:
                if error.reason is not Reason.EPOCH_NOT_OPEN or retold:
                    raise
                self._epochs.forget(epoch)
                retold = True
            except QuotaExceededError as error:
                self._wait_for_quota(error, deadline, waited=waited)
                waited = True
            except BaseException:
                # Whoever presses Ctrl-C leaves too: others may count on being woken by this thread.
                ask.abandon()
                raise

    def close(self) -> None:
        """Fails everything that waits, and waits until no thread is left."""
        with self._lock:
            self._closed = True
            lanes = list(self._lanes.values())
            self._lanes.clear()
        for lane in lanes:
            lane.end()
        for lane in lanes:
            lane.join()

    def _put(
        self, ask: Ask, question: Question, epoch: TokenEpoch, *, deadline: float
    ) -> Lane | None:
        # A column of references is whole or absent, so those without one go another way.
        way = question, epoch.number, bool(ask.business_ref)
        while True:
            lane = self._lanes.get(way)
            if lane is None or lane.ended:
                lane = self._open(way, epoch)
            if lane is None:
                return None
            try:
                lane.put(ask, deadline=deadline)
            except LaneEndedError:
                continue
            return lane

    def _await(self, ask: Ask, lane: Lane, deadline: float) -> Verdict:
        try:
            in_time = ask.wait(deadline - self._connections.timing.monotonic())
        except BaseException:
            lane.leave(ask)
            raise
        if not in_time:
            lane.leave(ask)
            # It may have come at this moment, or whoever should have woken us is slow.
            if not ask.over:
                raise UnavailableError(_LATE)
        return ask.verdict()

    def _wait_for_quota(self, error: HubRefusalError, deadline: float, *, waited: bool) -> None:
        timing = self._connections.timing
        failure = Failure(1, error.code, error.reason, error.retry_seconds, quota_waited=waited)
        wait = decide_wait(failure, self._policy, random=timing.random())
        if wait is None or timing.monotonic() + wait >= deadline:
            raise error
        timing.sleep(wait)

    def _open(self, way: Way, epoch: TokenEpoch) -> Lane | None:
        opening = VerdictOpen(batch_id=os.urandom(TOKEN_BYTES))
        # Before the lock: the taxonomy may have to be fetched.
        fill_question(opening, way[0], taxonomy=self._taxonomies.current(), epoch=epoch)
        with self._lock:
            if self._closed:
                raise UnavailableError(
                    Refusal(grpc.StatusCode.CANCELLED, text="the client was closed")
                )
            if os.getpid() != self._process:
                raise RuntimeError("a client does not outlive a fork; make one in the child")
            lane = self._lanes.get(way)
            if lane is not None and not lane.ended:
                return lane
            if not self._make_room():
                return None
            lane = Lane(
                opening,
                self._connections,
                self._taxonomies,
                policy=self._policy,
                idle_seconds=self._idle_seconds,
            )
            self._lanes[way] = lane
            return lane

    def _make_room(self) -> bool:
        """Forgets lanes that have ended, and ends an idle one if all places are taken."""
        self._lanes = {way: lane for way, lane in self._lanes.items() if not lane.ended}
        if len(self._lanes) < self._most:
            return True
        for way, lane in self._lanes.items():
            if lane.end_if_idle():
                del self._lanes[way]
                return True
        return False
