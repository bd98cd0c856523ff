"""Quotas under any order of costs and clock steps: never over, all or none, and no waiting in vain."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from rongan_share.clock import nanoseconds
from rongan_share.errors import Reason, RonganError
from rongan_share.model.quota import Meter, Quota, QuotaState, left_of, spend
from rongan_share.wire.days import SHANGHAI

SEEDED = settings(deadline=None, derandomize=True, database=None, max_examples=200)
START = datetime(2026, 12, 30, 15, 59, 30, tzinfo=UTC)
SECOND_NS = 10**9

QUOTAS = st.builds(
    Quota,
    rate_per_second=st.sampled_from([1, 3, 7, 10, 997, 10**6, 10**9]),
    burst_count=st.sampled_from([1, 2, 5, 50, 10**6]),
    day_count=st.sampled_from([1, 8, 60, 10**9]),
    month_count=st.sampled_from([1, 20, 90, 10**9]),
)
# Rates that divide a second leave no fraction of a nanosecond, so a reference can be exact.
EXACT_QUOTAS = st.builds(
    Quota,
    rate_per_second=st.sampled_from([1, 2, 10, 1000, 10**9]),
    burst_count=st.integers(1, 60),
    day_count=st.integers(1, 100),
    month_count=st.integers(1, 200),
)
STEPS_US = (
    st.integers(-5_000_000, 5_000_000)
    | st.sampled_from([0, 1, -1, 86_400_000_000, -86_400_000_000, 40 * 86_400_000_000])
    | st.integers(-100_000_000_000, 100_000_000_000)
)
CALLS = st.lists(
    st.tuples(st.integers(0, 12) | st.integers(0, 10**6 + 1), STEPS_US), min_size=1, max_size=40
)


@dataclass
class Spent:
    """What was admitted, with the instant of each."""

    calls: list[tuple[datetime, int]] = field(default_factory=list)
    state: QuotaState = field(default_factory=QuotaState)


def attempt(quota: Quota, state: QuotaState, *, cost: int, now: datetime) -> QuotaState | None:
    """Spends, or gives None where the quota refuses."""
    try:
        return spend(quota, state, meter=Meter.QUERY, cost=cost, now=now)
    except RonganError:
        return None


def run(quota: Quota, calls: list[tuple[int, int]]) -> Spent:
    """Makes calls one after another."""
    spent, now = Spent(), START
    for cost, step_us in calls:
        now += timedelta(microseconds=step_us)
        after = attempt(quota, spent.state, cost=cost, now=now)
        if after is not None:
            spent.state = after
            spent.calls.append((now, cost))
    return spent


@SEEDED
@given(quota=QUOTAS, calls=CALLS)
def test_no_stretch_of_time_exceeds_burst_and_rate(
    quota: Quota, calls: list[tuple[int, int]]
) -> None:
    """Between any two admitted calls at most the burst and what the rate restored is spent."""
    admitted = [call for call in run(quota, calls).calls if call[1]]
    for first, (begin, _) in enumerate(admitted):
        total = 0
        for end, cost in admitted[first:]:
            total += cost
            passed_ns = nanoseconds(end) - nanoseconds(begin)
            # The last term is what rounding to a whole nanosecond may add, less than one token.
            assert total * SECOND_NS < (
                passed_ns * quota.rate_per_second
                + quota.burst_count * SECOND_NS
                + quota.rate_per_second
                + 1
            )


@SEEDED
@given(quota=QUOTAS, calls=CALLS)
def test_no_date_and_no_month_exceeds_its_count(quota: Quota, calls: list[tuple[int, int]]) -> None:
    """By the latest date that was seen, in Shanghai, no date and no month is overspent."""
    days: Counter[tuple[int, int, int]] = Counter()
    months: Counter[tuple[int, int]] = Counter()
    latest = START.astimezone(SHANGHAI).date().replace(year=1970)
    for now, cost in run(quota, calls).calls:
        if not cost:
            continue
        latest = max(latest, now.astimezone(SHANGHAI).date())
        days[latest.year, latest.month, latest.day] += cost
        months[latest.year, latest.month] += cost
    assert all(count <= quota.day_count for count in days.values())
    assert all(count <= quota.month_count for count in months.values())


class Reference:
    """A bucket of exact fractions that fills with time and drains when the clock goes back."""

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._level = Fraction(quota.burst_count)
        self._at = datetime(1970, 1, 1, tzinfo=UTC)
        self._date = self._at.date()
        self._of_day = self._of_month = 0

    def admits(self, cost: int, now: datetime) -> bool:
        """Spends if all three limits allow it."""
        quota = self._quota
        if cost == 0:
            return True
        passed = Fraction(nanoseconds(now) - nanoseconds(self._at), SECOND_NS)
        level = min(self._level + passed * quota.rate_per_second, Fraction(quota.burst_count))
        date = max(self._date, now.astimezone(SHANGHAI).date())
        of_day = self._of_day if date == self._date else 0
        same_month = (date.year, date.month) == (self._date.year, self._date.month)
        of_month = self._of_month if same_month else 0
        if cost > min(level, quota.day_count - of_day, quota.month_count - of_month):
            return False
        self._level, self._at, self._date = level - cost, now, date
        self._of_day, self._of_month = of_day + cost, of_month + cost
        return True


@SEEDED
@given(quota=EXACT_QUOTAS, calls=CALLS)
def test_decisions_equal_a_bucket_of_fractions(quota: Quota, calls: list[tuple[int, int]]) -> None:
    """Every call is decided as an exact bucket with two counters decides it."""
    reference, state, now = Reference(quota), QuotaState(), START
    for cost, step_us in calls:
        now += timedelta(microseconds=step_us)
        after = attempt(quota, state, cost=cost, now=now)
        assert (after is not None) == reference.admits(cost, now)
        state = state if after is None else after


@SEEDED
@given(quota=QUOTAS, calls=CALLS, cost=st.integers(1, 60))
def test_waiting_as_told_is_enough(quota: Quota, calls: list[tuple[int, int]], cost: int) -> None:
    """A refusal's time to wait ends the refusal of that limit, so three waits end them all."""
    spent = run(quota, calls)
    now = START + timedelta(microseconds=sum(step for _, step in calls))
    limits: list[str] = []
    for _ in range(4):
        try:
            spend(quota, spent.state, meter=Meter.QUERY, cost=cost, now=now)
        except RonganError as error:
            if error.reason is Reason.FRAME_OVER_BURST:
                assert cost > quota.burst_count
                assert error.retry_after_seconds is None
                return
            assert error.reason is Reason.QUOTA_EXCEEDED
            limits.append(error.metadata["limit"])
            assert error.retry_after_seconds is not None
            if cost > quota.day_count or cost > quota.month_count:
                return
            now += timedelta(seconds=error.retry_after_seconds, microseconds=1)
        else:
            return
    raise AssertionError(limits)


