"""A load under way: sends what is due, times every answer, and counts what failed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.histogram import Histogram
from benchmarks.load_plan import Kind, Plan, events_of

if TYPE_CHECKING:
    from benchmarks.load_plan import Event
    from benchmarks.load_session import Session

MOST_UNDER_WAY = 2_000
"""An open loop sends no more while so many are unanswered, and counts what it left out."""

_CLOSED_EVENTS = 1 << 17
"""A closed loop begins anew after so many."""

_WAIT_SECONDS = 90.0


@dataclass
class Tally:
    """What became of operations of one kind, or of one partner.

    Attributes:
        latencies: Of those that were answered.
        failures: How many failed, by status.
    """

    latencies: Histogram = field(default_factory=Histogram)
    failures: Counter[str] = field(default_factory=Counter)

    def note(self, seconds: float, failure: str | None) -> None:
        """Adds an operation that is over."""
        if failure is None:
            self.latencies.record(seconds)
        else:
            self.failures[failure] += 1


@dataclass
class Outcome:
    """What a load came to.

    Attributes:
        plan: The load.
        kinds: By kind.
        partners: By partner.
        seconds: From the first operation to the last answer.
        left_out: Operations of an open loop that were not sent, because too many were unanswered.
        latest: How late the latest operation was sent, seconds: the generator's own delay.
    """

    plan: Plan
    kinds: dict[Kind, Tally] = field(default_factory=dict)
    partners: list[Tally] = field(default_factory=list)
    seconds: float = 0.0
    left_out: int = 0
    latest: float = 0.0


class Run:
    """One load against sessions, one for each partner of the plan."""

    def __init__(self, plan: Plan, sessions: Sequence[Session]) -> None:
        self._plan = plan
        self._sessions = sessions
        self._lock = threading.Lock()
        self._over = threading.Condition(self._lock)
        self._under_way = 0
        self.outcome = Outcome(
            plan,
            {kind: Tally() for kind in plan.shares},
            [Tally() for _ in range(plan.partners)],
        )

    def run(self, stop: threading.Event | None = None) -> Outcome:
        """Runs it to its end, or until `stop` is set, and waits for every answer."""
        stop = stop or threading.Event()
        # A closed loop's plan is long to make, and none of that is the load's time.
        rate, seconds = self._plan.rate, self._plan.seconds
        count = int(rate * seconds * 1.5) + 100 if rate else _CLOSED_EVENTS
        events = events_of(self._plan, count=count)
        began = time.perf_counter()
        if rate:
            self._run_open(events, began, stop)
        else:
            self._run_closed(events, began, stop)
        with self._lock:
            self._over.wait_for(lambda: self._under_way == 0, _WAIT_SECONDS)
        self.outcome.seconds = time.perf_counter() - began
        return self.outcome

    def _run_open(self, events: Sequence[Event], began: float, stop: threading.Event) -> None:
        for event in events:
            due = began + event.due
            late = time.perf_counter() - due
            if late < 0 and stop.wait(-late):
                return
            with self._lock:
                room = self._under_way < MOST_UNDER_WAY
            if not room:
                self.outcome.left_out += 1
                continue
            self.outcome.latest = max(self.outcome.latest, late)
            # Timed from when it was due: a hub that stalls delays everyone who comes meanwhile.
            self._start(event, due)

    def _run_closed(self, events: Sequence[Event], began: float, stop: threading.Event) -> None:
        place = 0
        # As many as are to be under way are sent even where the time is gone by then.
        while not stop.is_set() and (
            place < self._plan.in_flight or time.perf_counter() - began < self._plan.seconds
        ):
            with self._lock:
                self._over.wait_for(lambda: self._under_way < self._plan.in_flight, _WAIT_SECONDS)
            self._start(events[place % len(events)], time.perf_counter())
            place += 1

    def _start(self, event: Event, since: float) -> None:
        with self._lock:
            self._under_way += 1

        def done(failure: str | None) -> None:
            seconds = time.perf_counter() - since
            with self._lock:
                self.outcome.kinds[event.kind].note(seconds, failure)
                self.outcome.partners[event.partner].note(seconds, failure)
                self._under_way -= 1
                self._over.notify_all()

        self._sessions[event.partner].start(event, done)
