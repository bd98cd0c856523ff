"""Quotas under any order of costs and clock steps: never over, all or none, no waiting in vain."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
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
HALF_HOUR_US = 1_800_000_000

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
    """In Shanghai no date and no month is overspent, as long as the clock never goes back a day."""
    days: Counter[date] = Counter()
    months: Counter[tuple[int, int]] = Counter()
    latest = date(1970, 1, 1)
    forward = [(cost, step_us if step_us > -HALF_HOUR_US else -step_us) for cost, step_us in calls]
    for now, cost in run(quota, forward).calls:
        latest = max(latest, now.astimezone(SHANGHAI).date())
        days[latest] += cost
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
        today, counted = now.astimezone(SHANGHAI).date(), self._date
        if counted > today + timedelta(days=1):
            # What a clock that was far ahead counted is carried over, neither kept there nor lost.
            counted = today
        of_day = self._of_day if today <= counted else 0
        same_month = (today.year, today.month) == (counted.year, counted.month)
        of_month = self._of_month if today <= counted or same_month else 0
        if cost > level or cost > min(quota.day_count - of_day, quota.month_count - of_month):
            return False
        self._level, self._at, self._date = level - cost, now, max(today, counted)
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
    forward = [(cost, abs(step_us)) for cost, step_us in calls]
    spent = run(quota, forward)
    now = START + timedelta(microseconds=sum(step for _, step in forward))
    if cost > min(quota.burst_count, quota.day_count, quota.month_count):
        return
    for _ in range(3):
        try:
            spend(quota, spent.state, meter=Meter.QUERY, cost=cost, now=now)
        except RonganError as error:
            reason, wait = error.reason, error.retry_after_seconds
        else:
            return
        assert reason is Reason.QUOTA_EXCEEDED
        assert wait is not None
        now += timedelta(seconds=wait, microseconds=1)
    spend(quota, spent.state, meter=Meter.QUERY, cost=cost, now=now)


@SEEDED
@given(quota=QUOTAS, calls=CALLS, cost=st.integers(1, 60))
def test_wait_is_never_longer_than_a_period(
    quota: Quota, calls: list[tuple[int, int]], cost: int
) -> None:
    """Whatever the clock did, nobody is told to wait longer than the limit's own period."""
    spent = run(quota, calls)
    now = START + timedelta(microseconds=sum(step for _, step in calls))
    try:
        spend(quota, spent.state, meter=Meter.QUERY, cost=cost, now=now)
    except RonganError as error:
        metadata, wait = error.metadata, error.retry_after_seconds or 0.0
    else:
        return
    day = 86_400
    longest = {
        "query.burst": quota.burst_count / quota.rate_per_second + 0.001,
        # A clock may be behind by up to a date before its counters are carried over.
        "query.day": 2 * day,
        "query.month": 33 * day,
    }
    assert wait <= longest.get(metadata.get("limit", ""), 0)


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