@SEEDED
@given(quota=QUOTAS, calls=CALLS)
def test_what_is_left_is_what_is_admitted(quota: Quota, calls: list[tuple[int, int]]) -> None:
    """All that is said to be left can be spent at once, and hardly more."""
    spent = run(quota, calls)
    now = START + timedelta(microseconds=sum(step for _, step in calls))
    left = left_of(quota, spent.state, now=now)
    most = min(left.burst_count, left.day_count, left.month_count)
    assert attempt(quota, spent.state, cost=most, now=now) is not None
    # Rounding in the hub's favour may hold back less than one token.
    assert attempt(quota, spent.state, cost=most + 2, now=now) is None


@SEEDED
@given(quota=QUOTAS, calls=CALLS, cost=st.integers(1, 60))
def test_left_falls_by_what_was_spent(
    quota: Quota, calls: list[tuple[int, int]], cost: int
) -> None:
    """All three limits are spent by the same cost, or none of them."""
    spent = run(quota, calls)
    now = START + timedelta(microseconds=sum(step for _, step in calls))
    before = left_of(quota, spent.state, now=now)
    after = attempt(quota, spent.state, cost=cost, now=now)
    if after is None:
        return
    left = left_of(quota, after, now=now)
    assert before.day_count - left.day_count == cost
    assert before.month_count - left.month_count == cost
    assert 0 <= before.burst_count - left.burst_count - cost <= 1
