"""OperatorService, IssueCertificate: a certificate that an operator asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.model.issuance import Cause
from rongan_share.model.partner import HolderKind
from rongan_share.services.call import Call, Outcome, malformed, read_number
from rongan_share.services.certificates import certificate_message
from rongan_share.services.issuance import Issued, Order, issue
from rongan_share.services.renewal import following
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
    )
    if kind is HolderKind.OPERATOR:
        # Else the end of the one before would alarm, though its holder has another.
        order = following(order, call.registry.certificates[call.caller.fingerprint])
    return issue(call, order)


def _answer(_: Call, issued: Issued) -> Message:
    return pb.IssueCertificateResponse(
        chain_der=issued.chain_der, certificate=certificate_message(issued.certificate)
    )
