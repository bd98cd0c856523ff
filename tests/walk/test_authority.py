from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, StreamEnded, StreamReset

from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from tests.support.hub import HubUnderTest
from tests.support.pki import Minted
from tests.walk.asking import TIMEOUT, entries_from, fresh, log_size, question

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


CLAIMS: dict[str, Headers] = {
    "authority": headers(authority="b-other"),
    "authority of a URI": headers(authority="rongan.test"),
    "host": headers(("host", "b-other")),
    "id in metadata": headers(("x-partner-id", "b-other")),
    "id twice": headers(("x-partner-id", "b-caller"), ("x-partner-id", "b-other")),
    "certificate in metadata": headers(
        ("x-forwarded-client-cert", "URI=spiffe://rongan.test/partner/b-other"),
        ("x509_common_name", "b-other"),
    ),
    "authority twice": [*headers()[:4], (":authority", "b-other"), *headers()[4:]],
}


@pytest.fixture(scope="module")
def caller(hub: HubUnderTest) -> Minted:
    """The certificate of a partner; another partner exists to be claimed."""
    hub.partner("b-other")
    hub.create_partner("b-caller")
    minted = hub.pki.partner("b-caller")
    hub.register(minted)
    hub.agree("b-caller")
    return minted


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_headers_claim_in_vain(
    hub: HubUnderTest, caller: Minted, tmp_path: Path, claim: str
) -> None:
    """Whatever headers claim, a call is the certificate holder's own, or is not served at all."""
    before = log_size(hub)
    message = question(fresh()).SerializeToString()
    answered = call(connected(hub, caller, tmp_path), CLAIMS[claim], message)
    assert {entry.caller_id for entry in entries_from(hub, before)} <= {"b-caller"}
    if answered:
        index = verdict_pb.CheckSubjectResponse.FromString(answered[5:]).entry_index
        assert entries_from(hub, index)[0].caller_id == "b-caller"
    assert answered or claim == "authority twice"


def connected(hub: HubUnderTest, minted: Minted, folder: Path) -> ssl.SSLSocket:
    """Opens a TLS connection with a certificate."""
    chain, key = folder / "chain.pem", folder / "secret.pem"
    chain.write_bytes(minted.certificate_chain_pem)
    key.write_bytes(minted.key_pem)
    context = ssl.create_default_context(cadata=hub.pki.hub_roots_pem.decode())
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols(["h2"])
    plain = socket.create_connection(("127.0.0.1", hub.hub.port), TIMEOUT)
    return context.wrap_socket(plain, server_hostname="localhost")


def call(connection: ssl.SSLSocket, head: Headers, message: bytes) -> bytes:
    """Makes one call with headers as they are; returns the answer, empty if refused."""
    config = H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    protocol = H2Connection(config)
    protocol.initiate_connection()
    protocol.send_headers(1, head)
    protocol.send_data(1, b"\x00" + len(message).to_bytes(4, "big") + message, end_stream=True)
    answer = b""
    with connection:
        connection.sendall(protocol.data_to_send())
        while received := connection.recv(65_536):
            events = protocol.receive_data(received)
            answer += b"".join(each.data for each in events if isinstance(each, DataReceived))
            connection.sendall(protocol.data_to_send())
            if any(ends(event) for event in events):
                break
    return answer


def ends(event: Event) -> bool:
    """Tells whether an event is the last of a call."""
    return isinstance(event, StreamEnded | StreamReset | ConnectionTerminated)
