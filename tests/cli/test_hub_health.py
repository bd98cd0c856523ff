"""The command ``rongan-hub health``, which a container's engine runs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from partner_sdk import make_key_and_request
from rongan_share.ca import Hierarchy
from rongan_share.cli.health import PROBE_FOLDER
from tests.cli.hub_process import RunningHub, make_hub, run_hub, serving


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """One hub for all tests of this file."""
    home = tmp_path_factory.mktemp("health") / "home"
    assert make_hub(home).code == 0
    with serving(home) as running:
        yield running


@contextmanager
def stopping_hub(home: Path) -> Iterator[str]:
    """Listens with a hub's certificate and says what a hub says while it stops."""
    files = Hierarchy(home).hub
    server = grpc.server(ThreadPoolExecutor(1))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    credentials = grpc.ssl_server_credentials(
        [(files.key.read_bytes(), files.certificate.read_bytes())],
        root_certificates=files.roots.read_bytes(),
        require_client_auth=True,
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def test_operator_is_told_that_the_hub_serves(hub: RunningHub) -> None:
    """With an operator's credentials a serving hub is SERVING, and nothing is entered for it."""
    before = hub.run("--json", "status").facts["entry_count"]
    assert hub.run("--json", "health").facts == {"state": "SERVING"}
    # The one entry is that of the first status.
    assert hub.run("--json", "status").facts["entry_count"] == before + 1


def test_probe_needs_no_agreement(hub: RunningHub) -> None:
    """A certificate that opens nothing else is enough, and is found in the home."""
    words = ("--hub", hub.address, "health")
    missing = run_hub(hub.home, *words)
    assert (missing.code, missing.out) == (2, "")
    assert str(hub.home / PROBE_FOLDER) in missing.err
    folder = hub.home / PROBE_FOLDER
    folder.mkdir()
    _, request = make_key_and_request(folder, "probe")
    assert hub.run("partner", "add", "probe", "--name", "probe").code == 0
    issued = hub.run(
        *("cert", "issue", "--partner", "probe", "--csr", str(request)),
        *("--out", str(folder / "certificate.pem"), "--roots-out", str(folder / "roots.pem")),
    )
    assert issued.code == 0
    assert run_hub(hub.home, *words).out.split() == ["state", "SERVING"]
    elsewhere = run_hub(hub.home, *words, "--credentials", str(folder), lang="zh_CN.UTF-8")
    assert elsewhere.out.split() == ["状态", "SERVING"]


def test_hub_that_stops_is_not_healthy(hub: RunningHub) -> None:
    """NOT_SERVING is told as such and ends with 3, as a hub that is not there does."""
    with stopping_hub(hub.home) as address:
        done = run_hub(hub.home, "--as", "alice", "--hub", address, "health")
    assert done.code == 3
    assert done.out.split() == ["state", "NOT_SERVING"]
    absent = run_hub(hub.home, "--as", "alice", "--hub", "127.0.0.1:1", "health")
    assert (absent.code, absent.out) == (3, "")
