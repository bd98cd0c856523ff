"""An enrolment: the right of a partner to one certificate, proved by a secret."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import msgspec

SECRET_BYTES = 32
"""Length of the secret."""

ENROLMENT_LIFE = timedelta(hours=24)
"""How long a secret may be used."""


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a partner's enrolment; a partner has one at a time.

    Attributes:
        partner_id: The partner.
        secret_digest: SHA-256 of the secret, which is random and long, so needs no salt.
        expires_ns: Until when it may be used, nanoseconds since 1970-01-01 UTC.
        spki_digest: SHA-256 of the key that used it first, and alone may use it again; empty until
            then.
    """

    partner_id: str
    secret_digest: bytes
    expires_ns: int
    spki_digest: bytes = b""


def digest_secret(secret: bytes) -> bytes:
    """Returns what is kept of a secret."""
    return hashlib.sha256(secret).digest()
