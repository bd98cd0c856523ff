"""Processes on chosen cores: what is measured runs on one, whoever asks on another."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from rongan_share.processes.interpreter import ALLOCATOR

SERVER_CORE, CLIENT_CORE = 0, 1
_STOP_SECONDS = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PARENT, _UTIME, _STIME = 1, 11, 12
_KIB = 1 << 10


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
        """Returns the processor time it has used so far, without its children."""
        return cpu_seconds(self.process.pid)

    def end_input(self) -> None:
        """Closes its input, which asks it to end in order, and waits until it has.

        Raises:
            StartError: It ended otherwise.
        """
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.process.wait(_STOP_SECONDS):
            raise StartError(self.complaint())

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


def cpu_seconds(pid: int) -> float:
    """Returns the processor time that a process has used so far."""
    fields = _stat(pid)
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS


def children(pid: int) -> dict[str, int]:
    """Returns the processes that a process began, by the last word of their command line."""
    found: dict[str, int] = {}
    for path in Path("/proc").iterdir():
        if not path.name.isdecimal():
            continue
        with suppress(OSError):  # it may end while it is looked at
            if int(_stat(int(path.name))[_PARENT]) == pid:
                words = (path / "cmdline").read_text().rstrip("\0").split("\0")
                found[words[-1]] = int(path.name)
    return found


def memory_bytes(pid: int) -> tuple[int, int]:
    """Returns what a process has in memory: of its own, and pages of files that it has mapped."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    sizes = dict(line.split(":", 1) for line in status.splitlines())
    own, mapped = (int(sizes[name].split()[0]) * _KIB for name in ("RssAnon", "RssFile"))
    return own, mapped


def load_average() -> str:
    """Returns how many processes wanted to run of late, for the reader to judge the rest by."""
    return " ".join(f"{load:.1f}" for load in os.getloadavg())


def _stat(pid: int) -> list[str]:
    """Returns the fields of a process's state from the third on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def start_server(
    command: Sequence[str],
    folder: Path,
    *,
    user: str | None = None,
    beside_client: bool = False,
) -> Server:
    """Starts a process on the server's core, or the client's, its outputs in files of a folder."""
    descriptor, name = tempfile.mkstemp(suffix=".out", dir=folder)
    log = Path(name)
    with (
        os.fdopen(descriptor, "wb") as out,
        log.with_suffix(".err").open("wb") as err,
        nullcontext() if beside_client else _on_server_core(),
    ):
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
            user=user,
            # Peers in Python get what the hub gives its workers.
            env={**ALLOCATOR, **os.environ},
        )
    return Server(process, log)
