"""Checks of a hub that runs: who listens at its port, and what a client meets there."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from grpc_health.v1 import health_pb2, health_pb2_grpc

from partner_sdk.credentials import CERTIFICATE_FILE, KEY_FILE, Credentials, CredentialsError
from partner_sdk.errors import SdkError, from_rpc_error
from rongan_share.ca import Hierarchy
from rongan_share.cli.doctor.findings import Finding, failed, good, warned
from rongan_share.cli.health import DEADLINE_SECONDS, PROBE_FOLDER
from rongan_share.errors import StartRefusedError
from rongan_share.processes.listener import load_certificate
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rongan_share.cli.options import Options
    from rongan_share.config import Settings

_LISTENING = "0A"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_NOT_BORNE = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""

_SERVING = health_pb2.HealthCheckResponse.SERVING


def check_serving(options: Options, settings: Settings) -> Iterator[Finding]:
    """Looks at the hub's port, and if somebody listens there, at what a client is shown."""
    if not options.hub and settings.listen.address.endswith(":0"):
        yield good("port", "port_open_choice")
        return
    target = options.target()
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), DEADLINE_SECONDS).close()
    except OSError as error:
        yield good("port", "nobody_listens", target=target, cause=error.strerror or error)
        return
    yield good("port", "somebody_listens", target=target, who=_who(int(port)) or "-")
    try:
        shown = _shake_hands(options, target)
    except (OSError, StartRefusedError) as error:
        yield failed("handshake", "no_handshake", target=target, cause=error)
        return
    if not shown.bears_host:
        yield _host_not_borne(host.strip("[]"), shown)
        return
    yield from _compare(settings, shown)
    yield from _ask(options, target)


class _Shown(NamedTuple):
    """What a client sees of the listener.

    Attributes:
        version: Of TLS.
        cipher: The suite that was agreed.
        certificate_der: The listener's own.
        bears_host: Whether that bears the host by which the listener was called.
    """

    version: str
    cipher: str
    certificate_der: bytes
    bears_host: bool


def _shake_hands(options: Options, target: str) -> _Shown:
    """Meets the listener as any client does; returns what it saw."""
    context = _context(options)
    try:
        return _meet(context, target)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code not in _NOT_BORNE:
            raise
    # Again, to see which names it bears instead.
    context.check_hostname = False
    return _meet(context, target)


def _context(options: Options) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=Hierarchy(options.home).hub_roots)
    context.set_alpn_protocols(["h2"])
    folder = _folder(options)
    if folder is not None:
        context.load_cert_chain(folder / CERTIFICATE_FILE, folder / KEY_FILE)
    # As partners judge: a name that is none of the alternative names is anybody's.
    context.hostname_checks_common_name = False
    return context


def _meet(context: ssl.SSLContext, target: str) -> _Shown:
    host, _, port = target.rpartition(":")
    host = host.strip("[]")
    with (
        closing(socket.create_connection((host, int(port)), DEADLINE_SECONDS)) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        cipher = connection.cipher()
        return _Shown(
            version=connection.version() or "",
            cipher=cipher[0] if cipher else "",
            certificate_der=connection.getpeercert(binary_form=True) or b"",
            bears_host=context.check_hostname,
        )


def _host_not_borne(host: str, shown: _Shown) -> Finding:
    names = _names(x509.load_der_x509_certificate(shown.certificate_der))
    wanted = " ".join(f"--hub-name {name}" for name in [*names, host])
    return failed(
        "handshake", "host_not_borne", host=host, names=", ".join(names) or "-", wanted=wanted
    )


def _compare(settings: Settings, shown: _Shown) -> Iterator[Finding]:
    if shown.version != "TLSv1.3":
        yield failed("handshake", "old_tls", version=shown.version)
        return
    leaf = load_certificate(settings.tls.certificate_chain)
    if shown.certificate_der != leaf.public_bytes(Encoding.DER):
        yield warned("handshake", "other_certificate", path=settings.tls.certificate_chain)
        return
    yield good("handshake", "handshake_ok", version=shown.version, cipher=shown.cipher)


def _ask(options: Options, target: str) -> Iterator[Finding]:
    """Asks the hub itself, as far as there are credentials for it."""
    folder = _folder(options)
    if folder is None:
        yield good("serving", "no_credentials")
        return
    try:
        files = Credentials.from_directory(folder)
        answer = _health(target, files)
        if answer != _SERVING:
            yield failed("serving", "not_serving", state=answer)
            return
        yield good("serving", "serving_ok")
        if options.operator:
            yield from _check_status(options)
    except (CredentialsError, SdkError) as error:
        yield failed("serving", "no_answer", cause=error)


def _folder(options: Options) -> Path | None:
    """Takes the operator's credentials where one is named, else the probe's if there are any."""
    if options.operator:
        return Hierarchy(options.home).operator(options.operator).certificate.parent
    folder = options.home / PROBE_FOLDER
    return folder if folder.is_dir() else None


def _check_status(options: Options) -> Iterator[Finding]:
    with options.connect() as hub:
        answer = hub.call(lambda stub: stub.GetHubStatus, pb.GetHubStatusRequest())
    if answer.tls_error:
        yield failed("taken_up", "not_taken_up", cause=answer.tls_error)
    else:
        yield good("taken_up", "taken_up", generation=answer.tls_generation)


def _health(target: str, files: Credentials) -> int:
    with grpc.secure_channel(target, files.for_channel()) as channel:
        # The published types of this stub leave its methods out.
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
    status: int = answer.status
    return status


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = names.get_values_for_type(x509.IPAddress)
    return [*names.get_values_for_type(x509.DNSName), *map(str, addresses)]


def _who(port: int) -> str:
    """Names the processes that listen at a port of this machine, as far as one may know."""
    inodes = {f"socket:[{inode}]" for table in _TABLES for inode in _listening(table, port)}
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) in inodes:
                process = link.parents[1]
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                found.add(f"{name} {process.name}")
        except OSError:
            continue
    return ", ".join(sorted(found))


def _listening(table: Path, port: int) -> Iterator[str]:
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
            yield fields[9]
