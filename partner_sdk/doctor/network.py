"""What stands between here and the hub, up to a handshake that both ends accept."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing
from typing import TYPE_CHECKING

from cryptography import x509

from partner_sdk.directory import CERTIFICATE_FILE, KEY_FILE
from partner_sdk.doctor.findings import Finding, failed, good, unreachable, warned
from partner_sdk.handshake import Address, chain_of, unverified_context, verified_context

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

_NO_VERSION = {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW"}
_NO_CIPHER = {
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "NO_SHARED_CIPHER",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "NO_CIPHERS_AVAILABLE",
}
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "BAD_RECORD_TYPE"}

_ALERTS = {
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "alert_expired",
    "TLSV1_ALERT_UNKNOWN_CA": "alert_unknown_authority",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "alert_revoked",
}
"""What servers other than a hub say of a client's certificate; a hub just closes."""

_OTHER_ROOT = {18, 19, 20, 21}
"""OpenSSL: self-signed, or signed by somebody unknown."""

_NOT_BEGUN, _ENDED, _OTHER_NAMES = 9, 10, {62, 64}
_SETTINGS_FRAME, _FRAME_HEADER_BYTES = 4, 9


def check_address(address: Address) -> Finding:
    """Looks the name up."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return unreachable("address", "name_unknown", host=address.host, error=_text(error))
    places = sorted({str(place[4][0]) for place in found})
    return good("address", "address_ok", host=address.host, places=", ".join(places))


def check_connection(address: Address, *, timeout_seconds: float) -> Finding:
    """Connects."""
    values = {"host": address.host, "port": address.port}
    try:
        address.connect(timeout_seconds=timeout_seconds).close()
    except ConnectionRefusedError:
        return unreachable("connection", "connection_refused", **values)
    except TimeoutError:
        return unreachable("connection", "connection_timeout", seconds=timeout_seconds, **values)
    except OSError as error:
        return unreachable("connection", "connection_failed", error=_text(error), **values)
    return good("connection", "connection_ok", **values)


def check_tls(address: Address, *, timeout_seconds: float) -> tuple[Finding, list[bytes]]:
    """Shakes hands with whoever is there; returns the certificates it shows too, DER."""
    try:
        with (
            closing(address.connect(timeout_seconds=timeout_seconds)) as plain,
            unverified_context().wrap_socket(plain, server_hostname=address.host) as secure,
        ):
            version, cipher, chain = secure.version(), secure.cipher(), list(chain_of(secure))
    except OSError as error:
        return _no_handshake(error), []
    values = {"version": version, "cipher": cipher[0] if cipher else "-"}
    if version != "TLSv1.3":
        return warned("tls", "tls_old", **values), chain
    return good("tls", "tls_ok", **values), chain


def _no_handshake(error: OSError) -> Finding:
    reason = getattr(error, "reason", None) or ""
    if isinstance(error, TimeoutError):
        return unreachable("tls", "tls_silent")
    if reason in _NO_TLS:
        return failed("tls", "no_tls")
    if reason in _NO_VERSION:
        return failed("tls", "tls_version")
    if reason in _NO_CIPHER:
        return failed("tls", "tls_cipher")
    if isinstance(error, (ssl.SSLEOFError, ConnectionError)):
        return failed("tls", "tls_closed")
    return failed("tls", "tls_failed", error=_text(error))


def check_hub_certificate(
    address: Address,
    roots_pem: bytes,
    chain: list[bytes],
    *,
    now: datetime,
    timeout_seconds: float,
) -> Finding:
    """Judges the hub's certificate as one who trusts these roots alone.

    Raises:
        ValueError: The roots are no certificates in PEM.
    """
    values, context = _facts(chain, address, now), verified_context(roots_pem)
    try:
        with (
            closing(address.connect(timeout_seconds=timeout_seconds)) as plain,
            context.wrap_socket(plain, server_hostname=address.host),
        ):
            return good("hub_certificate", "hub_certificate_ok", **values)
    except ssl.SSLCertVerificationError as error:
        return failed(
            "hub_certificate", _cause_of(error.verify_code), error=error.verify_message, **values
        )
    except OSError as error:
        return failed("hub_certificate", "tls_failed", error=_text(error))


def _cause_of(code: int) -> str:
    if code == _ENDED:
        return "hub_ended"
    if code == _NOT_BEGUN:
        return "hub_not_begun"
    if code in _OTHER_NAMES:
        return "hub_other_name"
    return "hub_other_root" if code in _OTHER_ROOT else "hub_unfit"


def check_acceptance(
    address: Address, directory: Path, *, sound: bool, timeout_seconds: float
) -> Finding:
    """Shows our certificate and reads whether the hub goes on: its settings, an alert or an end.

    Args:
        address: The hub's.
        directory: Where our certificate and key are.
        sound: Nothing was found wrong with them here.
        timeout_seconds: Time for each step.
    """
    context = unverified_context()
    context.load_cert_chain(directory / CERTIFICATE_FILE, directory / KEY_FILE)
    try:
        with (
            closing(address.connect(timeout_seconds=timeout_seconds)) as plain,
            context.wrap_socket(plain, server_hostname=address.host) as secure,
        ):
            # In TLS 1.3 a server judges the client after the client's side is done.
            answer = secure.recv(_FRAME_HEADER_BYTES)
    except TimeoutError:
        return unreachable("acceptance", "hub_silent", seconds=timeout_seconds)
    except ssl.SSLError as error:
        reason = error.reason or ""
        if "ALERT" in reason:
            return failed("acceptance", _ALERTS.get(reason, "alert_other"), alert=reason)
        answer = b""
    except OSError:
        answer = b""
    if not answer:
        return failed("acceptance", "refused_in_tls" if sound else "refused_in_tls_as_above")
    if len(answer) < _FRAME_HEADER_BYTES or answer[3] != _SETTINGS_FRAME:
        return failed("acceptance", "no_http2")
    return good("acceptance", "accepted")


def _facts(chain: list[bytes], address: Address, now: datetime) -> Mapping[str, object]:
    try:
        leaf = x509.load_der_x509_certificate(chain[0])
        begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
        top = x509.load_der_x509_certificate(chain[-1])
        names = _names(leaf)
    except (ValueError, IndexError):
        return {"host": address.host, "names": "-", "begins": "-", "ends": "-", "issuer": "-"}
    return {
        "host": address.host,
        "names": ", ".join(names) or "-",
        "begins": begins.isoformat(),
        "ends": ends.isoformat(),
        "issuer": top.issuer.rfc4514_string(),
        "now": now.isoformat(timespec="seconds"),
    }


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = names.get_values_for_type(x509.IPAddress)
    return [*names.get_values_for_type(x509.DNSName), *map(str, addresses)]


def _text(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or error)
