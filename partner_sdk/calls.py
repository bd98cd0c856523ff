"""One client's connections, and the loop of a unary call: place, deadline, try, wait, try again."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import grpc

from partner_sdk.channels import ChannelSet, HeldStream, Stubs, dial_channels
from partner_sdk.errors import ClientBusyError, from_rpc_error
from partner_sdk.retry import CALL_POLICY, Failure, RetryPolicy, decide_wait
from rongan_share.wire.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from partner_sdk.credentials import Credentials

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")

CALLS_IN_FLIGHT = 64
"""Unary calls of one client under way at once. A server refuses what exceeds its own cap of
streams on a connection, so the surplus waits here instead."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How a client waits; replaced in tests.

    Attributes:
        sleep: Waits for so many seconds.
        monotonic: A clock in seconds that never goes back.
        random: Numbers from 0 up to, not including, 1, for jitter.
    """

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random


class Connections:
    """The channels of one client; calls take turns on them."""

    def __init__(
        self,
        channels: Sequence[grpc.Channel],
        *,
        policy: RetryPolicy = CALL_POLICY,
        timing: Timing | None = None,
        calls_in_flight: int = CALLS_IN_FLIGHT,
    ) -> None:
        self._current = ChannelSet(channels)
        self._swap_lock = threading.Lock()
        self._old: list[ChannelSet] = []
        self._closed = False
        self._places = threading.BoundedSemaphore(calls_in_flight)
        self.policy = policy
        self.timing = timing or Timing()

    @classmethod
    def dial(
        cls, target: str, credentials: Credentials, *, count: int, policy: RetryPolicy
    ) -> Connections:
        """Makes channels to a hub over mutual TLS; they connect with the first call.

        Args:
            target: ``host:port``; the host must be a name in the hub's certificate.
            credentials: What to prove oneself with.
            count: How many connections, from 1.
            policy: How patient unary calls are.
        """
        return cls(dial_channels(target, credentials, count=count), policy=policy)

    @property
    def channels(self) -> ChannelSet:
        """The channels that new calls and new streams take."""
        return self._current

    def swap(self, channels: Sequence[grpc.Channel]) -> None:
        """Lets new calls and new streams take other channels.

        No call fails by it: those under way end where they began, and then their channels are
        closed.
        """
        new = ChannelSet(channels)
        with self._swap_lock:
            if self._closed:
                new.close()
                return
            old, self._current = self._current, new
            self._old = [kept for kept in self._old if not kept.closed]
            self._old.append(old)
        old.retire()

    def stream(
        self,
        method: Callable[[Stubs], grpc.StreamStreamMultiCallable[RequestT, AnswerT]],
        requests: Iterator[RequestT],
        *,
        timeout_seconds: float,
    ) -> HeldStream[AnswerT]:
        """Opens a stream; its channel is not closed before it ends or is cancelled.

        Args:
            method: Picks the RPC.
            requests: Drawn by a thread of gRPC.
            timeout_seconds: When it ends at the latest.
        """
        channels, stubs = self._hold()
        try:
            answers = method(stubs)(requests, timeout=timeout_seconds)
        except BaseException:
            channels.release()
            raise
        return HeldStream(answers, channels)

    def _hold(self) -> tuple[ChannelSet, Stubs]:
        while True:
            channels = self._current
            stubs = channels.hold()
            if stubs is not None:
                return channels, stubs

    def call(
        self,
        method: Callable[[Stubs], grpc.UnaryUnaryMultiCallable[RequestT, AnswerT]],
        request: RequestT,
        *,
        timeout_seconds: float,
        safe: bool = True,
    ) -> AnswerT:
        """Calls until there is an answer, a refusal that is final, or no time left.

        Args:
            method: Picks the RPC.
            request: What to send, the same on every try.
            timeout_seconds: Time for the call with all its tries and waits.
            safe: Sending the request twice does no more than sending it once.

        Raises:
            HubRefusalError: The last try failed.
            ClientBusyError: No place among the calls in flight became free.
        """
        deadline = self.timing.monotonic() + timeout_seconds
        if not self._places.acquire(timeout=timeout_seconds):
            raise ClientBusyError("too many calls in flight; none ended within the deadline")
        try:
            return self._call_until(deadline, method, request, safe=safe)
        finally:
            self._places.release()

    def _call_until(
        self,
        deadline: float,
        method: Callable[[Stubs], grpc.UnaryUnaryMultiCallable[RequestT, AnswerT]],
        request: RequestT,
        *,
        safe: bool,
    ) -> AnswerT:
        attempt, quota_waited = 0, False
        while True:
            attempt += 1
            left = max(deadline - self.timing.monotonic(), 0.001)
            channels, stubs = self._hold()
            try:
                return method(stubs)(request, timeout=left)
            except grpc.RpcError as error:
                refused = from_rpc_error(error)
            finally:
                channels.release()
            failure = Failure(
                attempt,
                refused.code,
                refused.reason,
                refused.retry_seconds,
                safe=safe,
                quota_waited=quota_waited,
            )
            wait = decide_wait(failure, self.policy, random=self.timing.random())
            if wait is None or self.timing.monotonic() + wait >= deadline:
                raise refused
            quota_waited = quota_waited or refused.reason is Reason.QUOTA_EXCEEDED
            self.timing.sleep(wait)

    def close(self) -> None:
        """Closes every connection; calls under way end with UNAVAILABLE."""
        with self._swap_lock:
            self._closed = True
            every = [*self._old, self._current]
        for channels in every:
            channels.close()
