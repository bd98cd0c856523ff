"""Lists of revoked certificates, for whoever checks certificates without asking the hub."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.ca.issue import Issuer

LIST_LIFE = timedelta(days=7)
"""From a list to the time by which the next one is there; a new one is made every day."""


class Revoked(NamedTuple):
    """A certificate that is shut out.

    Attributes:
        serial: Its serial number.
        since: Since when.
    """

    serial: int
    since: datetime


def make_revocation_list(issuer: Issuer, revoked: Iterable[Revoked], *, now: datetime) -> bytes:
    """Signs a complete list of what an authority revoked, DER.

    Args:
        issuer: The authority.
        revoked: Its revoked certificates that have not ended.
        now: The instant; also the number of the list, so that a later one has a higher number.

    Source: RFC 5280 section 5.
    """
    key = issuer.private_key
    this_update = now.replace(microsecond=0)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(this_update)
        .next_update(this_update + LIST_LIFE)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .add_extension(x509.CRLNumber(int(now.timestamp() * 1_000_000)), critical=False)
    )
    for each in sorted(revoked):
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(each.serial)
            .revocation_date(min(each.since, this_update).replace(microsecond=0))
            .build()
        )
    algorithm = hashes.SHA384() if isinstance(key.curve, ec.SECP384R1) else hashes.SHA256()
    signed = builder.sign(key, algorithm, ecdsa_deterministic=True)
    return signed.public_bytes(Encoding.DER)
