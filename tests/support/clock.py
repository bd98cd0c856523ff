"""A clock that tests set by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from rongan_share.clock import nanoseconds

SHANGHAI = timezone(timedelta(hours=8))


def last_noon() -> datetime:
    """Returns the last noon in Shanghai: TLS compares certificates with the machine's own clock."""
    now = datetime.now(SHANGHAI)
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    return (noon if noon < now else noon - timedelta(days=1)).astimezone(UTC)


def ticks_of(clock: FakeClock) -> Callable[[], int]:
    """Returns a monotonic clock that moves with a faked one; no clock was set by hand then."""
    return lambda: nanoseconds(clock.now())


class FakeClock:
    """Tells the time it was given, and moves only when told."""

    def __init__(self, instant: datetime | None = None) -> None:
        self._instant = instant or last_noon()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Returns the present instant."""
        with self._lock:
            return self._instant

    def advance(self, delta: timedelta) -> None:
        """Moves on, or back."""
        with self._lock:
            self._instant += delta
