"""What a hub notes of itself in the audit log: once a hub, however many processes it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share import __version__

if TYPE_CHECKING:
    from rongan_share.config import Settings

START = "hub/start"
"""Entered before the first call is answered."""

STOP = "hub/stop"
"""Entered after the last call was answered."""

RESTARTED = "hub/{role}_restarted"
"""Entered before a process that took a dead one's place begins, for a role in small letters."""


def start_facts(settings: Settings, *, workers: int) -> dict[str, str]:
    """Returns what the entry of a start says."""
    return {
        "version": __version__,
        "clock_offset": str(settings.clock.offset_seconds),
        "workers": str(workers),
    }
