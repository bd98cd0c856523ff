"""Renewal: whoever shows a certificate gets the one that follows it."""

from __future__ import annotations

import msgspec

from rongan_share.clock import instant_of, nanoseconds
from rongan_share.errors import Reason, RonganError
from rongan_share.model.issuance import Cause
from rongan_share.model.partner import Certificate, CertificateState
from rongan_share.services.call import Call, Outcome
from rongan_share.services.certificates import certificate_write
from rongan_share.services.intents import Write
from rongan_share.services.issuance import RENEWABLE_FROM, Issued, Order, issue
from rongan_share.services.timestamps import timestamp
from rongan_share.v1 import certificate_service_pb2 as pb

REPLACED = "another one was asked for in its place"
"""Reason of the revocation of a certificate that was issued to follow and not used."""


def renew_certificate(call: Call, request: pb.RenewCertificateRequest) -> Outcome:
    """Answers RenewCertificate.

    Raises:
        RonganError: RENEWAL_NOT_DUE, REQUEST_MALFORMED, PARTNER_TERMINATED. The outcome's `then`
            raises SIGNER_UNAVAILABLE.
    """
    shown = call.registry.certificates[call.caller.fingerprint]
    due_ns = due_from_ns(shown)
    if nanoseconds(call.now) < due_ns:
        raise RonganError(Reason.RENEWAL_NOT_DUE, dueTime=instant_of(due_ns).isoformat())
    order = Order(
        holder_kind=call.caller.kind,
        holder_id=call.caller.caller_id,
        request_der=request.request_der,
        cause=Cause.RENEWAL,
        answer_type=pb.RenewCertificateResponse,
        answer=_answer,
    )
    return issue(call, following(order, shown))


def following(order: Order, shown: Certificate) -> Order:
    """Returns the order for a certificate that follows another, and retires it by its first use."""
    return msgspec.structs.replace(
        order,
        state=CertificateState.NEXT,
        follows=shown.fingerprint,
        facts={"follows": shown.serial_hex},
        issued_writes=lambda later, issued: _shut_out_others(later, issued, shown),
    )


def due_from_ns(certificate: Certificate) -> int:
    """Returns from when on a certificate may be followed by another one."""
    part, whole = RENEWABLE_FROM
    life_ns = certificate.not_after_ns - certificate.not_before_ns
    return certificate.not_before_ns + life_ns * part // whole


def _shut_out_others(call: Call, issued: Issued, shown: Certificate) -> tuple[Write, ...]:
    """Shuts out what was issued to follow the same certificate and was not used."""
    return tuple(
        certificate_write(
            msgspec.structs.replace(
                each,
                state=CertificateState.REVOKED,
                version=each.version + 1,
                reason=REPLACED,
            )
        )
        for each in call.registry.certificates.values()
        if each.state is CertificateState.NEXT
        and each.follows == shown.fingerprint
        and each.fingerprint != issued.certificate.fingerprint
    )


def _answer(call: Call, issued: Issued) -> pb.RenewCertificateResponse:
    return pb.RenewCertificateResponse(
        chain_der=issued.chain_der,
        expiry_time=timestamp(issued.certificate.not_after_ns),
        trust_bundle=call.hub.trust_bundle(),
    )
