"""Quotas: a burst by GCRA, a day and a month by date in Asia/Shanghai. Pure.

A limit is spent in the same transaction as the answer it pays for, so it is exact over all workers
and survives a crash. A clock that goes back refills nothing: GCRA compares with the latest time it
saw, and counters stay with the latest date they saw.
Source: generic cell rate algorithm, ITU-T I.371.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntEnum

import msgspec

from rongan_share.clock import nanoseconds
from rongan_share.errors import Reason, RonganError
from rongan_share.wire.days import date_of_day, day_of_date, shanghai_day

_SECOND_NS = 1_000_000_000
_SHANGHAI_OFFSET = timedelta(hours=8)


class Meter(IntEnum):
    """What is counted."""

    QUERY = 1
    CONTRIBUTION = 2


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one meter, in tokens or rows, each at least 1.

    Attributes:
        rate_per_second: Restored a second, at most 1,000,000,000.
        burst_count: Admitted at once.
        day_count: Admitted a date.
        month_count: Admitted a month.
    """

    rate_per_second: int
    burst_count: int
    day_count: int
    month_count: int


class QuotaState(msgspec.Struct, frozen=True):
    """What was spent.

    Attributes:
        theoretical_ns: Instant at which the burst is whole again, nanoseconds since 1970-01-01 UTC.
        day: Date that `day_spent` belongs to.
        day_spent: Tokens or rows spent on it.
        month: First day of the month that `month_spent` belongs to.
        month_spent: Tokens or rows spent in it.
    """

    theoretical_ns: int = 0
    day: int = 0
    day_spent: int = 0
    month: int = 0
    month_spent: int = 0


class QuotaLeft(msgspec.Struct, frozen=True):
    """What may still be spent: at once, on this date, in this month."""

    burst_count: int
    day_count: int
    month_count: int


def spend(quota: Quota, state: QuotaState, *, meter: Meter, cost: int, now: datetime) -> QuotaState:
    """Spends all limits of a call, or none.

    Args:
        quota: The limits.
        state: What was spent before.
        meter: Names the limits in a refusal.
        cost: Tokens or rows, 0 or more.
        now: The instant of the call.

    Returns:
        The new state; the old one where the cost is 0.

    Raises:
        RonganError: FRAME_OVER_BURST where no waiting helps, else QUOTA_EXCEEDED with the time to
        wait.
    """
    if cost == 0:
        return state
    if cost > quota.burst_count:
        raise RonganError(Reason.FRAME_OVER_BURST, cost=cost, burst=quota.burst_count)
    now_ns = nanoseconds(now)
    rolled = _roll(quota, state, now_ns=now_ns, day=shanghai_day(now))
    after = max(rolled.theoretical_ns, now_ns) + _duration_ns(quota, cost)
    late_ns = after - now_ns - _duration_ns(quota, quota.burst_count)
    day_spent, month_spent = rolled.day_spent + cost, rolled.month_spent + cost
    name = meter.name.lower()
    if late_ns > 0:
        raise _exceeded(f"{name}.burst", cost, late_ns / _SECOND_NS)
    if day_spent > quota.day_count:
        raise _exceeded(f"{name}.day", cost, _seconds_to_day(rolled.day + 1, now))
    if month_spent > quota.month_count:
        raise _exceeded(f"{name}.month", cost, _seconds_to_day(_next_month(rolled.month), now))
    return QuotaState(after, rolled.day, day_spent, rolled.month, month_spent)


def bring_up_to_date(quota: Quota, state: QuotaState, *, now: datetime) -> QuotaState:
    """Brings what was spent up to date: new counters on a new date, and a clock that went back.

    Going back refills nothing, but must not lock out for longer than one period either: a debt
    is cut to a whole burst, and what was counted on a date that is further off than tomorrow is
    carried over to today. Whoever refuses by a state that this changes must save it, or the cut
    would start anew each time.
    """
    return _roll(quota, state, now_ns=nanoseconds(now), day=shanghai_day(now))


def left_of(quota: Quota, state: QuotaState, *, now: datetime) -> QuotaLeft:
    """Tells what may still be spent."""
    now_ns = nanoseconds(now)
    rolled = _roll(quota, state, now_ns=now_ns, day=shanghai_day(now))
    owed_ns = max(0, rolled.theoretical_ns - now_ns)
    owed = -(-owed_ns * quota.rate_per_second // _SECOND_NS)
    return QuotaLeft(
        max(0, quota.burst_count - owed),
        max(0, quota.day_count - rolled.day_spent),
        max(0, quota.month_count - rolled.month_spent),
    )


def _roll(quota: Quota, state: QuotaState, *, now_ns: int, day: int) -> QuotaState:
    theoretical_ns = min(state.theoretical_ns, now_ns + _duration_ns(quota, quota.burst_count))
    if state.day in (day, day + 1):
        # Nearly every call: the counters stay, and most often the debt does too.
        if theoretical_ns == state.theoretical_ns:
            return state
        return QuotaState(
            theoretical_ns, state.day, state.day_spent, state.month, state.month_spent
        )
    month = day_of_date(date_of_day(day).replace(day=1))
    if state.day > day:
        return QuotaState(theoretical_ns, day, state.day_spent, month, state.month_spent)
    month_spent = state.month_spent if month == state.month else 0
    return QuotaState(theoretical_ns, day, 0, month, month_spent)


def _duration_ns(quota: Quota, count: int) -> int:
    """Time that restores `count`, rounded up so that no fraction is ever given away."""
    return -(-count * _SECOND_NS // quota.rate_per_second)


def _next_month(month: int) -> int:
    first = date_of_day(month)
    return day_of_date((first + timedelta(days=32)).replace(day=1))


def _seconds_to_day(day: int, now: datetime) -> float:
    midnight_ns = day * 86_400 * _SECOND_NS - int(_SHANGHAI_OFFSET.total_seconds()) * _SECOND_NS
    return max(0.0, (midnight_ns - nanoseconds(now)) / _SECOND_NS)


def _exceeded(limit: str, cost: int, wait_seconds: float) -> RonganError:
    return RonganError(
        Reason.QUOTA_EXCEEDED, retry_after_seconds=max(wait_seconds, 0.001), limit=limit, cost=cost
    )
