"""When to call again: decisions without clock or channel."""

from __future__ import annotations

from dataclasses import replace

import grpc
import pytest

from partner_sdk.retry import CALL_POLICY, STREAM_POLICY, Failure, RetryPolicy, decide_wait
from rongan_share.wire.reasons import Reason

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
CANCELLED = grpc.StatusCode.CANCELLED


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_unavailable_waits_within_a_doubling_ceiling(attempt: int) -> None:
    """The wait before each further try lies between zero and a ceiling that doubles."""
    ceiling = CALL_POLICY.first_seconds * 2 ** (attempt - 1)
    failure = Failure(attempt, UNAVAILABLE)
    assert decide_wait(failure, CALL_POLICY, random=0.0) == 0.0
    assert decide_wait(failure, CALL_POLICY, random=0.999) == pytest.approx(0.999 * ceiling)


def test_ceiling_stops_growing() -> None:
    """However many tries a policy allows, one wait never passes its longest."""
    policy = RetryPolicy(tries=50, first_seconds=1.0, longest_seconds=3.0)
    assert decide_wait(Failure(40, UNAVAILABLE), policy, random=0.999) == pytest.approx(2.997)


def test_fourth_failure_is_final() -> None:
    """A call is tried four times and no more."""
    assert decide_wait(Failure(4, UNAVAILABLE), CALL_POLICY, random=0.5) is None


def test_unsafe_call_is_not_repeated() -> None:
    """A call that does more when sent twice is never sent twice."""
    assert decide_wait(Failure(1, UNAVAILABLE, safe=False), CALL_POLICY, random=0.5) is None


@pytest.mark.parametrize(
    "code",
    [code for code in grpc.StatusCode if code not in {UNAVAILABLE, EXHAUSTED, CANCELLED}],
    ids=str,
)
def test_other_codes_are_final(code: grpc.StatusCode) -> None:
    """No other status code is worth a second try."""
    assert decide_wait(Failure(1, code), CALL_POLICY, random=0.5) is None


def test_quota_waits_as_the_hub_says_and_once() -> None:
    """A used-up quota is waited for once, as RetryInfo says; not without it, not for hours."""
    asked = Failure(1, EXHAUSTED, Reason.QUOTA_EXCEEDED, retry_seconds=1.0)
    wait = decide_wait(asked, CALL_POLICY, random=0.5)
    assert wait is not None
    assert 1.0 <= wait <= 1.0 + CALL_POLICY.first_seconds
    again = Failure(2, EXHAUSTED, Reason.QUOTA_EXCEEDED, retry_seconds=1.0, quota_waited=True)
    assert decide_wait(again, CALL_POLICY, random=0.5) is None
    silent = Failure(1, EXHAUSTED, Reason.QUOTA_EXCEEDED)
    assert decide_wait(silent, CALL_POLICY, random=0.5) is None
    tomorrow = Failure(1, EXHAUSTED, Reason.QUOTA_EXCEEDED, retry_seconds=40_000.0)
    assert decide_wait(tomorrow, STREAM_POLICY, random=0.5) is None


def test_transport_limit_is_final() -> None:
    """RESOURCE_EXHAUSTED without a reason comes from the transport, and waiting does not help."""
    assert decide_wait(Failure(1, EXHAUSTED), CALL_POLICY, random=0.5) is None


def test_retry_info_is_a_floor() -> None:
    """A stopping hub's wish is kept, with jitter on top so that its callers do not come at once."""
    failure = Failure(1, UNAVAILABLE, Reason.HUB_STOPPING, retry_seconds=1.0)
    assert decide_wait(failure, CALL_POLICY, random=0.0) == 1.0
    assert decide_wait(failure, CALL_POLICY, random=0.5) == pytest.approx(1.05)


def test_call_cut_by_a_stopping_hub_is_tried_again() -> None:
    """CANCELLED without a word of the hub passes; with one it is final."""
    assert decide_wait(Failure(1, CANCELLED), CALL_POLICY, random=0.5) is not None
    said = Failure(1, CANCELLED, Reason.INTERNAL)
    assert decide_wait(said, CALL_POLICY, random=0.5) is None


def test_too_many_calls_passes() -> None:
    """A caller that has too much under way waits as long as it is told, and tries again."""
    failure = Failure(1, EXHAUSTED, Reason.TOO_MANY_CALLS, 0.1)
    wait = decide_wait(failure, CALL_POLICY, random=0.5)
    assert wait is not None
    assert wait >= 0.1
    assert decide_wait(replace(failure, attempt=CALL_POLICY.tries), CALL_POLICY, random=0.5) is None
