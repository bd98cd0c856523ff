"""Handshakes with a hub outside gRPC, which says of a failed one no more than that it failed.

Nothing is ever sent to the hub over these connections.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from partner_sdk.errors import SdkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HANDSHAKE_SECONDS = 5.0
"""Time to connect, to shake hands, and to read one answer, each."""

_PROTOCOLS = ["h2"]
_DER = 2
"""What `_ssl` calls ENCODING_DER."""


class HubNotRecognisedError(SdkError):
    """Whoever answers is not the hub that was meant; nothing was sent to it."""


class NoRootShownError(HubNotRecognisedError):
    """Whoever answers shows no root at all, as a hub does at the port for calls."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a hub listens.

    Attributes:
        host: Name or address, without brackets.
        port: Port number.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, target: str) -> Address:
        """Reads ``host:port``.

        Raises:
            ValueError: It is not that.
        """
        host, colon, port = target.rpartition(":")
        if not colon or not host or not port.isdecimal():
            raise ValueError("an address is HOST:PORT")
        return cls(host.strip("[]"), int(port))

    def connect(self, *, timeout_seconds: float = HANDSHAKE_SECONDS) -> socket.socket:
        """Connects; the same time holds for everything that is done on the socket.

        Raises:
            OSError: The name is unknown, nobody listens, or nobody answers.
        """
        return socket.create_connection((self.host, self.port), timeout=timeout_seconds)


def unverified_context() -> ssl.SSLContext:
    """Makes a context that believes whatever certificate it is shown; for looking, not for use."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(_PROTOCOLS)
    return context


def verified_context(roots_pem: bytes) -> ssl.SSLContext:
    """Makes a context that believes what hangs below these roots and bears the host's name.

    Raises:
        ValueError: They are no certificates in PEM.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=roots_pem.decode("ascii"))
    except ssl.SSLError:
        raise ValueError("no certificates in PEM") from None
    # A name that is none of the alternative names is anybody's.
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(_PROTOCOLS)
    return context


def shown_chain(address: Address, *, timeout_seconds: float = HANDSHAKE_SECONDS) -> list[bytes]:
    """Looks at the certificates that a server shows, DER, leaf first, without believing them.

    Raises:
        OSError: Nobody answers, or no handshake comes about (`ssl.SSLError`).
    """
    with (
        closing(address.connect(timeout_seconds=timeout_seconds)) as plain,
        unverified_context().wrap_socket(plain, server_hostname=address.host) as secure,
    ):
        return list(chain_of(secure))


def verify_hub(
    address: Address, roots_pem: bytes, *, timeout_seconds: float = HANDSHAKE_SECONDS
) -> None:
    """Shakes hands as one who trusts these roots alone.

    Raises:
        HubNotRecognisedError: Its certificate does not hang below them, is not valid now, or does
            not bear its name.
        OSError: Nobody answers, or no handshake comes about.
    """
    try:
        with (
            closing(address.connect(timeout_seconds=timeout_seconds)) as plain,
            verified_context(roots_pem).wrap_socket(plain, server_hostname=address.host),
        ):
            return
    except ssl.SSLCertVerificationError as error:
        raise HubNotRecognisedError(error.verify_message) from None


def chain_of(secure: ssl.SSLSocket) -> Iterator[bytes]:
    """Yields the certificates that the other end showed, DER, leaf first."""
    # Public from Python 3.13 on; before, the object below has it under the same name.
    holder: Any = secure
    if not hasattr(holder, "get_unverified_chain"):
        holder = holder._sslobj  # noqa: SLF001 - see above
    for certificate in cast("Sequence[Any]", holder.get_unverified_chain() or ()):
        yield (certificate if isinstance(certificate, bytes) else certificate.public_bytes(_DER))
