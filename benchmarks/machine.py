"""Processes on chosen cores: what is measured runs on one, whoever asks on another."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE, CLIENT_CORE = 0, 1
_STOP_SECONDS = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12


class StartError(Exception):
    """A process did not come up; the text says what it printed last."""


def pin_client() -> bool:
    """Moves the calling thread, and threads it makes later, to the client's core.

    Returns:
        Whether there are two cores; with one, client and server take time from each other.
    """
    cores = os.sched_getaffinity(0)
    if not {SERVER_CORE, CLIENT_CORE} <= cores:
        return False
    os.sched_setaffinity(0, {CLIENT_CORE})
    return True


@contextmanager
def _on_server_core() -> Iterator[None]:
    """Children begun in the block inherit the server's core."""
    before = os.sched_getaffinity(0)
    if before == {CLIENT_CORE}:
        os.sched_setaffinity(0, {SERVER_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def on_all_cores() -> Iterator[int]:
    """Lets the calling thread, and what it begins in the block, use every core; yields how many."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield len(os.sched_getaffinity(0))
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True, slots=True)
class Server:
    """A running process on the server's core.

    Attributes:
        process: The process; its standard input is a pipe, its end asks some of them to stop.
        log: What it printed.
    """

    process: subprocess.Popen[bytes]
    log: Path

    def first_line(self, timeout_seconds: float) -> str:
        """Waits for the first line that the process prints on standard output.

        Raises:
            StartError: It ended, or took too long.
        """
        end = time.monotonic() + timeout_seconds
        while time.monotonic() < end:
            head, newline, _ = self.log.read_bytes().partition(b"\n")
            if newline:
                return head.decode()
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        raise StartError(self.complaint())

    def complaint(self) -> str:
        """Returns the end of what it said on both outputs."""
        errors = self.log.with_suffix(".err").read_text(errors="replace")
        return f"{self.process.args!r} did not start: {errors[-2_000:]}"

    def cpu_seconds(self) -> float:
        """Returns the processor time it has used so far."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS

    def stop(self) -> None:
        """Asks it to end, and ends it if it does not."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_server(
    command: Sequence[str],
    folder: Path,
    *,
    user: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Server:
    """Starts a process on the server's core, its outputs in files of a folder."""
    descriptor, name = tempfile.mkstemp(suffix=".out", dir=folder)
    log = Path(name)
    with (
        os.fdopen(descriptor, "wb") as out,
        log.with_suffix(".err").open("wb") as err,
        _on_server_core(),
    ):
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
            user=user,
            env=None if environment is None else {**os.environ, **environment},
        )
    return Server(process, log)
