"""OperatorService, IssueCertificate: a certificate that an operator asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.model.issuance import Cause
from rongan_share.model.partner import Certificate, CertificateState, HolderKind
from rongan_share.services.call import Call, Outcome, malformed, read_number
from rongan_share.services.issuance import Issued, Order, issue
from rongan_share.services.timestamps import timestamp
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.message import Message


def issue_certificate(call: Call, request: pb.IssueCertificateRequest) -> Outcome:
    """Answers IssueCertificate.

    Raises:
        RonganError: REQUEST_MALFORMED, RESOURCE_NOT_FOUND, PARTNER_TERMINATED, SIGNER_UNAVAILABLE.
    """
    kind = read_number(HolderKind, request.holder_kind, "holder_kind")
    # Whoever could have another operator named in a certificate could check what he made himself.
    if kind is HolderKind.OPERATOR and request.holder_id != call.caller.caller_id:
        raise malformed("holder_id", "a partner, or the operator who asks")
    order = Order(
        holder_kind=kind,
        holder_id=request.holder_id,
        host_names=tuple(request.host_names),
        request_der=request.request_der,
        cause=Cause.OPERATOR,
        answer_type=pb.IssueCertificateResponse,
        answer=_answer,
        # An operator's is followed by another, with which it retires; else its end would alarm.
        state=CertificateState.NEXT if kind is HolderKind.OPERATOR else CertificateState.ACTIVE,
        follows=call.caller.fingerprint if kind is HolderKind.OPERATOR else b"",
    )
    return issue(call, order)


def _answer(_: Call, issued: Issued) -> Message:
    return pb.IssueCertificateResponse(
        chain_der=issued.chain_der, certificate=_certificate_message(issued.certificate)
    )


def _certificate_message(certificate: Certificate) -> pb.Certificate:
    return pb.Certificate(
        serial_hex=certificate.serial_hex,
        holder_kind=pb.HolderKind.ValueType(certificate.holder_kind),
        holder_id=certificate.holder_id,
        state=pb.CertificateState.ValueType(certificate.state),
        expiry_time=timestamp(certificate.not_after_ns),
        reason=certificate.reason,
        fingerprint=certificate.fingerprint,
    )
