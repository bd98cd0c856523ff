"""Certificates that no library signs any more: of version 1, or over SHA-1.

A good certificate is taken apart in DER, changed, and signed anew by the same authority.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.ca import Issuer
from tests.support.pki import Minted

_SEQUENCE, _BIT_STRING = 0x30, 0x03
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_LONG_FORM = 0x80
# AlgorithmIdentifier of ecdsa-with-SHA1, 1.2.840.10045.4.1 (RFC 3279 section 2.2.3).
_ECDSA_SHA1 = bytes.fromhex("300906072a8648ce3d0401")


def of_version_1(minted: Minted, issuer: Issuer) -> Minted:
    """Takes away what version 1 did not have: the version's own field, and extensions."""
    parts = [part for part in _body(minted) if part[0] not in {_VERSION, _EXTENSIONS}]
    algorithm = parts[1]
    return _signed(parts, algorithm, issuer=issuer, digest=hashes.SHA256(), minted=minted)


def over_sha1(minted: Minted, issuer: Issuer) -> Minted:
    """Signs the same content over SHA-1."""
    parts = _body(minted)
    parts[2] = _ECDSA_SHA1
    return _signed(parts, _ECDSA_SHA1, issuer=issuer, digest=hashes.SHA1(), minted=minted)


def _signed(
    parts: Sequence[bytes],
    algorithm: bytes,
    *,
    issuer: Issuer,
    digest: hashes.HashAlgorithm,
    minted: Minted,
) -> Minted:
    body = _element(_SEQUENCE, b"".join(parts))
    signature = issuer.private_key.sign(body, ec.ECDSA(digest))
    leaf = _element(_SEQUENCE, body + algorithm + _element(_BIT_STRING, b"\x00" + signature))
    # It may not even load as a certificate, so its PEM is not left to the library that reads those.
    pem = ssl.DER_cert_to_PEM_cert(leaf).encode()
    return Minted(pem + issuer.certificate.public_bytes(Encoding.PEM), minted.key_pem)


def _body(minted: Minted) -> list[bytes]:
    """Splits what is signed into its elements."""
    body = minted.certificate.tbs_certificate_bytes
    start, end = _content(body)
    parts = []
    while start < end:
        _, after = _content(body, start)
        parts.append(body[start:after])
        start = after
    return parts


def _content(der: bytes, at: int = 0) -> tuple[int, int]:
    """Finds where the content of the element at a place begins and ends."""
    length, at = der[at + 1], at + 2
    if length >= _LONG_FORM:
        size = length - _LONG_FORM
        length, at = int.from_bytes(der[at : at + size], "big"), at + size
    return at, at + length


def _element(kind: int, content: bytes) -> bytes:
    length = len(content)
    if length < _LONG_FORM:
        return bytes((kind, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((kind, _LONG_FORM + size)) + length.to_bytes(size, "big") + content
