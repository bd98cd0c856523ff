"""What a listener shows and demands: a certificate, and whom it trusts; changed files are taken up.

gRPC takes whatever it is given and tells only the peer that it did not work, so files are checked
here. Files that are changed while the hub serves are checked like those at its start; if they may
not be used, what was used before stays, and the fault is counted and told.
"""

from __future__ import annotations

import itertools
import logging
import os
import stat
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from rongan_share.clock import Clock, SystemClock
from rongan_share.errors import StartRefusedError
from rongan_share.services.hub import TlsState

if TYPE_CHECKING:
    from rongan_share.config import TlsSettings

_CURVES = (ec.SECP256R1, ec.SECP384R1)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerFiles:
    """Where a listener's files are, all PEM.

    Attributes:
        certificate_chain: Its leaf and the intermediate above.
        private_key: The leaf's key.
        client_roots: What client certificates must chain to; None where clients show none.
        appended: Certificates that are shown after the chain, for clients to pick a root from.
    """

    certificate_chain: Path
    private_key: Path
    client_roots: Path | None = None
    appended: tuple[Path, ...] = ()

    @classmethod
    def of_main(cls, tls: TlsSettings) -> ListenerFiles:
        """Names the files of the main listener; every client must show a certificate."""
        return cls(
            certificate_chain=tls.certificate_chain,
            private_key=tls.private_key,
            client_roots=tls.client_roots,
        )

    def stamps(self) -> tuple[_Stamp | None, ...]:
        """Says by what each file is known from another one in its place."""
        roots = () if self.client_roots is None else (self.client_roots,)
        paths = (self.certificate_chain, self.private_key, *roots, *self.appended)
        return tuple(_stamp(path) for path in paths)


class ListenerCredentials:
    """The credentials of a listener, which follow its files.

    Args:
        files: Where they are.
        clock: Tells the time for the certificates' dates: the machine's, as clients read it too,
            whatever a rehearsal makes the hub's.

    Raises:
        StartRefusedError: A file may not be used; the text says why.
    """

    def __init__(self, files: ListenerFiles, clock: Clock | None = None) -> None:
        self._files = files
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        # Taken before the files are read: what changes meanwhile is looked at again.
        self._seen = files.stamps()
        self._used, chain_der = read_configuration(files, self._clock.now())
        self._state = TlsState(generation=1, chain_der=chain_der)

    def refresh(self) -> TlsState:
        """Takes changed files up if they may be used; returns how things stand."""
        with self._lock:
            found = self._files.stamps()
            if found != self._seen:
                self._seen = found
                self._take_up()
            return self._state

    def for_server(self) -> grpc.ServerCredentials:
        """Makes what a port is opened with; it is asked at every handshake."""
        self.refresh()
        shown = self._used

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            nonlocal shown
            self.refresh()
            # Told only what is new: each time gRPC makes new keys for its tickets.
            if self._used is shown:
                return None
            shown = self._used
            return shown

        return grpc.dynamic_ssl_server_credentials(
            shown,
            fetch,  # type: ignore[arg-type]  # its published type forgets the None of "as before"
            require_client_authentication=self._files.client_roots is not None,
        )

    def _take_up(self) -> None:
        state = self._state
        try:
            self._used, chain_der = read_configuration(self._files, self._clock.now())
        except StartRefusedError as error:
            self._state = state._replace(error=str(error), error_count=state.error_count + 1)
            _log.error("changed files of the listener are not used: %s", error)
        else:
            self._state = state._replace(
                generation=state.generation + 1, error="", chain_der=chain_der
            )
            _log.info("changed files of the listener are used generation=%d", state.generation + 1)


class Configuration(NamedTuple):
    """What a listener shows and demands, checked.

    Attributes:
        for_server: The same for gRPC.
        chain_der: The certificates that are shown, the hub's own first, DER.
    """

    for_server: grpc.ServerCertificateConfiguration
    chain_der: tuple[bytes, ...]


