"""Whoever answers in the hub's place: a typed error in time, and `doctor` says why.

trust: D1, D2.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from partner_sdk import Client, Credentials, RetryPolicy, UnavailableError
from partner_sdk.clock import utc_now
from partner_sdk.doctor import Finding, State, examine
from tests.support.odd_hubs import ODD_HUBS, common_name_only
from tests.support.pki import TestPki
from tests.support.processes import free_port, write_credentials
from tests.support.tls_server import Answer, context_for, tls_server

SECONDS = 0.5
ONCE = RetryPolicy(tries=1)


@pytest.fixture(scope="module", name="pki")
def one_pki(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    """The authorities of the hub that is meant."""
    return TestPki.create(tmp_path_factory.mktemp("pki"), now=utc_now())


@pytest.fixture(scope="module", name="folder")
def good_folder(pki: TestPki, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Credentials with nothing wrong."""
    folder = tmp_path_factory.mktemp("files") / "bank-a"
    write_credentials(folder, pki.partner("bank-a"), pki.hub_roots_pem)
    return folder


def failed_at(target: str, folder: Path) -> Finding:
    """Examines, and returns the one step that failed; what comes after it is left out."""
    findings = list(examine(target, folder, timeout_seconds=SECONDS))
    failed = [finding for finding in findings if finding.fails]
    assert len(failed) == 1, findings
    after = findings[findings.index(failed[0]) + 1 :]
    assert {finding.state for finding in after} <= {State.NOT_CHECKED}
    return failed[0]


def refused_in_time(target: str, folder: Path) -> UnavailableError:
    """Calls through the SDK: an error of its own, soon after the deadline at the latest."""
    credentials = Credentials.from_directory(folder)
    began = time.monotonic()
    with (
        Client(target, credentials, timeout_seconds=SECONDS, retry=ONCE) as client,
        pytest.raises(UnavailableError) as caught,
    ):
        client.usage()
    assert time.monotonic() - began < SECONDS + 1.0
    assert caught.value.reason is None
    return caught.value


@pytest.mark.parametrize("way", ODD_HUBS)
def test_bad_certificates(pki: TestPki, folder: Path, tmp_path: Path, way: str) -> None:
    """Each bad certificate is refused by the SDK, which sends it nothing, and named."""
    make, cause = ODD_HUBS[way]
    with tls_server(context_for(tmp_path, make(pki))) as server:
        refused_in_time(server.target, folder)
        assert failed_at(server.target, folder).cause == cause
        assert not server.received


def test_common_name(pki: TestPki, folder: Path, tmp_path: Path) -> None:
    """A common name is no name, though gRPC itself takes it where there is no other."""
    with tls_server(context_for(tmp_path, common_name_only(pki))) as server:
        refused_in_time(server.target, folder)
        assert failed_at(server.target, folder).cause == "hub_other_name"


def test_another_hub(folder: Path, tmp_path: Path) -> None:
    """The hub of other authorities is named as that, with who signed it."""
    stranger = TestPki.create(tmp_path / "stranger", now=utc_now())
    with tls_server(context_for(tmp_path, stranger.hub)) as server:
        refused_in_time(server.target, folder)
        found = failed_at(server.target, folder)
    assert found.cause == "hub_other_root"
    assert "rongan-share root" in found.values["issuer"]


def say_nothing(_: ssl.SSLSocket) -> None:
    """Keeps the connection open."""


def say_garbage(secure: ssl.SSLSocket) -> None:
    """Answers as another protocol would."""
    secure.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "cause"), [(say_nothing, "hub_silent"), (say_garbage, "no_http2")]
)
def test_no_hub_behind_tls(
    pki: TestPki, folder: Path, tmp_path: Path, answer: Answer, cause: str
) -> None:
    """A good certificate, and then silence or garbage."""
    with tls_server(context_for(tmp_path, pki.hub), answer) as server:
        refused_in_time(server.target, folder)
        assert failed_at(server.target, folder).cause == cause


@contextmanager
def plain_server(banner: bytes) -> Iterator[str]:
    """Listens without TLS; says a banner and stays."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def accept() -> None:
            try:
                while True:
                    connection, _ = listener.accept()
                    connection.sendall(banner)
                    kept.append(connection)
            except OSError:
                return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"localhost:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for connection in kept:
            connection.close()


@pytest.mark.parametrize(
    ("banner", "cause", "away"),
    [(b"", "tls_silent", True), (b"SSH-2.0-OpenSSH_9.6\r\n", "no_tls", False)],
)
def test_no_tls(folder: Path, banner: bytes, cause: str, *, away: bool) -> None:
    """Whoever takes the connection and speaks no TLS."""
    with plain_server(banner) as target:
        refused_in_time(target, folder)
        found = failed_at(target, folder)
    assert (found.cause, found.unreachable) == (cause, away)


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        (f"localhost:{free_port()}", "connection_refused"),
        ("no-such-host.invalid:7443", "name_unknown"),
    ],
)
def test_nobody_there(folder: Path, target: str, cause: str) -> None:
    """Nobody listens, or nobody has the name: unreachable, each for its reason."""
    found = failed_at(target, folder)
    assert (found.cause, found.unreachable) == (cause, True)


def test_nobody_answers(folder: Path) -> None:
    """Packets that are dropped, as by a firewall, cost the time and no more."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as stack:
        place = listener.getsockname()
        # A queue that is full drops what comes on top.
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(place)
        found = failed_at(f"127.0.0.1:{place[1]}", folder)
    assert (found.cause, found.unreachable) == ("connection_timeout", True)


def test_tls_of_another_time(pki: TestPki, folder: Path, tmp_path: Path) -> None:
    """Only an older TLS, or a client that may not speak the newer one's ciphers."""
    context = context_for(tmp_path, pki.hub)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with tls_server(context) as server:
        found = examine(server.target, folder, timeout_seconds=SECONDS)
        findings = {each.check: each for each in found}
        assert findings["tls"].cause == "tls_old"
        assert findings["tls"].state is State.WARNING
    context = context_for(tmp_path, pki.hub)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0")
    with tls_server(context) as server:
        assert failed_at(server.target, folder).cause == "tls_cipher"
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with tls_server(context) as server:
        assert failed_at(server.target, folder).cause == "tls_version"


@pytest.mark.parametrize(
    ("odd", "cause"),
    [("self_signed", "own_self_signed"), ("other_authority_same_name", "own_other_authority")],
)
def test_alerts(pki: TestPki, tmp_path: Path, odd: str, cause: str) -> None:
    """A server that says why it refuses a client is understood (trust: D2)."""
    write_credentials(tmp_path / "odd", getattr(pki, odd)("bank-a"), pki.hub_roots_pem)
    context = context_for(tmp_path, pki.hub)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=pki.hub_roots_pem.decode())
    with tls_server(context) as server:
        findings = {each.check: each for each in examine(server.target, tmp_path / "odd")}
    assert findings["authority"].cause == cause
    assert findings["acceptance"].cause == "alert_unknown_authority"
