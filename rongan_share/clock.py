"""The only reader of the wall clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Tells the time; tests bring their own."""

    def now(self) -> datetime:
        """Returns the present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock, set off by a fixed time for rehearsals.

    Args:
        offset_seconds: Added to the machine's time; 0 in service.
    """

    def __init__(self, offset_seconds: int = 0) -> None:
        self._offset = timedelta(seconds=offset_seconds)

    def now(self) -> datetime:
        """Returns the present instant, aware, in UTC."""
        return datetime.now(UTC) + self._offset


def monotonic_ns() -> int:
    """Returns nanoseconds of a clock that never goes back, for durations only."""
    return time.monotonic_ns()


def nanoseconds(instant: datetime) -> int:
    """Returns whole nanoseconds since 1970-01-01 UTC, exact to the microsecond."""
    delta = instant - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000


def instant_of(time_ns: int) -> datetime:
    """Returns the instant of nanoseconds since 1970-01-01 UTC, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=time_ns // 1_000)
