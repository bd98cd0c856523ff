"""One client's connections, and the loop of a unary call: place, deadline, try, wait, try again."""

from __future__ import annotations

import itertools
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import grpc

from partner_sdk.errors import ClientBusyError, from_rpc_error
from partner_sdk.retry import CALL_POLICY, Failure, RetryPolicy, decide_wait
from rongan_share.v1.agreement_service_pb2_grpc import AgreementServiceStub
from rongan_share.v1.contribution_service_pb2_grpc import ContributionServiceStub
from rongan_share.v1.verdict_service_pb2_grpc import VerdictServiceStub
from rongan_share.wire.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from partner_sdk.credentials import Credentials

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")

CALLS_IN_FLIGHT = 64
"""Unary calls of one client under way at once. A server refuses what exceeds its own cap of
streams on a connection, so the surplus waits here instead."""

_CHANNEL_OPTIONS = (
    # Without a pool of its own each channel would share one connection, and so one worker of the
    # hub.
    ("grpc.use_local_subchannel_pool", 1),
    # The default of 1 s is longer than all waits of a call together: its later tries would never
    # dial.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Retries are decided in retry.py alone.
    ("grpc.enable_retries", 0),
)


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


class Stubs:
    """The services of a hub over one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.verdict = VerdictServiceStub(channel)
        self.contribution = ContributionServiceStub(channel)
        self.agreement = AgreementServiceStub(channel)


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
        self._channels = tuple(channels)
        self._turn = itertools.cycle([Stubs(channel) for channel in channels])
        self._turn_lock = threading.Lock()
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
        secret = credentials.for_channel()
        channels = [
            grpc.secure_channel(target, secret, options=_CHANNEL_OPTIONS) for _ in range(count)
        ]
        return cls(channels, policy=policy)

    def take(self) -> Stubs:
        """Takes the services of the connection whose turn it is."""
        with self._turn_lock:
            return next(self._turn)

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
            try:
                return method(self.take())(request, timeout=left)
            except grpc.RpcError as error:
                refused = from_rpc_error(error)
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
        for channel in self._channels:
            channel.close()
