"""Enrolment: an operator makes a secret, and whoever holds it gets one certificate.

Whatever is wrong with the secret, the answer is the same refusal and takes the same work, so that
nobody learns which partners there are. The audit log says what was wrong.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from rongan_share.clock import nanoseconds
from rongan_share.errors import MovedError, Reason, RonganError
from rongan_share.ledger.committer import time_ns
from rongan_share.ledger.objects import find_object, put_object
from rongan_share.model.caller import Caller
from rongan_share.model.enrolment import (
    ENROLMENT_LIFE,
    SECRET_BYTES,
    Enrolment,
    digest_secret,
)
from rongan_share.model.issuance import Cause
from rongan_share.model.partner import HolderKind, PartnerState
from rongan_share.services.call import Call, Outcome
from rongan_share.services.intents import Write, certified_key
from rongan_share.services.issuance import Issued, Order, issue
from rongan_share.services.partners import find_partner
from rongan_share.services.timestamps import timestamp
from rongan_share.services.trust import root_digest
from rongan_share.v1 import certificate_service_pb2 as pb
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.caller_id import CALLER_ID

if TYPE_CHECKING:
    from rongan_share.ledger.environment import Transaction

_NO_DIGEST = bytes(SECRET_BYTES)
"""Compared with where there is nothing to compare with; no secret has this digest."""


def create_enrolment(call: Call, request: operator_pb.CreateEnrolmentRequest) -> Outcome:
    """Answers CreateEnrolment; the partner's earlier one, used or not, opens nothing any more.

    Raises:
        RonganError: RESOURCE_NOT_FOUND, PARTNER_TERMINATED.
    """
    partner = find_partner(call, request.partner_id)
    if partner.state is PartnerState.TERMINATED:
        raise RonganError(Reason.PARTNER_TERMINATED)
    secret = secrets.token_bytes(SECRET_BYTES)
    enrolment = Enrolment(
        partner_id=partner.partner_id,
        secret_digest=digest_secret(secret),
        expires_ns=nanoseconds(call.now + ENROLMENT_LIFE),
    )
    return Outcome(
        answer=operator_pb.CreateEnrolmentResponse(
            secret=secret,
            root_digest=root_digest(call),
            expiry_time=timestamp(enrolment.expires_ns),
        ),
        facts={"partner": partner.partner_id},
        # What was decided on the one before is decided again.
        bumps_generation=True,
        writes=(_put(enrolment),),
    )


def named_by(request: pb.EnrollCertificateRequest) -> Caller:
    """Says who a request is from; only its secret proves it."""
    return Caller(HolderKind.PARTNER, request.partner_id, "")


def enroll_certificate(call: Call, request: pb.EnrollCertificateRequest) -> Outcome:
    """Answers EnrollCertificate.

    The first key that comes with the secret is the only one: whoever asks again with it is answered
    again, whoever comes with another one is refused.

    Raises:
        RonganError: ENROLMENT_REFUSED, REQUEST_MALFORMED. The outcome's `then` raises
            SIGNER_UNAVAILABLE.
    """
    enrolment = _verify_secret(call, request.partner_id, request.secret)
    order = Order(
        holder_kind=HolderKind.PARTNER,
        holder_id=enrolment.partner_id,
        request_der=request.request_der,
        cause=Cause.ENROLMENT,
        answer_type=pb.EnrollCertificateResponse,
        answer=_answer,
    )
    key = certified_key(
        order.holder_kind, order.holder_id, host_names=(), request_der=order.request_der
    )
    bound = msgspec.structs.replace(enrolment, spki_digest=key.spki_digest)
    if enrolment.spki_digest and enrolment != bound:
        raise _refused(call, request.partner_id, "used with another key")
    writes = () if enrolment == bound else (_put(bound),)

    def still_bound(later: Call, _: Issued) -> tuple[Write, ...]:
        """Refuses the registration if an operator made another secret meanwhile."""
        if find_object(later.read, Enrolment, enrolment.partner_id) != bound:
            raise _refused(later, request.partner_id, "replaced")
        return ()

    return issue(
        call,
        msgspec.structs.replace(
            order,
            intent_writes=writes,
            issued_writes=still_bound,
            expectations=(_still(enrolment),),
        ),
    )


def _verify_secret(call: Call, partner_id: str, secret: bytes) -> Enrolment:
    """Finds the enrolment that a secret proves, in the same steps whatever is wrong.

    Raises:
        RonganError: ENROLMENT_REFUSED.
    """
    well_formed = CALLER_ID.fullmatch(partner_id) is not None
    enrolment = find_object(call.read, Enrolment, partner_id if well_formed else "-")
    partner = call.registry.partners.get(partner_id)
    known = _NO_DIGEST if enrolment is None else enrolment.secret_digest
    proved = hmac.compare_digest(digest_secret(secret), known)
    if partner is None:
        raise _refused(call, partner_id, "no such partner")
    if enrolment is None:
        raise _refused(call, partner_id, "none was made")
    if not proved:
        raise _refused(call, partner_id, "wrong secret")
    if nanoseconds(call.now) > enrolment.expires_ns:
        raise _refused(call, partner_id, "expired")
    if partner.state is PartnerState.TERMINATED:
        raise _refused(call, partner_id, "the partner has left")
    return enrolment


def _refused(call: Call, partner_id: str, cause: str) -> RonganError:
    """Returns the one refusal; who was named, if we know them, and why is for the log alone."""
    named = partner_id if partner_id in call.registry.partners else ""
    return RonganError(Reason.ENROLMENT_REFUSED).confiding(partner=named, cause=cause)


def _answer(call: Call, issued: Issued) -> pb.EnrollCertificateResponse:
    return pb.EnrollCertificateResponse(
        chain_der=issued.chain_der,
        expiry_time=timestamp(issued.certificate.not_after_ns),
        trust_bundle=call.hub.trust_bundle(),
    )


def _put(enrolment: Enrolment) -> Write:
    return lambda txn, placement: put_object(
        txn,
        enrolment,
        object_id=enrolment.partner_id,
        time_ns=time_ns(placement),
        sequence=placement.sequence,
    )


def _still(enrolment: Enrolment) -> Callable[[Transaction], None]:
    """Expects that nobody used or replaced an enrolment meanwhile."""

    def expect(txn: Transaction) -> None:
        if find_object(txn, Enrolment, enrolment.partner_id) != enrolment:
            raise MovedError

    return expect
