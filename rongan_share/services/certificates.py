"""Certificates that the hub knows: how they are written, listed, and when they raise an alarm."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from cryptography import x509

from rongan_share.clock import nanoseconds
from rongan_share.errors import Reason, RonganError
from rongan_share.ledger.committer import Placement, time_ns
from rongan_share.ledger.objects import list_newest, put_object
from rongan_share.model.issuance import Issuance, IssuanceState
from rongan_share.model.partner import Certificate, CertificateState, HolderKind, PartnerState
from rongan_share.services.call import Call, Outcome, malformed
from rongan_share.services.pages import place_token, read_page_size, read_place_token
from rongan_share.services.timestamps import timestamp
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from rongan_share.ledger.environment import Transaction
    from rongan_share.model.registry import Registry

ALARM_DAYS = 30
"""Days before and after a certificate's end in which it raises an alarm."""

MOST_ALARMS = 100
"""Most alarms that a status names; it counts all of them."""

_DAY_NS = 86_400 * 1_000_000_000
_LIST = "certificates"
_TIME_BYTES, _SERIAL_BYTES, _FINGERPRINT_BYTES = 8, 32, 32
_PLACE_BYTES = _TIME_BYTES + _SERIAL_BYTES + _FINGERPRINT_BYTES


def put_certificate(txn: Transaction, certificate: Certificate, placement: Placement) -> None:
    """Writes a version of a certificate."""
    put_object(
        txn,
        certificate,
        object_id=certificate.fingerprint.hex(),
        time_ns=time_ns(placement),
        sequence=placement.sequence,
    )


def certificate_write(certificate: Certificate) -> Callable[[Transaction, Placement], None]:
    """Returns the effect that writes a version of a certificate."""
    return lambda txn, placement: put_certificate(txn, certificate, placement)


def list_certificates(call: Call, request: pb.ListCertificatesRequest) -> Outcome:
    """Answers ListCertificates.

    Raises:
        RonganError: REQUEST_MALFORMED, PAGE_TOKEN_INVALID, RESOURCE_NOT_FOUND.
    """
    size = read_page_size(request.page_size)
    if request.expiring_within_days < 0:
        raise malformed("expiring_within_days", "not negative")
    after = read_place_token(call, _LIST, request.page_token, length=_PLACE_BYTES)
    # An empty list of a mistyped holder would read as one of a holder without certificates.
    if request.holder_id and not _is_known(request.holder_id, call.registry):
        raise RonganError(Reason.RESOURCE_NOT_FOUND, resource="holder")
    known: Iterable[Certificate] = [*call.registry.certificates.values(), *_intended(call)]
    if request.expiring_within_days:
        now_ns = nanoseconds(call.now)
        last_ns = now_ns + request.expiring_within_days * _DAY_NS
        known = (each for each in _needed(call) if now_ns <= ends_ns(each) <= last_ns)
    if request.holder_id:
        known = (each for each in known if each.holder_id == request.holder_id)
    found = sorted((place, each) for each in known if (place := _place(each)) > after)
    answer = pb.ListCertificatesResponse(
        certificates=[certificate_message(each) for _, each in found[:size]]
    )
    if len(found) > size:
        answer.next_page_token = place_token(call, _LIST, found[size - 1][0])
    return Outcome(answer=answer)


def list_alarms(call: Call) -> list[pb.CertificateAlarm]:
    """Names the certificates that end soon or have just ended, the first to end first."""
    now_ns = nanoseconds(call.now)
    due = [
        (end_ns, each)
        for each in _needed(call)
        if abs((end_ns := ends_ns(each)) - now_ns) <= ALARM_DAYS * _DAY_NS
    ]
    return [
        pb.CertificateAlarm(
            certificate=certificate_message(each), days_left=(end_ns - now_ns) // _DAY_NS
        )
        for end_ns, each in sorted(due, key=lambda pair: (pair[0], pair[1].serial_hex))
    ]


def ends_ns(certificate: Certificate) -> int:
    """Returns until when a certificate opens the door."""
    if certificate.state is CertificateState.RETIRING:
        return certificate.retire_ns
    return certificate.not_after_ns


def certificate_message(certificate: Certificate) -> pb.Certificate:
    """Tells a certificate on the wire."""
    message = pb.Certificate(
        serial_hex=certificate.serial_hex,
        holder_kind=pb.HolderKind.ValueType(certificate.holder_kind),
        holder_id=certificate.holder_id,
        state=pb.CertificateState.ValueType(certificate.state),
        expiry_time=timestamp(certificate.not_after_ns),
        reason=certificate.reason,
        fingerprint=certificate.fingerprint,
    )
    if certificate.retire_ns:
        message.retire_time.CopyFrom(timestamp(certificate.retire_ns))
    return message


def _is_known(holder_id: str, registry: Registry) -> bool:
    return holder_id in registry.partners or holder_id in registry.operators


def _intended(call: Call) -> Iterator[Certificate]:
    """Lists what is written down and not signed yet, whatever it waits for."""
    for issuance in list_newest(call.read, Issuance):
        if issuance.state is IssuanceState.INTENDED:
            yield Certificate(
                fingerprint=b"",
                serial_hex=issuance.serial_hex,
                holder_kind=issuance.key.holder_kind,
                holder_id=issuance.key.holder_id,
                not_before_ns=issuance.not_before_ns,
                not_after_ns=issuance.not_after_ns,
                state=CertificateState.INTENDED,
                version=1,
            )


def _needed(call: Call) -> list[Certificate]:
    """Lists the certificates that somebody would miss: they open the door and none follows them.

    The hub's own is the one that this process shows, whatever the ledger knows of others.
    """
    registry = call.registry
    followed = registry.followed
    needed = [
        each
        for each in registry.certificates.values()
        if each.state.opens and each.fingerprint not in followed and _is_held(each, registry)
    ]
    return [*needed, _of_hub(call.hub.tls().chain_der[0])]


def _is_held(certificate: Certificate, registry: Registry) -> bool:
    """Whether a certificate is of a caller who has not left."""
    if certificate.holder_kind is HolderKind.PARTNER:
        partner = registry.partners.get(certificate.holder_id)
        return partner is not None and partner.state is not PartnerState.TERMINATED
    if certificate.holder_kind is HolderKind.OPERATOR:
        operator = registry.operators.get(certificate.holder_id)
        return operator is not None and operator.enabled
    return False


def _of_hub(leaf_der: bytes) -> Certificate:
    leaf = x509.load_der_x509_certificate(leaf_der)
    return Certificate(
        fingerprint=hashlib.sha256(leaf_der).digest(),
        serial_hex=f"{leaf.serial_number:x}",
        holder_kind=HolderKind.HUB,
        holder_id="",
        not_before_ns=nanoseconds(leaf.not_valid_before_utc),
        not_after_ns=nanoseconds(leaf.not_valid_after_utc),
        state=CertificateState.ACTIVE,
        version=1,
    )


def _place(certificate: Certificate) -> bytes:
    """Orders certificates by end, then by serial number; no two share a place."""
    return b"".join(
        [
            certificate.not_after_ns.to_bytes(_TIME_BYTES, "big"),
            int(certificate.serial_hex, 16).to_bytes(_SERIAL_BYTES, "big"),
            certificate.fingerprint.ljust(_FINGERPRINT_BYTES, b"\0"),
        ]
    )
