"""When to call again, and after how long: pure decisions, no clock, no sleep.

A handshake that TLS refuses looks like UNAVAILABLE, the one status worth another try, so tries
are few.
Source: AIP-194; full jitter after "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from rongan_share.wire.reasons import Reason


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient a client is.

    Attributes:
        tries: Tries of one call in all, from 1. The hub answers a repeated question three times
            without charge, so four tries never cost more than one.
        first_seconds: Longest wait before the second try; doubles from try to try.
        longest_seconds: Longest wait before any try.
        longest_quota_seconds: Longest wait for a used-up quota. A burst is back in seconds; a
            used-up day is better told to the caller than slept through.
    """

    tries: int = 4
    first_seconds: float = 0.1
    longest_seconds: float = 2.0
    longest_quota_seconds: float = 2.0


MOST_SENDS = 4
"""Times that one frame of questions goes out: the hub answers a repeated one three times without
charge, and charges the next."""

CALL_POLICY = RetryPolicy()
"""For one question in a business process: an answer or an error, soon."""

STREAM_POLICY = RetryPolicy(
    tries=8, first_seconds=0.5, longest_seconds=8.0, longest_quota_seconds=120.0
)
"""For files: sits out a restart of the hub and the refill of a burst."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed try.

    Attributes:
        attempt: Which try failed, from 1.
        code: Its status code.
        reason: The hub's reason, or None.
        retry_seconds: What the hub's RetryInfo says, or None.
        safe: Sending the same call again changes nothing that the first did not.
        quota_waited: The call has already waited once for its quota.
    """

    attempt: int
    code: grpc.StatusCode
    reason: Reason | None = None
    retry_seconds: float | None = None
    safe: bool = True
    quota_waited: bool = False


def _passes(failure: Failure) -> bool:
    """Tells whether what failed is likely to pass by itself."""
    if failure.reason is Reason.TOO_MANY_CALLS:
        return True
    # A hub that stops may end a call that had arrived but not begun so, without a word of its own.
    cut = failure.code is grpc.StatusCode.CANCELLED and failure.reason is None
    return cut or failure.code is grpc.StatusCode.UNAVAILABLE


def decide_wait(failure: Failure, policy: RetryPolicy, *, random: float) -> float | None:
    """Decides how long to wait before the next try.

    Args:
        failure: The try that failed.
        policy: How patient to be.
        random: A number from 0 up to, not including, 1.

    Returns:
        Seconds to wait, or None: give up.
    """
    if failure.attempt >= policy.tries or not failure.safe:
        return None
    ceiling = min(policy.longest_seconds, policy.first_seconds * 2.0 ** (failure.attempt - 1))
    if failure.reason is Reason.QUOTA_EXCEEDED:
        wait = failure.retry_seconds
        if failure.quota_waited or wait is None or wait > policy.longest_quota_seconds:
            return None
        return wait + random * policy.first_seconds
    if not _passes(failure):
        return None
    # What the hub asks for is a floor; the jitter on top keeps its callers from coming back at
    # once.
    floor = min(failure.retry_seconds or 0.0, policy.longest_seconds)
    return floor + random * ceiling
