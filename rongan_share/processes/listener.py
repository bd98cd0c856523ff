"""What the main listener shows and demands: the hub's certificate, and whom it trusts.

gRPC takes whatever it is given and tells only the peer that it did not work, so files are checked
here.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from rongan_share.errors import StartRefusedError

if TYPE_CHECKING:
    from rongan_share.config import TlsSettings


def server_credentials(tls: TlsSettings) -> grpc.ServerCredentials:
    """Makes the listener's credentials; every client must show a certificate.

    Raises:
        StartRefusedError: A file is missing, malformed or open to others, key and certificate do
            not match, or the key would let TLS 1.2 in.
    """
    leaf = load_certificate(tls.certificate_chain)
    key = _load_key(tls.private_key)
    # Only an ECDSA certificate leaves TLS 1.2 without a suite; see `tls_policy`.
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StartRefusedError(f"{tls.private_key} is no elliptic-curve key")
    if leaf.public_key() != key.public_key():
        raise StartRefusedError(f"{tls.private_key} does not belong to {tls.certificate_chain}")
    load_certificate(tls.client_roots)
    return grpc.ssl_server_credentials(
        [(read_file(tls.private_key), read_file(tls.certificate_chain))],
        root_certificates=read_file(tls.client_roots),
        require_client_auth=True,
    )


def load_certificate(path: Path) -> x509.Certificate:
    """Reads the first certificate of a PEM file.

    Raises:
        StartRefusedError: There is none.
    """
    try:
        return x509.load_pem_x509_certificate(read_file(path))
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


def _load_key(path: Path) -> object:
    content = read_file(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StartRefusedError(f"{path} may be read by others; set its mode to 0600")
    try:
        return load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        raise StartRefusedError(f"{path} holds no private key in PEM") from None
