"""A seat: a place in the hub that is always to be taken by a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.processes.restarts import count_early, pause_before_start

if TYPE_CHECKING:
    from rongan_share.processes.child import Child
    from rongan_share.processes.job import Role

REAP_SECONDS = 10.0
"""How long a process may take from the end of its pipe to its own end."""


class HubFailedError(Exception):
    """A process of the hub died again and again; the text says which and how."""


class Seat:
    """Who is in the place, and how those before ended.

    Attributes:
        role: What the process is for.
        number: Which of its role, from 1.
        child: The process; None while the next one is awaited.
        due_ns: When the next one is to be started.
        prepared: Whether the process waits to be let to serve, or serves.
        served_ns: Since when it serves; None as long as it does not.
        ended: How the last one ended; empty for the first.
    """

    def __init__(self, role: Role, number: int) -> None:
        self.role = role
        self.number = number
        self.child: Child | None = None
        self.due_ns = 0
        self.prepared = False
        self.served_ns: int | None = None
        self.ended = ""
        self._early_deaths = 0

    @property
    def name(self) -> str:
        """What logs and entries call it."""
        return f"{self.role.value}-{self.number}"

    def bury(self, child: Child, now_ns: int) -> float:
        """Empties the seat of a process that has ended; returns when it is due again, in seconds.

        Raises:
            HubFailedError: It is of no use to try again.
        """
        self.ended = child.wait(REAP_SECONDS)
        served_ns = 0 if self.served_ns is None else now_ns - self.served_ns
        self.child, self.prepared, self.served_ns = None, False, None
        self._early_deaths = count_early(self._early_deaths, served_seconds=served_ns / 1e9)
        pause = pause_before_start(self._early_deaths)
        if pause is None:
            raise HubFailedError(f"{self.name} died {self._early_deaths} times: {self.ended}")
        self.due_ns = now_ns + int(pause * 1e9)
        return pause
