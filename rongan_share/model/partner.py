"""Partners, operators and their certificates."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class PartnerState(IntEnum):
    """Where a partner stands; numbers of ``operator_service.proto``."""

    ACTIVE = 1
    SUSPENDED = 2
    TERMINATED = 3


class PartnerKind(IntEnum):
    """What kind of institution a partner is; numbers of ``operator_service.proto``."""

    UNSPECIFIED = 0
    BANK = 1
    ENTERPRISE = 2


class HolderKind(IntEnum):
    """What a certificate names; numbers of ``operator_service.proto``. A hub calls nobody."""

    PARTNER = 1
    OPERATOR = 2
    HUB = 3


class CertificateState(IntEnum):
    """Whether a certificate opens the door; numbers of ``operator_service.proto``."""

    ACTIVE = 1
    REVOKED = 2
    INTENDED = 3
    NEXT = 4
    RETIRING = 5

    @property
    def opens(self) -> bool:
        """Whether it opens the door, as far as its dates do."""
        return self in _OPENING


_OPENING = (CertificateState.ACTIVE, CertificateState.NEXT, CertificateState.RETIRING)


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an institution that shares through the hub.

    Attributes:
        partner_id: 1 to 64 characters of a-z, 0-9 and hyphen.
        number: The hub's own number, from 1; stands in journal values.
        state: Where it stands.
        version: From 1, one more with each change.
        display_name: For people.
        reason: Why it is in this state.
        kind: What kind of institution it is.
        english_name: For people; empty = not known.
        credit_code: Unified social credit code, 18 characters; empty = not known.
        region: Division code (GB/T 2260), 6 digits; empty = not known.
        contact: How to reach whoever answers for it there; empty = not known.
    """

    partner_id: str
    number: int
    state: PartnerState
    version: int
    display_name: str
    reason: str = ""
    kind: PartnerKind = PartnerKind.UNSPECIFIED
    english_name: str = ""
    credit_code: str = ""
    region: str = ""
    contact: str = ""


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """A person who runs the hub.

    Attributes:
        operator_id: Same form as a partner id.
        enabled: Whether the operator may act.
    """

    operator_id: str
    enabled: bool = True


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A client certificate that the hub knows.

    Attributes:
        fingerprint: SHA-256 of the leaf's DER, 32 bytes.
        serial_hex: Serial number, lower-case hexadecimal.
        holder_kind: What it names.
        holder_id: Partner or operator id.
        not_after_ns: End of validity, nanoseconds since 1970-01-01 UTC.
        state: Whether it opens the door.
        version: From 1, one more with each change.
        reason: Why it was revoked.
        not_before_ns: Start of validity; 0 of one that was registered before it was kept.
        retire_ns: Until when it opens the door although another has followed it; 0 otherwise.
        follows: Fingerprint of the one that it was issued to follow; empty for none.
    """

    fingerprint: bytes
    serial_hex: str
    holder_kind: HolderKind
    holder_id: str
    not_after_ns: int
    state: CertificateState
    version: int
    reason: str = ""
    not_before_ns: int = 0
    retire_ns: int = 0
    follows: bytes = b""
