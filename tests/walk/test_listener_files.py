"""Changed files of the listener are used while the hub serves, if they may be; else not."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Self

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.processes import listener
from rongan_share.processes.listener import ListenerCredentials, ListenerFiles
from rongan_share.v1 import operator_service_pb2 as operator_pb
from tests.support.bare_tls import call_once, connect, context_of, headers
from tests.support.clock import FakeClock, last_noon
from tests.support.hub import HubUnderTest, Stubs, running_hub
from tests.support.pki import Minted
from tests.walk.asking import TIMEOUT, check, fresh, opened, question, verdict_frame, verdict_open

RATE = 200
"""Calls a second of the load."""

CALLS_PER_CONNECTION = 20
"""So the load opens ten connections a second."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubUnderTest]:
    """A hub whose files a test may spoil."""
    with running_hub(tmp_path / "home") as running:
        yield running


def put(path: Path, content: bytes) -> None:
    """Puts a file in the place of another, as whole."""
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_bytes(content)
    new.replace(path)


def put_hub(hub: HubUnderTest, minted: Minted) -> None:
    """Gives the listener another certificate and key."""
    tls = hub.settings.tls
    put(tls.private_key, minted.key_pem)
    put(tls.certificate_chain, minted.certificate_chain_pem)


def status(hub: HubUnderTest) -> operator_pb.GetHubStatusResponse:
    """Asks how the hub is."""
    return hub.alice.operators.GetHubStatus(operator_pb.GetHubStatusRequest(), timeout=TIMEOUT)


def shown(hub: HubUnderTest) -> x509.Certificate:
    """Reads the certificate that a new connection is shown."""
    pem = ssl.get_server_certificate(("127.0.0.1", hub.hub.port), timeout=TIMEOUT)
    return x509.load_pem_x509_certificate(pem.encode())


class Load:
    """Calls at a steady rate, without retries, over ever new connections."""

    def __init__(self, hub: HubUnderTest, minted: Minted) -> None:
        self._hub, self._minted = hub, minted
        self._over = threading.Event()
        self.answered = 0
        self.failures: list[grpc.RpcError] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def await_more(self, count: int) -> None:
        """Waits for further calls."""
        aim, patience = self.answered + count, time.monotonic() + TIMEOUT
        while self.answered < aim and time.monotonic() < patience and not self.failures:
            time.sleep(0.01)

    def _run(self) -> None:
        due, number = time.monotonic(), 0
        while not self._over.wait(max(0.0, due - time.monotonic())):
            if number % CALLS_PER_CONNECTION == 0:
                stubs = self._connect()
            due, number = due + 1 / RATE, number + 1
            try:
                check(stubs, fresh())
                self.answered += 1
            except grpc.RpcError as error:
                self.failures.append(error)

    def _connect(self) -> Stubs:
        credentials = grpc.ssl_channel_credentials(
            self._hub.pki.hub_roots_pem, self._minted.key_pem, self._minted.certificate_chain_pem
        )
        options = (("grpc.use_local_subchannel_pool", 1),)
        channel = grpc.secure_channel(self._hub.target, credentials, options)
        self._hub._channels.append(channel)
        return Stubs(channel)


def test_swap_under_load_fails_no_call(hub: HubUnderTest, tmp_path: Path) -> None:
    """Certificate and client roots change under 200 calls/s and a stream: 0 fail. trust: T9."""
    hub.create_partner("t-busy")
    minted = hub.pki.partner("t-busy")
    hub.register(minted)
    hub.agree("t-busy")
    context = context_of(minted, hub.pki.hub_roots_pem, tmp_path / "client")
    successor = hub.pki.next_clients()
    roots = hub.settings.tls.client_roots
    caller = hub.connect(minted)
    old, new = shown(hub), hub.pki.next_hub()
    with Load(hub, minted) as load, opened(caller.verdicts.StreamVerdicts) as frames:
        assert frames.send(verdict_open(), verdict_frame(1, fresh())).not_listed_count == 1
        load.await_more(40)
        assert shown(hub) == old
        put_hub(hub, new)
        load.await_more(40)
        assert shown(hub) == new.certificate
        put(roots, hub.pki.client_roots_pem + successor.client_authority_pem)
        load.await_more(40)
        ticket = ticket_of(context, hub)
        assert resumes(context, hub, ticket)
        assert let_in(hub, successor.partner("t-busy"), tmp_path / "next")
        assert frames.send(verdict_frame(2, fresh())).not_listed_count == 1
        generation = status(hub).tls_generation
    assert load.failures == []
    assert generation == 3
    put(roots, successor.client_authority_pem)
    assert not resumes(context, hub, ticket)
    assert not let_in(hub, minted, tmp_path / "old")
    assert let_in(hub, successor.partner("t-busy"), tmp_path / "next")


def ticket_of(context: ssl.SSLContext, hub: HubUnderTest) -> ssl.SSLSession:
    """Makes a call and keeps the ticket of its connection."""
    with connect(context, hub.hub.port) as connection:
        answer, _ = call_once(connection, headers(), question(fresh()).SerializeToString())
        assert answer
        assert connection.session is not None
        return connection.session


def resumes(context: ssl.SSLContext, hub: HubUnderTest, ticket: ssl.SSLSession) -> bool:
    """Tells whether the hub takes a ticket in the place of a certificate."""
    with connect(context, hub.hub.port, ticket) as connection:
        return bool(connection.session_reused)


def let_in(hub: HubUnderTest, minted: Minted, folder: Path) -> bool:
    """Tells whether TLS lets a certificate in, whatever the walk says of it."""
    context = context_of(minted, hub.pki.hub_roots_pem, folder)
    with connect(context, hub.hub.port) as connection:
        try:
            _, trailers = call_once(connection, headers(), question(fresh()).SerializeToString())
        except ssl.SSLError:
            return False
    return "grpc-status" in trailers


