"""A partner's first step: a key that never leaves its machine, and a certificate request."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from partner_sdk.credentials import KEY_FILE

REQUEST_FILE = "request.pem"
"""The certificate request (PKCS #10) for the hub's operator."""


def make_key_and_request(directory: Path | str, name: str) -> tuple[Path, Path]:
    """Makes a P-256 key and a certificate request in a directory.

    An existing key is never replaced: the certificate issued for it would be lost with it.

    Args:
        directory: Where to write; made with mode 0700 if it does not exist.
        name: The partner id, 1 to 64 characters. It stands in the request as a hint for people:
            the name in the certificate is chosen by the hub's operators.

    Returns:
        The paths of the key (mode 0600) and of the request.

    Raises:
        FileExistsError: There is a key or a request already.
        OSError: The directory cannot be written.

    Source: RFC 2986.
    """
    folder = Path(directory)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .sign(key, hashes.SHA256())
    )
    key_path, request_path = folder / KEY_FILE, folder / REQUEST_FILE
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write_new(key_path, key_pem, mode=0o600)
    _write_new(request_path, request.public_bytes(Encoding.PEM), mode=0o644)
    return key_path, request_path


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
