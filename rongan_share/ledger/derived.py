"""Keys for one purpose each, derived from a secret. Source: HKDF, RFC 5869."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand


def derive(secret: bytes, purpose: bytes) -> bytes:
    """Returns the key of 32 bytes for a purpose.

    Args:
        secret: 32 random bytes.
        purpose: Names what the key is for; no two uses share one.
    """
    expand = HKDFExpand(algorithm=hashes.SHA256(), length=32, info=b"rs1-hub|" + purpose)
    return expand.derive(secret)
