"""A process as its supervisor sees it: started, told, heard, ended."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from rongan_share.processes.interpreter import ALLOCATOR
from rongan_share.processes.job import SERVE, STOP, Report, Role, encode_line, parse_report

if TYPE_CHECKING:
    from rongan_share.processes.job import Job

ENTRIES = {
    Role.WORKER: "rongan_share.processes.child_main",
    Role.KEEPER: "rongan_share.processes.child_main",
    Role.SIGNER: "rongan_share.cli.signer_child",
}
"""Module that a process runs; the signer's reaches the keys, so it is named and never imported."""


class Child:
    """One process of the hub, from its start to its end.

    It is spawned, never forked: it inherits nothing but its two pipes, stderr and the descriptor
    that lets it use the store. A group of its own keeps the keyboard's signals from it.

    Args:
        job: What it is to do.
        on_report: Called with each report, from a thread, and with None when it has ended.
    """

    def __init__(self, job: Job, on_report: Callable[[Report | None], None]) -> None:
        self.serving = False
        self._on_report = on_report
        # -P: the folder that the hub is run from is no place to take code from.
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", ENTRIES[job.role], job.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(job.family,),
            env={**ALLOCATOR, **os.environ},
            process_group=0,
        )
        self._say(encode_line(job))
        threading.Thread(target=self._hear, name=f"hear {job.name}", daemon=True).start()

    def serve(self) -> None:
        """Lets it begin."""
        self.serving = True
        self._say(SERVE)

    def stop(self) -> None:
        """Asks it to end in order, if it may be at work already."""
        if self.serving:
            self._say(STOP)
        else:
            self._process.kill()

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()

    def wait(self, timeout_seconds: float) -> str:
        """Waits for its end; returns how it came.

        Raises:
            subprocess.TimeoutExpired: It goes on.
        """
        code = self._process.wait(timeout_seconds)
        with suppress(OSError):
            _opened(self._process.stdin).close()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def _say(self, line: bytes) -> None:
        pipe = _opened(self._process.stdin)
        # If it is dead already, its end is reported by the other pipe.
        with suppress(OSError):
            pipe.write(line)
            pipe.flush()

    def _hear(self) -> None:
        with _opened(self._process.stdout) as lines:
            for line in lines:
                self._on_report(parse_report(line))
        self._on_report(None)


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was started without its pipes")
    return pipe
