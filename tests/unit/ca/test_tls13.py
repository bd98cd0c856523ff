from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.pki import TestPki

RSA_SUITE = "ECDHE-RSA-AES256-GCM-SHA384"
"""The only TLS 1.2 suite offered; an ECDSA certificate cannot serve it, so TLS 1.3 is left."""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""What an HTTP/2 client sends first: preface and empty SETTINGS. Source: RFC 9113 section 3.4."""


def handshake(port: int, pki: TestPki, folder: Path, *, version: ssl.TLSVersion) -> str:
    """Connects with exactly one version of TLS; gives the version once the server has spoken."""
    client = pki.partner("bank-a")
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(client.certificate_chain_pem)
    key.write_bytes(client.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pki.hub_roots_pem.decode())
    context.load_cert_chain(chain, key)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        secure.sendall(PREFACE)
        # In TLS 1.3 the client is done before the server has judged it: only its answer tells.
        if not secure.recv(9):
            raise ConnectionResetError
        return secure.version() or ""


@pytest.fixture(scope="module")
def port(start_server: Callable[[str | None], int]) -> int:
    """A server as the hub starts it."""
    return start_server(RSA_SUITE)


def test_tls_1_3_works(port: int, pki: TestPki, tmp_path: Path) -> None:
    """With the RSA suite and an ECDSA certificate a TLS 1.3 client is served."""
    assert handshake(port, pki, tmp_path, version=ssl.TLSVersion.TLSv1_3) == "TLSv1.3"


def test_tls_1_2_is_refused(port: int, pki: TestPki, tmp_path: Path) -> None:
    """With the RSA suite and an ECDSA certificate a TLS 1.2 client gets no handshake."""
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        handshake(port, pki, tmp_path, version=ssl.TLSVersion.TLSv1_2)


def test_tls_1_2_would_work_without_the_suite(
    start_server: Callable[[str | None], int], pki: TestPki, tmp_path: Path
) -> None:
    """The refusal comes from the suite and from nothing else: without it TLS 1.2 is served."""
    port = start_server(None)
    assert handshake(port, pki, tmp_path, version=ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
