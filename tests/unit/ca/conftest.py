"""A hierarchy made once, and an echo server behind its hub certificate."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.pki import TestPki

ROOT = Path(__file__).resolve().parents[3]

CIPHERS = "GRPC_SSL_CIPHER_SUITES"

StartServer = Callable[[str | None], int]


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    """A hierarchy valid by the machine's clock, which TLS reads."""
    return TestPki.create(tmp_path_factory.mktemp("hierarchy"), now=datetime.now(UTC))


@contextmanager
def _echo_server(pki: TestPki, suites: str | None) -> Iterator[int]:
    environment = {name: value for name, value in os.environ.items() if name != CIPHERS}
    environment["PYTHONPATH"] = str(ROOT)
    if suites is not None:
        environment[CIPHERS] = suites
    files = pki.hierarchy.hub
    command = [sys.executable, "-m", "tests.support.echo_server"]
    command += [str(files.certificate), str(files.key), str(files.roots)]
    with subprocess.Popen(
        command,
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


@pytest.fixture(scope="session")
def start_server(pki: TestPki) -> Iterator[StartServer]:
    """Starts an echo server with the given TLS 1.2 suites, or gRPC's own, and gives its port."""
    with ExitStack() as servers:
        yield lambda suites: servers.enter_context(_echo_server(pki, suites))
