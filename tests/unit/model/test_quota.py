from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rongan_share.errors import Reason, RonganError
from rongan_share.model.quota import Meter, Quota, QuotaState, left_of, spend

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
QUOTA = Quota(rate_per_second=10, burst_count=100, day_count=150, month_count=220)


def use(state: QuotaState, cost: int, now: datetime) -> QuotaState:
    """Spends of the sample quota."""
    return spend(QUOTA, state, meter=Meter.CONTRIBUTION, cost=cost, now=now)


def refused(state: QuotaState, cost: int, now: datetime) -> RonganError:
    """Gives the refusal of a cost that must be refused."""
    with pytest.raises(RonganError) as caught:
        use(state, cost, now)
    return caught.value


def test_burst_refusal_says_when() -> None:
    """Over the burst, the refusal names the limit and exactly the time to wait."""
    error = refused(use(QuotaState(), 100, NOON), 5, NOON)
    assert error.reason is Reason.QUOTA_EXCEEDED
    assert error.metadata == {"limit": "contribution.burst", "cost": "5"}
    assert error.retry_after_seconds == pytest.approx(0.5)


def test_cost_above_the_burst_is_no_matter_of_waiting() -> None:
    """A cost that no waiting can make fit is refused for good, without a time."""
    error = refused(QuotaState(), 101, NOON)
    assert error.reason is Reason.FRAME_OVER_BURST
    assert error.metadata == {"cost": "101", "burst": "100"}
    assert error.retry_after_seconds is None


def test_day_begins_in_shanghai() -> None:
    """The day's counter starts anew at 16:00 UTC, midnight in Shanghai, and says so."""
    state = use(use(QuotaState(), 100, NOON), 50, NOON + timedelta(seconds=10))
    error = refused(state, 1, NOON + timedelta(hours=1))
    assert error.metadata["limit"] == "contribution.day"
    assert error.retry_after_seconds == 11 * 3600
    before, midnight = (NOON.replace(hour=15, minute=59), NOON.replace(hour=16))
    refused(state, 1, before)
    assert use(state, 1, midnight).day_spent == 1


def test_month_rolls_and_day_does_not_bring_it_back() -> None:
    """The month's counter goes on over a new date and starts anew on the first."""
    state = use(use(QuotaState(), 100, NOON), 50, NOON + timedelta(hours=1))
    state = use(state, 70, NOON + timedelta(days=1))
    error = refused(state, 1, NOON + timedelta(days=2))
    assert error.metadata["limit"] == "contribution.month"
    first = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
    wait = (first - NOON - timedelta(days=2)).total_seconds()
    assert error.retry_after_seconds == wait
    assert use(state, 100, first).month_spent == 100


def test_december_rolls_into_the_next_year() -> None:
    """The month after December is January of the next year."""
    late = datetime(2026, 12, 31, 4, 0, tzinfo=UTC)
    quota = Quota(rate_per_second=10**9, burst_count=10, day_count=1000, month_count=10)
    state = spend(quota, QuotaState(), meter=Meter.QUERY, cost=10, now=late)
    with pytest.raises(RonganError) as caught:
        spend(quota, state, meter=Meter.QUERY, cost=1, now=late + timedelta(hours=1))
    assert caught.value.retry_after_seconds == 11 * 3600


def test_clock_that_goes_back_refills_nothing() -> None:
    """Setting the clock back gives no counter and no burst back."""
    state = use(QuotaState(), 100, NOON)
    refused(state, 1, NOON - timedelta(days=1))
    left = left_of(QUOTA, state, now=NOON - timedelta(days=40))
    assert (left.burst_count, left.day_count, left.month_count) == (0, 50, 120)


def test_nothing_costs_nothing() -> None:
    """A cost of zero passes whatever was spent, and leaves no trace."""
    state = use(QuotaState(), 100, NOON)
    assert use(state, 0, NOON) is state


def test_refusal_spends_nothing() -> None:
    """A refused cost leaves every limit as it was."""
    state = use(QuotaState(), 100, NOON)
    before = left_of(QUOTA, state, now=NOON)
    refused(state, 60, NOON + timedelta(seconds=60))
    assert left_of(QUOTA, state, now=NOON) == before


def test_left_is_never_negative() -> None:
    """A smaller new agreement leaves nothing, not less than nothing."""
    state = use(QuotaState(), 100, NOON)
    small = Quota(rate_per_second=1, burst_count=1, day_count=1, month_count=1)
    left = left_of(small, state, now=NOON)
    assert (left.burst_count, left.day_count, left.month_count) == (0, 0, 0)
