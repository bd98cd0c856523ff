"""Entries for refusals: singly up to 10 a second for each partner and reason, then counted.

A flood of refusals must not fill the log, and not one of them may go unrecorded.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rongan_share.audit.entry import Entry
from rongan_share.clock import Clock, nanoseconds
from rongan_share.errors import RonganError
from rongan_share.ledger.committer import Committer, Placement, Proposal, time_ns

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

SINGLE_ENTRIES = 10
"""Refusals of one kind that get an entry each within a second."""

FLUSH_SECONDS = 1.0
"""How often counted refusals are entered."""


class RefusalKind(NamedTuple):
    """Refusals that are counted together."""

    caller_kind: str
    caller_id: str
    serial_hex: str
    method: str
    decision: str


@dataclass(slots=True)
class _Count:
    second: int = 0
    singles: int = 0
    counted: int = 0


class RefusalBook:
    """Enters refusals, always through the same group commit as everything else."""

    def __init__(self, committer: Committer, clock: Clock) -> None:
        self._committer = committer
        self._clock = clock
        self._counts: dict[RefusalKind, _Count] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refusals", daemon=True)

    def start(self) -> None:
        """Starts the thread that enters counts."""
        self._thread.start()

    def stop(self) -> None:
        """Enters what is still counted and ends the thread."""
        self._stop.set()
        self._thread.join()
        self.flush()

    def enter(self, kind: RefusalKind, error: RonganError, duration_us: Callable[[], int]) -> None:
        """Enters one refusal, or counts it; returns when it is durable or counted.

        Raises:
            RonganError: The entry could not be committed.
        """
        if self._admit(kind):
            facts = {**error.metadata, **error.confided}
            self._commit(kind, facts=facts, counts={"refused": 1}, duration_us=duration_us)

    def flush(self) -> None:
        """Enters the refusals that were only counted; those that cannot be entered stay counted."""
        second = self._second()
        with self._lock:
            due = {kind: count.counted for kind, count in self._counts.items() if count.counted}
            self._counts = {
                kind: count for kind, count in self._counts.items() if count.second == second
            }
            for count in self._counts.values():
                count.counted = 0
        for kind, number in due.items():
            try:
                self._commit(kind, facts={}, counts={"refused": number}, duration_us=lambda: 0)
            except RonganError as error:
                _log.error("refusals not entered yet reason=%s", error.reason.name)
                with self._lock:
                    self._counts.setdefault(kind, _Count()).counted += number

    def _admit(self, kind: RefusalKind) -> bool:
        second = self._second()
        with self._lock:
            count = self._counts.setdefault(kind, _Count())
            if count.second != second:
                count.second, count.singles = second, 0
            if count.singles < SINGLE_ENTRIES:
                count.singles += 1
                return True
            count.counted += 1
            return False

    def _commit(
        self,
        kind: RefusalKind,
        *,
        facts: dict[str, str],
        counts: dict[str, int],
        duration_us: Callable[[], int],
    ) -> None:
        def make_entry(placement: Placement) -> bytes:
            return Entry(
                time_ns=time_ns(placement),
                kind="REFUSAL",
                method=kind.method,
                caller_kind=kind.caller_kind,
                caller_id=kind.caller_id,
                serial_hex=kind.serial_hex,
                decision=kind.decision,
                facts=facts,
                counts=counts,
                duration_us=duration_us(),
            ).encode()

        self._committer.submit(Proposal(make_entry=make_entry)).result()

    def _second(self) -> int:
        return nanoseconds(self._clock.now()) // 1_000_000_000

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self.flush()