def read_configuration(files: ListenerFiles, now: datetime) -> Configuration:
    """Reads and checks what a listener shows and demands.

    Each file is read once: what is shown is what was checked, even if the file is replaced
    meanwhile.

    Raises:
        StartRefusedError: A file is missing, malformed or open to others, key and certificate do
            not match, a certificate is not valid now, the chain does not hold together, or the key
            would let TLS 1.2 in.
    """
    chain_pem, key_pem = read_file(files.certificate_chain), _read_key(files.private_key)
    chain = _parse_certificates(files.certificate_chain, chain_pem)
    key = _parse_key(files.private_key, key_pem)
    if chain[0].public_key() != key.public_key():
        raise StartRefusedError(f"{files.private_key} does not belong to {files.certificate_chain}")
    _verify_chain(files.certificate_chain, chain)
    _verify_dates(files.certificate_chain, chain, now)
    shown = [chain_pem]
    for path in files.appended:
        shown.append(read_file(path))
        _parse_certificates(path, shown[-1])
    roots = None
    if files.client_roots is not None:
        roots = read_file(files.client_roots)
        trusted = _parse_certificates(files.client_roots, roots)
        if not any(is_valid(each, now) for each in trusted):
            raise StartRefusedError(f"{files.client_roots} holds no certificate that is valid now")
    for_server = grpc.ssl_server_certificate_configuration(
        [(key_pem, b"\n".join(shown))], root_certificates=roots
    )
    chain_der = tuple(each.public_bytes(Encoding.DER) for each in chain)
    return Configuration(for_server, chain_der)


def load_certificate(path: Path) -> x509.Certificate:
    """Reads the first certificate of a PEM file.

    Raises:
        StartRefusedError: There is none.
    """
    return load_certificates(path)[0]


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Reads every certificate of a PEM file.

    Raises:
        StartRefusedError: There is none, or one that cannot be read.
    """
    return _parse_certificates(path, read_file(path))


def _parse_certificates(path: Path, content: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise StartRefusedError(f"{path} holds no certificate in PEM") from None


def read_file(path: Path) -> bytes:
    """Reads a file.

    Raises:
        StartRefusedError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartRefusedError(f"cannot read {path}: {error.strerror}") from None


def _read_key(path: Path) -> bytes:
    """Reads a key; the open file is asked for its mode, so that nobody can swap it in between."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise StartRefusedError(f"{path} may be read by others; set its mode to 0600")
            return file.read()
    except OSError as error:
        raise StartRefusedError(f"cannot read {path}: {error.strerror}") from None


def _parse_key(path: Path, content: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        raise StartRefusedError(f"{path} holds no private key in PEM") from None
    # Only an ECDSA certificate leaves TLS 1.2 without a suite; see `tls_policy`.
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StartRefusedError(f"{path} is no elliptic-curve key")
    if not isinstance(key.curve, _CURVES):
        raise StartRefusedError(f"{path} is no key of P-256 or P-384")
    return key


def is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    """Tells whether a certificate's dates hold an instant."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _verify_chain(path: Path, chain: list[x509.Certificate]) -> None:
    for below, above in itertools.pairwise(chain):
        try:
            below.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature):
            raise StartRefusedError(
                f"{path}: each certificate must be signed by the one after it"
            ) from None


def _verify_dates(path: Path, chain: list[x509.Certificate], now: datetime) -> None:
    for each in chain:
        if now > each.not_valid_after_utc:
            ended = each.not_valid_after_utc.isoformat()
            raise StartRefusedError(f"{path}: a certificate has expired on {ended}")
        if now < each.not_valid_before_utc:
            begins = each.not_valid_before_utc.isoformat()
            raise StartRefusedError(f"{path}: a certificate is valid only from {begins}")


class _Stamp(NamedTuple):
    """What changes when a file is written, replaced or given another mode."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _Stamp(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
