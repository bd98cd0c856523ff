"""Real processes: a hub that serves from its own command, and the partner's command ``rongan``.

A hub process keeps its port over restarts, so that clients may find it again, and can be killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from partner_sdk.client import Client
from partner_sdk.credentials import CERTIFICATE_FILE, KEY_FILE, ROOTS_FILE, Credentials
from partner_sdk.retry import RetryPolicy
from rongan_share.audit.entry import Entry, parse_entry
from rongan_share.cli.founding import Plan, found_hub
from rongan_share.clock import SystemClock
from rongan_share.ledger.entries import list_entries
from rongan_share.ledger.environment import Ledger
from rongan_share.wire.days import shanghai_day
from tests.support.hub import HubUnderTest, Stubs
from tests.support.kernel import children_of
from tests.support.pki import TRUST_DOMAIN, Minted

ROOT = Path(__file__).resolve().parents[2]

START_SECONDS = 30.0
"""How long a process may take to say its first line, or to end."""

PROMPT = RetryPolicy(tries=10, first_seconds=0.02, longest_seconds=0.5, longest_quota_seconds=2.0)
"""Retries that cost a test little time."""

START_TRIES = 5
"""How often a hub is started whose port somebody else has taken meanwhile."""

_HUB = "from rongan_share.cli.main import main; main()"
_RONGAN = "from partner_sdk.cli.main import main; main()"
_NO_JITTER = "import random; random.random = lambda: 0.02\n"


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left when it ended."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        """What it printed as JSON, after it succeeded."""
        assert self.code == 0, self.err
        facts: dict[str, Any] = json.loads(self.out)
        return facts


class HubProcess(HubUnderTest):
    """A hub that `rongan-hub serve` runs in a process of its own, on the machine's clock."""

    def __init__(self, home: Path, workers: int = 1) -> None:
        self._port = free_port()
        self.workers = workers
        self._served = False
        self.process: subprocess.Popen[str] | None = None
        self.enrolment_port = 0
        plan = Plan(
            trust_domain=TRUST_DOMAIN,
            address=f"127.0.0.1:{self._port}",
            enrolment_address="127.0.0.1:0",
        )
        found_hub(home, plan, SystemClock())
        super().__init__(home, SystemClock())

    @property
    def target(self) -> str:
        """Where it listens."""
        return f"localhost:{self._port}"

    @property
    def enrolment_target(self) -> str:
        """Where it enrols; another port at every start."""
        return f"localhost:{self.enrolment_port}"

    @property
    def port(self) -> int:
        """Where it listens, on the loopback."""
        return self._port

    def launch(self) -> subprocess.Popen[str]:
        """Starts the process and does not wait for it."""
        words = ("--home", str(self.home), "--json", "serve", "--workers", str(self.workers))
        with (self.home / "stderr.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _HUB, *words],
                cwd=ROOT,
                env=clean_environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self.process

    def start(self) -> None:
        """Starts the process and waits until it says that it serves.

        A port that was free a moment ago may be taken by now. A hub that nobody knows yet then
        takes another; one that clients come back to tries its own again.
        """
        for _ in range(START_TRIES):
            said = self.said()
            line = first_line(self.launch())
            if "serving" in line:
                self._served = True
                self.enrolment_port = int(json.loads(line)["enrolment"].rpartition(":")[2])
                return
            self.kill()
            fault = self.said().removeprefix(said)
            assert "cannot listen" in fault, line + fault
            if not self._served:
                self._move()
        pytest.fail(fault)

    def stop(self) -> None:
        """Closes every channel, asks the process to end and sees that it does so in order."""
        self._close_channels()
        if self.process is None:
            return
        self.process.terminate()
        assert self._reap() == 0, (self.home / "stderr.log").read_text()

    def kill(self) -> None:
        """Kills it at once, all of it; channels find out by themselves."""
        self.kill_supervisor()
        self.await_family()

    def kill_supervisor(self) -> None:
        """Kills the process that was launched and nothing else."""
        assert self.process is not None
        self.process.kill()
        self._reap()

    def await_end(self) -> int:
        """Waits until it ends by itself; returns its exit code."""
        return self._reap()

    def await_family(self) -> None:
        """Waits until every process of a killed hub has ended."""
        folder = os.open(self.settings.data_directory, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
        finally:
            os.close(folder)

    def children(self) -> dict[str, int]:
        """Lists the processes of the hub by name."""
        assert self.process is not None
        return children_of(self.process.pid)

    def kill_child(self, name: str) -> int:
        """Kills one process of the hub at once; returns how often it had come back before."""
        times = self._comebacks(name)
        os.kill(self.children()[name], signal.SIGKILL)
        return times

    def await_child(self, name: str, times: int) -> None:
        """Waits until a process has come back once more than so many times."""
        end = time.monotonic() + START_SECONDS
        while self._comebacks(name) <= times:
            assert time.monotonic() < end, f"{name} does not come back"
            time.sleep(0.02)

    def _comebacks(self, name: str) -> int:
        return self.said().count(f"{name} serves again")

    def revive(self) -> None:
        """Starts a killed hub again and connects its operators anew."""
        self._close_channels()
        self.start()
        self.alice, self.bob = self.operator("alice"), self.operator("bob")

    def agree(self, partner_id: str, **terms: object) -> int:
        """Proposes and approves an agreement that holds now."""
        today = shanghai_day(self.clock.now())
        return super().agree(partner_id, **{"start_day": today - 1, "end_day": today + 60, **terms})

    def credentials(self, partner_id: str, **terms: object) -> Path:
        """Makes a partner with certificate and agreement; returns the folder of its files."""
        self.create_partner(partner_id)
        minted = self.pki.partner(partner_id)
        self.register(minted)
        self.agree(partner_id, **terms)
        folder = self.home.parent / partner_id
        write_credentials(folder, minted, self.pki.hub_roots_pem)
        return folder

    def dial(self, folder: Path, target: str = "", policy: RetryPolicy = PROMPT) -> Client:
        """Makes a client of the SDK that retries promptly."""
        credentials = Credentials.from_directory(folder)
        return Client(target or self.target, credentials, retry=policy, stream_retry=policy)

    def rejoin(self, folder: Path) -> Minted:
        """Reads a partner's certificate back, to connect with stubs."""
        return Minted((folder / CERTIFICATE_FILE).read_bytes(), (folder / KEY_FILE).read_bytes())

    def connect_at(self, target: str, minted: Minted) -> Stubs:
        """Connects with a certificate by way of another address, such as a proxy's."""
        chain, key = minted.certificate_chain_pem, minted.key_pem
        credentials = grpc.ssl_channel_credentials(self.pki.hub_roots_pem, key, chain)
        channel = grpc.secure_channel(target, credentials)
        self._channels.append(channel)
        return Stubs(channel)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Opens the ledger for reading, from outside the hub."""
        with Ledger(self.settings.data_directory, writable=False) as ledger:
            yield ledger

    def entries(self) -> list[Entry]:
        """Reads the whole audit log."""
        with self.ledger() as ledger, ledger.read() as txn:
            return [parse_entry(raw) for _, raw in list_entries(txn)]

    def command(self, *words: str) -> Done:
        """Runs `rongan-hub` on its home."""
        return run_hub_command(self.home, *words)

    def said(self) -> str:
        """Reads what its processes wrote to stderr."""
        log = self.home / "stderr.log"
        return log.read_text() if log.exists() else ""

    def _close_channels(self) -> None:
        for channel in self._channels:
            channel.close()
        self._channels.clear()

    def _move(self) -> None:
        """Takes another port."""
        file, before = self.home / "hub.toml", f'"127.0.0.1:{self._port}"'
        self._port = free_port()
        text = file.read_text()
        assert before in text
        file.write_text(text.replace(before, f'"127.0.0.1:{self._port}"'))

    def _reap(self) -> int:
        assert self.process is not None
        try:
            return self.process.wait(START_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None


@contextmanager
def hub_process(home: Path, workers: int = 1) -> Iterator[HubProcess]:
    """Runs a new hub for a block; it is killed if it does not end by itself."""
    hub = HubProcess(home, workers)
    try:
        yield hub
        hub.stop()
    finally:
        if hub.process is not None:
            hub.kill()


@dataclass(frozen=True, slots=True)
class Rongan:
    """The command `rongan` as a partner runs it.

    Attributes:
        target: Which hub, ``HOST:PORT``.
        folder: The partner's credentials.
    """

    target: str
    folder: Path

    def run(self, *words: str) -> Done:
        """Runs a command to its end."""
        with self.launch(*words) as process:
            return finish(process)

    def launch(self, *words: str, patient: bool = True) -> subprocess.Popen[str]:
        """Starts a command.

        Args:
            words: Its words.
            patient: Waits between tries as it always does; else hardly.
        """
        program = _RONGAN if patient else _NO_JITTER + _RONGAN
        shared = ("--hub", self.target, "--credentials", str(self.folder), "--json")
        return subprocess.Popen(
            [sys.executable, "-c", program, *shared, *words],
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def finish(process: subprocess.Popen[str]) -> Done:
    """Waits for a command; kills it if it takes too long."""
    try:
        out, err = process.communicate(timeout=2 * START_SECONDS)
    finally:
        process.kill()
    return Done(process.returncode, out, err)


def run_hub_command(home: Path, *words: str) -> Done:
    """Runs `rongan-hub` on a home, to its end."""
    return run_program(_HUB, "--home", str(home), *words)


def run_program(program: str, *words: str) -> Done:
    """Runs a Python program of one line with arguments."""
    with subprocess.Popen(
        [sys.executable, "-c", program, *words],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        return finish(process)


def write_credentials(folder: Path, minted: Minted, hub_roots_pem: bytes) -> None:
    """Writes the files that a partner keeps."""
    folder.mkdir(mode=0o700)
    (folder / CERTIFICATE_FILE).write_bytes(minted.certificate_chain_pem)
    (folder / ROOTS_FILE).write_bytes(hub_roots_pem)
    key = folder / KEY_FILE
    key.touch(mode=0o600)
    key.write_bytes(minted.key_pem)


def first_line(process: subprocess.Popen[str]) -> str:
    """Waits for the first line of a process; empty if it ended without one."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    assert ready, "the process said nothing in time"
    return process.stdout.readline()


def free_port() -> int:
    """Finds a port of the loopback that nobody listens on.

    It lies below those that systems give to outgoing connections, so that none of them takes it
    while a hub is down.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as opened, suppress(OSError):
            opened.bind(("127.0.0.1", port))
            return port


def clean_environment() -> dict[str, str]:
    """Leaves out what a developer may have set for the commands."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RONGAN_")}
    return {**kept, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


def days_ahead(count: int) -> str:
    """Returns a date to come, as rows write it."""
    return (datetime.now(UTC) + timedelta(days=count)).date().isoformat()
