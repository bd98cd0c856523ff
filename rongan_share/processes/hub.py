"""A hub in one process: a worker and the keeper's chores over one ledger.

`rongan-hub serve` runs them in processes of their own (`supervisor.py`); a program that wants a hub
inside itself runs this.
"""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rongan_share.clock import Clock, SystemClock
from rongan_share.config import Settings
from rongan_share.gate.notes import note
from rongan_share.ledger.environment import Ledger
from rongan_share.processes.job import STOP_SECONDS
from rongan_share.processes.keeper import Keeper, list_chores
from rongan_share.processes.key_pairs import KeyPair
from rongan_share.processes.notes import START, STOP, start_facts
from rongan_share.processes.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rongan_share.columns.follower import Follower
    from rongan_share.columns.followers import Followers
    from rongan_share.gate.routes import Route
    from rongan_share.gate.walk import Walk
    from rongan_share.ledger.committer import Committer


class Hub:
    """One hub process. Use as a context manager: it serves from entry to exit.

    Args:
        settings: Its configuration.
        clock: Tells the time; the system's with the configured offset by default.
        table: The route table; the whole one by default.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        table: Mapping[str, Route] | None = None,
    ) -> None:
        clock = clock or SystemClock(settings.clock.offset_seconds)
        self._settings = settings
        self.ledger = Ledger(settings.data_directory)
        try:
            KeyPair(settings.tls.certificate_chain, settings.tls.private_key).recover()
            self._worker = Worker(
                settings, self.ledger, clock=clock, started=clock.now(), table=table
            )
        except BaseException:
            self.ledger.close()
            raise
        self._keeper = Keeper(list_chores(settings, self.ledger, clock))
        self._ending = ExitStack()
        self._ending.callback(self.ledger.close)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._worker.port

    @property
    def enrolment_port(self) -> int:
        """Where it enrols; 0 if it does not."""
        return self._worker.enrolment_port

    @property
    def walk(self) -> Walk:
        """How its calls are answered."""
        return self._worker.walk

    @property
    def follower(self) -> Follower:
        """What its look-ups see."""
        return self._worker.followers.serving

    @property
    def followers(self) -> Followers:
        """What the look-ups of every set see."""
        return self._worker.followers

    @property
    def committer(self) -> Committer:
        """What makes its decisions durable."""
        return self._worker.committer

    def start(self) -> None:
        """Reads the journal and begins to serve; the start stands in the audit log.

        Raises:
            RonganError: The journal cannot be read; nothing of the hub is left running.
        """
        # What was started is stopped in the opposite order, whatever fails on the way.
        with self._ending.pop_all() as ending:
            self._worker.prepare()
            ending.callback(self._worker.close)
            self._worker.listen()
            self._keeper.start()
            ending.callback(self._keeper.stop)
            note(self.committer, START, start_facts(self._settings, workers=1))
            ending.callback(note, self.committer, STOP, {})
            self._worker.serve()
            self._ending = ending.pop_all()

    def stop(self, grace_seconds: float = STOP_SECONDS) -> None:
        """Refuses new calls, lets those under way finish, commits what is queued, closes."""
        with self._ending.pop_all():
            self._worker.drain(grace_seconds)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
