"""The entry of workers and keeper. Only the supervisor starts it.

Until the supervisor's pipe is watched nothing heavy is imported, so that a process ends at once
when its supervisor does.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO

from rongan_share.clock import SystemClock, instant_of
from rongan_share.errors import Reason, RonganError, StartRefusedError
from rongan_share.processes.file_limit import raise_file_limit
from rongan_share.processes.interpreter import settle_interpreter
from rongan_share.processes.job import (
    SERVE,
    STOP_SECONDS,
    Job,
    Report,
    Role,
    State,
    encode_line,
    parse_job,
)
from rongan_share.processes.tls_policy import force_tls13

ORPHANED = 4
"""Exit code of a process whose supervisor is gone."""

LOG_FORMAT = "%(asctime)s %(levelname)s {name} %(name)s %(message)s"
"""Lines of every process of a hub, with the name of the process."""

_NICE = 10


class Supervision:
    """The two pipes: what the supervisor orders, what it is told.

    Attributes:
        serve: Set when the process may begin.
        stop: Set when it must end in order.
    """

    def __init__(self, orders: BinaryIO, reports: BinaryIO) -> None:
        self.serve = threading.Event()
        self.stop = threading.Event()
        self._orders = orders
        self._reports = reports
        threading.Thread(target=self._follow, name="supervision", daemon=True).start()

    def report(self, report: Report) -> None:
        """Tells the supervisor."""
        self._reports.write(encode_line(report))
        self._reports.flush()

    def end(self, *_: object) -> None:
        """Ends in order, whoever asks for it."""
        self.stop.set()
        self.serve.set()

    def _follow(self) -> None:
        for line in self._orders:
            if line == SERVE:
                self.serve.set()
            else:
                self.end()
        # Nothing is lost: what was acknowledged is on disk. The next hub waits for this.
        os._exit(ORPHANED)


def main() -> None:
    """Does the job of a worker or of the keeper."""
    run(lambda job, supervision: _WORK[job.role](job, supervision))


def run(work: Callable[[Job, Supervision], None]) -> None:
    """Does the job that comes down the pipe, to its end."""
    force_tls13()
    orders, reports = _take_pipes()
    line = orders.readline()
    if not line:
        sys.exit(ORPHANED)
    job = parse_job(line)
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT.format(name=job.name))
    supervision = Supervision(orders, reports)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervision.end)
    try:
        work(job, supervision)
    except StartRefusedError as refused:
        supervision.report(Report(state=State.REFUSED, text=str(refused)))
        sys.exit(1)
    except RonganError as error:
        if error.reason is not Reason.STORE_CORRUPT or supervision.serve.is_set():
            raise
        supervision.report(Report(state=State.REFUSED, reason=error.reason.name))
        sys.exit(1)


def answer(job: Job, supervision: Supervision) -> None:
    """Answers calls until the hub stops."""
    from rongan_share.ledger.environment import Ledger  # noqa: PLC0415 - see the module
    from rongan_share.processes.worker import Worker  # noqa: PLC0415 - it loads gRPC

    settings = job.settings
    raise_file_limit(settings.listen.max_streams)
    with Ledger(settings.data_directory, family=job.family) as ledger:
        worker = Worker(
            settings,
            ledger,
            clock=SystemClock(settings.clock.offset_seconds),
            started=instant_of(job.started_ns),
            shares_port=True,
        )
        worker.prepare()
        supervision.report(Report(state=State.PREPARED))
        supervision.serve.wait()
        worker.listen()
        worker.serve()
        settle_interpreter()
        supervision.report(Report(state=State.SERVING))
        supervision.stop.wait()
        worker.drain(STOP_SECONDS)
        worker.close()


def keep(job: Job, supervision: Supervision) -> None:
    """Does the chores until the hub stops."""
    from rongan_share.ledger.environment import Ledger  # noqa: PLC0415 - see the module
    from rongan_share.processes.keeper import Keeper, list_chores  # noqa: PLC0415 - likewise

    # Nobody waits for it, and workers may have no core to spare.
    os.nice(_NICE)
    settings = job.settings
    with Ledger(settings.data_directory, family=job.family) as ledger:
        keeper = Keeper(list_chores(settings, ledger, SystemClock(settings.clock.offset_seconds)))
        supervision.report(Report(state=State.PREPARED))
        supervision.serve.wait()
        keeper.start()
        supervision.report(Report(state=State.SERVING))
        supervision.stop.wait()
        keeper.stop()


_WORK = {Role.WORKER: answer, Role.KEEPER: keep}


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Takes the supervisor's pipes; what a library prints goes to stderr from now on."""
    orders, reports = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return orders, reports


if __name__ == "__main__":
    main()
