"""The clock of a hub that may be set off for a rehearsal, as its commands read it."""

from __future__ import annotations

from rongan_share.clock import Clock, SystemClock


def issue_clock(offset_seconds: int) -> Clock:
    """Gives the clock by which certificates begin.

    TLS judges them by the machine's clock and the hub by its own, so they begin at the earlier of
    the two.
    """
    return SystemClock(min(0, offset_seconds))
