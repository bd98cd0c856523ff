"""An issuance: what is to be signed, settled in the ledger before it is, and what came of it."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from enum import IntEnum

import msgspec

from rongan_share.model.partner import HolderKind
from rongan_share.model.profiles import ProfileName

INTENT_LIFE = timedelta(hours=24)
"""How long an intent may be signed; later the same request makes a new one, with new dates."""

CLOCKS_APART = timedelta(minutes=5)
"""How far an intent may lie ahead of the clock of whoever goes on with it."""

PROFILES = {
    HolderKind.PARTNER: ProfileName.PARTNER,
    HolderKind.OPERATOR: ProfileName.OPERATOR,
    HolderKind.HUB: ProfileName.HUB,
}
"""What each kind of holder's certificate may contain."""

_ID_DIGITS = 32


class IssuanceState(IntEnum):
    """How far an issuance is."""

    INTENDED = 1
    ISSUED = 2
    VOID = 3


class Cause(IntEnum):
    """What an issuance follows from."""

    ENROLMENT = 1
    RENEWAL = 2
    OPERATOR = 3
    HUB = 4


class CertifiedKey(msgspec.Struct, frozen=True, kw_only=True):
    """Which key is to be certified for whom.

    Attributes:
        holder_kind: What the certificate is to name.
        holder_id: Partner or operator id; empty for a hub.
        host_names: DNS names and IP addresses of a hub; empty for others.
        spki_digest: SHA-256 of the key's SubjectPublicKeyInfo, DER.
    """

    holder_kind: HolderKind
    holder_id: str
    host_names: tuple[str, ...]
    spki_digest: bytes

    @property
    def issuance_id(self) -> str:
        """Names it: the same key asked for again for the same holder is the same issuance."""
        words = (self.holder_kind.name, self.holder_id, *self.host_names)
        told = "|".join(words).encode() + b"|" + self.spki_digest
        return hashlib.sha256(told).hexdigest()[:_ID_DIGITS]


class Issuance(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an issuance; the newest under an id is the one that counts.

    Attributes:
        key: Which key is to be certified for whom.
        request_der: The certificate request as it came, DER.
        serial_hex: Serial number that the certificate gets, lower-case hexadecimal.
        not_before_ns: Its first second, nanoseconds since 1970-01-01 UTC.
        not_after_ns: Its last second.
        state: How far it is.
        cause: What it follows from.
        certificate_der: The certificate, once it is issued; else empty.
        entry_index: Place of the entry in the audit log that says so of it.
    """

    key: CertifiedKey
    request_der: bytes
    serial_hex: str
    not_before_ns: int
    not_after_ns: int
    state: IssuanceState
    cause: Cause
    certificate_der: bytes = b""
    entry_index: int = 0

    @property
    def issuance_id(self) -> str:
        """Its id in the ledger."""
        return self.key.issuance_id

    @property
    def facts(self) -> dict[str, str]:
        """What its entries say of it."""
        key = self.key
        return {
            "issuance": self.issuance_id,
            "holder": key.holder_id or ",".join(key.host_names),
            "profile": PROFILES[key.holder_kind].value,
            "serial": self.serial_hex,
            "spki_sha256": key.spki_digest.hex(),
            "cause": self.cause.name.lower(),
        }
