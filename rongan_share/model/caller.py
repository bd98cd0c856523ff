"""Who is calling."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rongan_share.model.partner import HolderKind


@dataclass(frozen=True, slots=True)
class ClaimedCaller:
    """What a certificate says of its holder; TLS proved key and chain, nothing else is proved yet.

    Attributes:
        kind: Partner or operator, from the URI name.
        caller_id: The id in the URI name.
        fingerprint: SHA-256 of the leaf's DER.
        serial_hex: Serial number, lower-case hexadecimal.
        not_before: Start of validity.
        not_after: End of validity.
    """

    kind: HolderKind
    caller_id: str
    fingerprint: bytes
    serial_hex: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller whose certificate is registered, valid and not revoked.

    Attributes:
        kind: Partner or operator.
        caller_id: Its id.
        serial_hex: Serial number of the certificate, for the audit log.
        fingerprint: SHA-256 of the certificate's DER; empty for one who shows none.
    """

    kind: HolderKind
    caller_id: str
    serial_hex: str
    fingerprint: bytes = b""


NOBODY = Caller(HolderKind.PARTNER, "", "")
"""Whoever shows no certificate, until a secret proves who it is."""
