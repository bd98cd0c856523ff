"""Calls over a bare TLS connection, for what gRPC's own client would never send or tell."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, StreamEnded, StreamReset

from tests.support.pki import Minted

TIMEOUT = 20.0
"""Seconds after which a connection of a test is lost."""

Headers = list[tuple[str, str]]

PATH = "/rongan_share.v1.VerdictService/CheckSubject"


def headers(*extra: tuple[str, str], authority: str = "localhost") -> Headers:
    """Makes the headers of a call."""
    return [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", PATH),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        *extra,
    ]


def context_of(minted: Minted, roots_pem: bytes, folder: Path) -> ssl.SSLContext:
    """Makes what connections of a client share; its tickets are good for all of them."""
    folder.mkdir(exist_ok=True)
    chain, key = folder / "chain.pem", folder / "secret.pem"
    chain.write_bytes(minted.certificate_chain_pem)
    key.write_bytes(minted.key_pem)
    context = ssl.create_default_context(cadata=roots_pem.decode())
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols(["h2"])
    return context


def connect(
    context: ssl.SSLContext, port: int, session: ssl.SSLSession | None = None
) -> ssl.SSLSocket:
    """Opens a TLS connection on the loopback."""
    plain = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    return context.wrap_socket(plain, server_hostname="localhost", session=session)


def call(connection: ssl.SSLSocket, head: Headers, message: bytes) -> bytes:
    """Makes one call with headers as they are, ends the connection; returns the answer's bytes."""
    answer, _ = call_once(connection, head, message)
    connection.close()
    return answer


def call_once(
    connection: ssl.SSLSocket, head: Headers, message: bytes
) -> tuple[bytes, dict[str, str]]:
    """Makes one call on a fresh connection; returns the answer's bytes and the trailers."""
    config = H2Configuration(
        validate_outbound_headers=False,
        normalize_outbound_headers=False,
        header_encoding="utf-8",
    )
    protocol = H2Connection(config)
    protocol.initiate_connection()
    protocol.send_headers(1, head)
    protocol.send_data(1, b"\x00" + len(message).to_bytes(4, "big") + message, end_stream=True)
    answer = b""
    trailers: dict[str, str] = {}
    connection.sendall(protocol.data_to_send())
    while received := connection.recv(65_536):
        events = protocol.receive_data(received)
        answer += b"".join(each.data for each in events if isinstance(each, DataReceived))
        for each in events:
            trailers.update(getattr(each, "headers", ()))
        connection.sendall(protocol.data_to_send())
        if any(ends(event) for event in events):
            break
    return answer, trailers


def ends(event: Event) -> bool:
    """Tells whether an event is the last of a call."""
    return isinstance(event, StreamEnded | StreamReset | ConnectionTerminated)
