"""Intents: what is settled before a certificate is signed, and how what was signed is taken.

Shared by the calls that ask for certificates and by the keeper, who asks for the hub's own.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rongan_share.clock import instant_of, nanoseconds
from rongan_share.errors import Reason, RonganError
from rongan_share.ledger.committer import Placement, time_ns
from rongan_share.ledger.objects import put_object
from rongan_share.model.issuance import (
    CLOCKS_APART,
    INTENT_LIFE,
    PROFILES,
    Cause,
    CertifiedKey,
    Issuance,
    IssuanceState,
)
from rongan_share.model.partner import Certificate, CertificateState, HolderKind
from rongan_share.model.profiles import BACKDATE, load_profile
from rongan_share.model.refusals import IssueRefusedError
from rongan_share.model.requests import check_request_der
from rongan_share.services.call import malformed

if TYPE_CHECKING:
    from datetime import datetime

    from rongan_share.ledger.environment import Transaction

Write = Callable[["Transaction", Placement], None]
"""An effect."""

_FIRST_DIGIT = "4567"
_SERIAL_DIGITS = 32
_log = logging.getLogger(__name__)


def certified_key(
    kind: HolderKind, holder_id: str, *, host_names: tuple[str, ...], request_der: bytes
) -> CertifiedKey:
    """Takes from a request the key that is to be certified for a holder.

    Raises:
        RonganError: REQUEST_MALFORMED with the first rule that the request breaks.
    """
    try:
        checked = check_request_der(request_der, profile=load_profile(PROFILES[kind]))
    except IssueRefusedError as error:
        raise malformed("request_der", str(error)) from None
    spki = checked.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return CertifiedKey(
        holder_kind=kind,
        holder_id=holder_id,
        host_names=host_names,
        spki_digest=hashlib.sha256(spki).digest(),
    )


def intend(key: CertifiedKey, request_der: bytes, *, cause: Cause, now: datetime) -> Issuance:
    """Settles what is to be signed: serial number and dates."""
    intended = now.replace(microsecond=0)
    first, last = load_profile(PROFILES[key.holder_kind]).validity(intended)
    return Issuance(
        key=key,
        request_der=request_der,
        serial_hex=_serial_hex(),
        not_before_ns=nanoseconds(first),
        not_after_ns=nanoseconds(last),
        state=IssuanceState.INTENDED,
        cause=cause,
    )


def goes_on(issuance: Issuance, now: datetime) -> bool:
    """Whether an intent may still be signed; not one of a clock that was ahead, for days maybe."""
    age = now - instant_of(issuance.not_before_ns) - BACKDATE
    return issuance.state is IssuanceState.INTENDED and -CLOCKS_APART <= age < INTENT_LIFE


def register(
    issuance: Issuance, leaf_der: bytes, *, issuers: Iterable[bytes]
) -> tuple[Issuance, Certificate]:
    """Takes what was signed, if it is what was intended; returns both as they are to be written.

    Raises:
        RonganError: SIGNER_UNAVAILABLE: the signer gave something else.
    """
    try:
        leaf = x509.load_der_x509_certificate(leaf_der)
        spki = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        given: tuple[object, ...] = (
            f"{leaf.serial_number:x}",
            hashlib.sha256(spki).digest(),
            nanoseconds(leaf.not_valid_before_utc),
            nanoseconds(leaf.not_valid_after_utc),
        )
    except ValueError:
        given = ()
    wanted = (
        issuance.serial_hex,
        issuance.key.spki_digest,
        issuance.not_before_ns,
        issuance.not_after_ns,
    )
    if given != wanted or issuer_among(issuers, leaf_der) is None:
        _log.error("the signer gave another certificate issuance=%s", issuance.issuance_id)
        raise RonganError(Reason.SIGNER_UNAVAILABLE)
    certificate = Certificate(
        fingerprint=hashlib.sha256(leaf_der).digest(),
        serial_hex=issuance.serial_hex,
        holder_kind=issuance.key.holder_kind,
        holder_id=issuance.key.holder_id,
        not_before_ns=issuance.not_before_ns,
        not_after_ns=issuance.not_after_ns,
        state=CertificateState.ACTIVE,
        version=1,
    )
    issued = msgspec.structs.replace(issuance, state=IssuanceState.ISSUED, certificate_der=leaf_der)
    return issued, certificate


def issuer_among(issuers: Iterable[bytes], leaf_der: bytes) -> bytes | None:
    """Returns which authority signed a certificate, DER; None if it was none of them."""
    leaf = x509.load_der_x509_certificate(leaf_der)
    for issuer_der in issuers:
        try:
            leaf.verify_directly_issued_by(x509.load_der_x509_certificate(issuer_der))
        except (ValueError, TypeError, InvalidSignature):
            continue
        return issuer_der
    return None


def put_issuance(issuance: Issuance) -> Write:
    """Returns the effect that writes a version of an issuance, with the place of its entry."""
    return lambda txn, placement: put_object(
        txn,
        msgspec.structs.replace(issuance, entry_index=placement.entry_index),
        object_id=issuance.issuance_id,
        time_ns=time_ns(placement),
        sequence=placement.sequence,
    )


def _serial_hex() -> str:
    """Chooses a serial number: 125 random bits, positive, without leading zeros."""
    return secrets.choice(_FIRST_DIGIT) + secrets.token_hex(_SERIAL_DIGITS)[: _SERIAL_DIGITS - 1]
