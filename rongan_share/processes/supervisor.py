"""The supervisor: holds store and port, runs all processes, and starts again what dies.

It answers no call. It enters what is noted of the hub as a whole, so that a start or a stop stands
in the audit log once, however many processes there are.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import msgspec

from rongan_share.clock import SystemClock, monotonic_ns, nanoseconds
from rongan_share.errors import Reason, RonganError, StartRefusedError
from rongan_share.gate.notes import note
from rongan_share.ledger.committer import Committer
from rongan_share.ledger.environment import Ledger
from rongan_share.processes.child import Child
from rongan_share.processes.job import STOP_SECONDS, Job, Report, Role, State
from rongan_share.processes.key_pairs import KeyPair
from rongan_share.processes.notes import RESTARTED, START, STOP, start_facts
from rongan_share.processes.port import ReservedPort
from rongan_share.processes.seat import HubFailedError, Seat
from rongan_share.processes.signing import signs

if TYPE_CHECKING:
    from rongan_share.config import Settings

END_SECONDS = 5.0
"""How long beyond its grace a process may take to end before it is killed."""

SIGNER_PAUSE_SECONDS = 60.0
"""Time until a signer is started again that has died again and again."""

_log = logging.getLogger(__name__)


class Supervisor:
    """Runs a hub in processes of its own.

    Args:
        settings: Its configuration.
        workers: How many processes answer calls.

    Attributes:
        ledger: The open store.
        address: Where the workers listen, with the port that was taken.
        enrolment: Where they enrol, likewise; empty if they do not.

    Raises:
        StartRefusedError: The store or the port is another's.
    """

    def __init__(self, settings: Settings, *, workers: int) -> None:
        clock = SystemClock(settings.clock.offset_seconds)
        self._events: SimpleQueue[tuple[Seat, Report | None] | None] = SimpleQueue()
        self._workers = [Seat(Role.WORKER, number) for number in range(1, workers + 1)]
        self._keeper = Seat(Role.KEEPER, 1)
        own = signs(settings) and not settings.signer.external
        self._signers = [Seat(Role.SIGNER, 1)] if own else []
        self._began_ns = nanoseconds(clock.now())
        self._noted = False
        with ExitStack() as ending:
            self.ledger = ending.enter_context(Ledger(settings.data_directory))
            KeyPair(settings.tls.certificate_chain, settings.tls.private_key).recover()
            self.address = _reserve(ending, settings.listen.address)
            enrolment = settings.listen.enrolment
            self.enrolment = _reserve(ending, enrolment) if enrolment else ""
            self._ending = ending.pop_all()
        listen = msgspec.structs.replace(
            settings.listen, address=self.address, enrolment=self.enrolment
        )
        self._settings = msgspec.structs.replace(settings, listen=listen)
        self._committer = Committer(self.ledger, clock, lambda _: None)

    def request_stop(self) -> None:
        """Makes `run` end in order; a signal's handler may call it."""
        self._events.put(None)

    def run(self, on_serving: Callable[[], None]) -> None:
        """Serves until it is asked to stop.

        Args:
            on_serving: Called once, when every worker answers calls.

        Raises:
            StartRefusedError: A process may not serve like this.
            RonganError: The store is damaged, or a note could not be entered.
            HubFailedError: A process died again and again.
        """
        with self._ending as ending:
            self._committer.start()
            ending.callback(self._committer.stop)
            facts = {"cause": "a fault"}
            try:
                self._supervise(on_serving)
                facts = {}
            except (HubFailedError, StartRefusedError, RonganError) as error:
                facts = {"cause": str(error)}
                raise
            finally:
                self._stop(facts)

    def _supervise(self, on_serving: Callable[[], None]) -> None:
        seats, told = self._seats(), False
        while True:
            self._fill(seats)
            try:
                event = self._events.get(timeout=_seconds_until_due(seats))
            except Empty:
                continue
            if event is None:
                return
            self._heed(*event)
            if not told and all(seat.served_ns is not None for seat in seats):
                on_serving()
                told = True

    def _seats(self) -> list[Seat]:
        return [*self._workers, self._keeper, *self._signers]

    def _fill(self, seats: Sequence[Seat]) -> None:
        """Starts a process wherever one is due."""
        for seat in seats:
            if seat.child is None and seat.due_ns <= monotonic_ns():
                job = Job(
                    role=seat.role,
                    number=seat.number,
                    settings=self._settings,
                    started_ns=self._began_ns,
                    family=self.ledger.family,
                )
                seat.child = Child(job, partial(self._hear, seat))

    def _hear(self, seat: Seat, report: Report | None) -> None:
        self._events.put((seat, report))

    def _heed(self, seat: Seat, report: Report | None) -> None:
        """Takes in what a process reports, or that it has ended."""
        if report is None:
            self._bury(seat)
        elif report.state is State.PREPARED:
            seat.prepared = True
            self._let_serve(seat)
        elif report.state is State.SERVING:
            seat.served_ns = monotonic_ns()
            if seat.ended:
                _log.info("%s serves again", seat.name)
        elif report.reason:
            raise RonganError(Reason[report.reason])
        else:
            raise StartRefusedError(report.text)

    def _bury(self, seat: Seat) -> None:
        if seat.child is None:
            return
        pause = self._pause_after(seat, seat.child)
        _log.warning("%s ended by %s; another starts in %.1f s", seat.name, seat.ended, pause)
        # What it read under is held until somebody looks, and keeps the file growing.
        self.ledger.reclaim_readers()

    def _pause_after(self, seat: Seat, child: Child) -> float:
        """Empties a seat; says in how many seconds it is taken again.

        Raises:
            HubFailedError: It is of no use to try again.
        """
        try:
            return seat.bury(child, monotonic_ns())
        except HubFailedError as failed:
            if seat.role is not Role.SIGNER:
                raise
            # Without it nothing is signed, but everything else is answered.
            _log.error("%s", failed)
            seat.due_ns = monotonic_ns() + int(SIGNER_PAUSE_SECONDS * 1e9)
            return SIGNER_PAUSE_SECONDS

    def _let_serve(self, seat: Seat) -> None:
        """Lets processes begin: the first ones together, each later one by itself."""
        seats = self._seats()
        if self._noted:
            self._note_restart(seat)
            seats = [seat]
        elif not all(each.prepared for each in seats):
            return
        else:
            note(self._committer, START, start_facts(self._settings, workers=len(self._workers)))
            self._noted = True
        for each in seats:
            if each.child is not None:
                each.child.serve()

    def _note_restart(self, seat: Seat) -> None:
        facts = {"process": seat.name, "ended": seat.ended}
        try:
            note(self._committer, RESTARTED.format(role=seat.role.value), facts)
        except RonganError as error:
            # The store may be short of room; answers need entries too, so nothing is hidden.
            _log.error("restart of %s not entered reason=%s", seat.name, error.reason.name)

    def _stop(self, facts: dict[str, str]) -> None:
        """Ends workers, then those that work for them, and enters it."""
        _end(self._workers)
        _end([self._keeper, *self._signers])
        if self._noted:
            note(self._committer, STOP, facts)


def _reserve(ending: ExitStack, address: str) -> str:
    """Holds a port until the end; returns the address with the port that was taken."""
    port = ReservedPort(address)
    ending.callback(port.close)
    return port.address


def _seconds_until_due(seats: Sequence[Seat]) -> float | None:
    """Returns when the next process is to be started; None while all are there."""
    due = [seat.due_ns for seat in seats if seat.child is None]
    return max(0.0, (min(due) - monotonic_ns()) / 1e9) if due else None


def _end(seats: Sequence[Seat]) -> None:
    """Asks processes to end together; kills those that take too long."""
    taken = [(seat, seat.child) for seat in seats if seat.child is not None]
    for _, child in taken:
        child.stop()
    end_ns = monotonic_ns() + int((STOP_SECONDS + END_SECONDS) * 1e9)
    for seat, child in taken:
        try:
            ended = child.wait(max(0.0, (end_ns - monotonic_ns()) / 1e9))
        except subprocess.TimeoutExpired:
            _log.error("%s does not end and is killed", seat.name)
            child.kill()
            ended = child.wait(END_SECONDS)
        if child.serving and ended != "exit code 0":
            _log.error("%s ended by %s", seat.name, ended)
        seat.child = None