def spoil_with(name: str, content: bytes) -> Callable[[HubUnderTest], None]:
    """Puts other content into one of the files."""

    def spoil(hub: HubUnderTest) -> None:
        put(getattr(hub.settings.tls, name), content)

    return spoil


def open_key(hub: HubUnderTest) -> None:
    """Lets everybody read the key."""
    hub.settings.tls.private_key.chmod(0o644)


def other_key(hub: HubUnderTest) -> None:
    """Puts a good key that belongs to another certificate."""
    put(hub.settings.tls.private_key, hub.pki.next_hub().key_pem)


def rsa_pair(hub: HubUnderTest) -> None:
    """Puts a certificate with an RSA key, with which TLS 1.2 would come in."""
    put_hub(hub, hub.pki.with_key("localhost", rsa.generate_private_key(65_537, 2_048)))


def expired_pair(hub: HubUnderTest) -> None:
    """Puts a certificate that ended yesterday."""
    put_hub(hub, hub.pki.expired("localhost"))


def broken_chain(hub: HubUnderTest) -> None:
    """Leaves the intermediate out and puts another authority there."""
    tls = hub.settings.tls
    leaf = hub.pki.hub.certificate.public_bytes(Encoding.PEM)
    put(tls.certificate_chain, leaf + hub.pki.client_authority_pem)


SPOILT: dict[str, tuple[Callable[[HubUnderTest], None], str]] = {
    "garbage chain": (spoil_with("certificate_chain", b"garbage"), "no certificate in PEM"),
    "empty chain": (spoil_with("certificate_chain", b""), "no certificate in PEM"),
    "garbage key": (spoil_with("private_key", b"garbage"), "no private key in PEM"),
    "empty roots": (spoil_with("client_roots", b""), "no certificate in PEM"),
    "other key": (other_key, "does not belong to"),
    "RSA pair": (rsa_pair, "is no elliptic-curve key"),
    "expired": (expired_pair, "a certificate has expired"),
    "broken chain": (broken_chain, "must be signed by the one after it"),
    "open key": (open_key, "may be read by others"),
}


def test_last_good_files_serve_on(hub: HubUnderTest, caplog: pytest.LogCaptureFixture) -> None:
    """Files that may not be used change nothing but the alarm, once each. trust: T10."""
    partner = hub.pki.partner("t-calm")
    hub.create_partner("t-calm")
    hub.register(partner)
    hub.agree("t-calm")
    good, leaf = hub.pki.hub, shown(hub)
    roots = hub.pki.client_roots_pem
    for number, (spoil, fault) in enumerate(SPOILT.values(), 1):
        caplog.clear()
        spoil(hub)
        assert shown(hub) == leaf
        assert check(hub.connect(partner), fresh()).entry_index
        told = [status(hub) for _ in range(2)][-1]
        assert fault in told.tls_error
        faults = [line for line in caplog.records if line.levelname == "ERROR"]
        assert len(faults) in (1, 2), "once for each file that changed"
        put(hub.settings.tls.client_roots, roots)
        put_hub(hub, good)
        told = status(hub)
        assert told.tls_error == ""
        assert told.tls_error_count >= number
    assert told.tls_generation == 1 + len(SPOILT)


def test_missing_file_is_told(hub: HubUnderTest) -> None:
    """A file that is gone is an alarm as well; the hub serves on."""
    path = hub.settings.tls.private_key
    path.rename(path.with_suffix(".away"))
    assert "cannot read" in status(hub).tls_error
    path.with_suffix(".away").rename(path)
    assert status(hub).tls_error == ""


def test_listener_without_client_certificates(hub: HubUnderTest, tmp_path: Path) -> None:
    """Another listener shows the root after its chain and asks clients for nothing."""
    tls = hub.settings.tls
    credentials = ListenerCredentials(
        ListenerFiles(
            certificate_chain=tls.certificate_chain,
            private_key=tls.private_key,
            appended=(hub.pki.hierarchy.hub_roots,),
        ),
        FakeClock(last_noon() + timedelta(minutes=1)),
    )
    server = grpc.server(None)  # type: ignore[arg-type]  # it answers no call
    port = server.add_secure_port("127.0.0.1:0", credentials.for_server())
    server.start()
    try:
        context = ssl.create_default_context(cadata=hub.pki.hub_roots_pem.decode())
        context.set_alpn_protocols(["h2"])
        with connect(context, port) as connection:
            chain = connection._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
        root = x509.load_pem_x509_certificate(hub.pki.hub_roots_pem)
        assert [each.public_bytes() for each in chain][-1].encode() == root.public_bytes(
            Encoding.PEM
        )
        assert len(chain) == 3
    finally:
        server.stop(None).wait()


def test_what_is_checked_is_what_is_shown(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is replaced while it is checked is not shown unchecked, nor told of."""
    tls = hub.settings.tls
    good = tls.certificate_chain.read_bytes()
    given: list[bytes] = []
    make = grpc.ssl_server_certificate_configuration

    def spoil(path: Path, chain: object) -> None:
        put(path, b"half a file")

    def keep(pairs: list[tuple[bytes, bytes]], **rest: bytes | None) -> object:
        given.append(pairs[0][1])
        return make(pairs, **rest)

    monkeypatch.setattr(listener, "_verify_chain", spoil)
    monkeypatch.setattr(grpc, "ssl_server_certificate_configuration", keep)
    state = ListenerCredentials(ListenerFiles.of_main(tls)).refresh()
    assert given == [good]
    leaf = x509.load_pem_x509_certificate(good)
    assert state.chain_der[0] == leaf.public_bytes(Encoding.DER)
    assert "holds no certificate in PEM" in state.error
