"""A clock that tests set by hand."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Tells the time it was given, and moves only when told."""

    def __init__(self, instant: datetime = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)) -> None:
        self._instant = instant
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Returns the present instant."""
        with self._lock:
            return self._instant

    def advance(self, delta: timedelta) -> None:
        """Moves on, or back."""
        with self._lock:
            self._instant += delta
