"""How soon a process that died is started again, and when a hub gives up. Pure."""

from __future__ import annotations

EARLY_SECONDS = 10.0
"""A process that has not served for as long died early."""

PAUSES_SECONDS = (0.0, 0.2, 1.0)
"""Time before a start, by how many died early in a row: one more, and the hub stops."""


def count_early(early_deaths: int, *, served_seconds: float) -> int:
    """Counts a death: early ones add up, any other begins anew."""
    return early_deaths + 1 if served_seconds < EARLY_SECONDS else 0


def pause_before_start(early_deaths: int) -> float | None:
    """Returns how long to wait, in seconds; None if it is of no use to try again."""
    return PAUSES_SECONDS[early_deaths] if early_deaths < len(PAUSES_SECONDS) else None
