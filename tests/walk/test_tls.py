"""What TLS itself lets in: one version, one kind of suite, no resumption past the walk."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from rongan_share.processes import worker
from rongan_share.v1 import operator_service_pb2 as operator_pb
from tests.support.bare_tls import call_once, connect, context_of, headers
from tests.support.hub import HubUnderTest, running_hub
from tests.support.pki import Minted
from tests.walk.asking import advance, check, entries_from, fresh, log_size, question

UNAUTHENTICATED = "16"
OPENSSL = shutil.which("openssl")
WAIT_MS = 600
"""Time for a handshake, in place of the 5 s of service."""

OLD = {
    "TLS 1.0": ("-tls1", "-cipher", "ALL:@SECLEVEL=0"),
    "TLS 1.1": ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
    "TLS 1.2": ("-tls1_2",),
    "TLS 1.2, CBC": ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"),
    "TLS 1.2, RSA key exchange": ("-tls1_2", "-cipher", "AES256-GCM-SHA384:@SECLEVEL=0"),
    "TLS 1.2, the suite of the list": ("-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"),
    "TLS 1.2, no encryption": ("-tls1_2", "-cipher", "NULL:@SECLEVEL=0"),
}


@pytest.fixture(scope="module")
def minted(hub: HubUnderTest) -> Minted:
    """The certificate of a partner."""
    hub.create_partner("v-partner")
    minted = hub.pki.partner("v-partner")
    hub.register(minted)
    hub.agree("v-partner")
    return minted


@pytest.fixture
def context(hub: HubUnderTest, minted: Minted, tmp_path: Path) -> ssl.SSLContext:
    """What connections of the partner share."""
    return context_of(minted, hub.pki.hub_roots_pem, tmp_path / "client")


@pytest.fixture
def shake(hub: HubUnderTest, context: ssl.SSLContext, tmp_path: Path) -> list[str]:
    """The words of an openssl client of the partner."""
    if OPENSSL is None:
        pytest.skip("there is no openssl")
    folder = tmp_path / "client"
    target = ("-connect", f"127.0.0.1:{hub.hub.port}", "-servername", "localhost", "-alpn", "h2")
    files = ("-cert", str(folder / "chain.pem"), "-key", str(folder / "secret.pem"))
    return [OPENSSL, "s_client", *target, *files]


def said(words: list[str], typed: str = "", seconds: float = 0.0) -> str:
    """Runs openssl, types something, waits, and returns what it says."""
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdin is not None
        time.sleep(seconds)
        out, _ = process.communicate(typed.encode(), timeout=20)
    # It prints what the hub sends as well, which is no text.
    return out.decode(errors="replace")


@pytest.mark.parametrize("old", OLD, ids=str)
def test_older_than_tls13_is_refused(shake: list[str], old: str) -> None:
    """No version below 1.3 and none of its suites is agreed on. trust: T11."""
    assert "Cipher is (NONE)" in said([*shake, *OLD[old]])


def test_tls13_is_agreed_on(shake: list[str]) -> None:
    """The same client gets in by TLS 1.3, so the refusals are of what was offered. trust: T11."""
    assert "TLSv1.3, Cipher is TLS_" in said(shake)


def test_nothing_is_renegotiated(shake: list[str]) -> None:
    """There is no renegotiation to begin, and asking for one ends the connection. trust: T13."""
    told = said(shake, typed="R\n", seconds=0.2)
    assert "TLSv1.3" in told
    assert "Secure Renegotiation IS NOT supported" in told


def test_no_early_data(shake: list[str], tmp_path: Path) -> None:
    """Tickets allow no 0-RTT data: none is sent, so none is processed. trust: T13."""
    ticket, early = tmp_path / "ticket.pem", tmp_path / "early"
    early.write_bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    told = said([*shake, "-sess_out", str(ticket)], seconds=0.3)
    assert "Max Early Data: 0" in told
    told = said([*shake, "-sess_in", str(ticket), "-early_data", str(early)], seconds=0.1)
    assert "Reused, TLSv1.3" in told
    assert "Early data was not sent" in told


def test_ticket_is_no_way_around_the_walk(
    hub: HubUnderTest, minted: Minted, context: ssl.SSLContext
) -> None:
    """A resumed session of an ended, then revoked, certificate is refused by us. trust: T8."""
    message = question(fresh()).SerializeToString()
    with connect(context, hub.hub.port) as connection:
        answer, _ = call_once(connection, headers(), message)
        ticket = connection.session
    assert answer
    assert ticket is not None
    life = minted.certificate.not_valid_after_utc - hub.clock.now() + timedelta(seconds=1)
    advance(hub, seconds=life.total_seconds())
    try:
        assert resumed(hub, context, ticket) == "CERTIFICATE_EXPIRED"
    finally:
        advance(hub, seconds=-life.total_seconds())
    serial = f"{minted.certificate.serial_number:x}"
    hub.alice.operators.RevokeCertificate(
        operator_pb.RevokeCertificateRequest(serial_hex=serial, reason="lost")
    )
    assert resumed(hub, context, ticket) == "CERTIFICATE_REVOKED"


def resumed(hub: HubUnderTest, context: ssl.SSLContext, ticket: ssl.SSLSession) -> str:
    """Makes a call on a session that is resumed; returns why it was refused."""
    before = log_size(hub)
    message = question(fresh()).SerializeToString()
    with connect(context, hub.hub.port, ticket) as connection:
        assert connection.session_reused
        answer, trailers = call_once(connection, headers(), message)
    assert (answer, trailers["grpc-status"]) == (b"", UNAUTHENTICATED)
    (entry,) = [each for each in entries_from(hub, before) if each.kind == "REFUSAL"]
    return entry.decision


@pytest.fixture
def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubUnderTest]:
    """A hub that gives a handshake less time than one in service does."""
    options = dict(worker.SERVER_OPTIONS)
    assert options["grpc.server_handshake_timeout_ms"] == 5_000
    options["grpc.server_handshake_timeout_ms"] = WAIT_MS
    monkeypatch.setattr(worker, "SERVER_OPTIONS", tuple(options.items()))
    with running_hub(tmp_path / "hasty") as hub:
        yield hub


def test_half_open_connections_end(hasty: HubUnderTest, tmp_path: Path) -> None:
    """Silent, slow and TLS-only connections end in time, others are served on. trust: T12."""
    hasty.create_partner("v-slow")
    minted = hasty.pki.partner("v-slow")
    hasty.register(minted)
    hasty.agree("v-slow")
    port, honest = hasty.hub.port, hasty.connect(minted)
    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(200)
        ]
        slow = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        dripping = threading.Thread(target=drip, args=(slow,))
        dripping.start()
        # Past TLS, but without a word of HTTP/2.
        mute = connect(context_of(minted, hasty.pki.hub_roots_pem, tmp_path / "mute"), port)
        stack.callback(mute.close)
        began = time.monotonic()
        assert check(honest, fresh()).entry_index
        assert all(is_ended(each) for each in [*silent, slow, mute])
        assert time.monotonic() - began < 10 * WAIT_MS / 1_000
        assert check(honest, fresh()).entry_index
        dripping.join()


def drip(connection: socket.socket) -> None:
    """Sends a hello byte by byte until nobody takes it."""
    try:
        for byte in bytes.fromhex("16030100f0010000ec0303") + bytes(200):
            connection.sendall(bytes([byte]))
            time.sleep(WAIT_MS / 10_000)
    except OSError:
        pass


def is_ended(connection: socket.socket) -> bool:
    """Waits until the other end has ended a connection."""
    connection.settimeout(10)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True
