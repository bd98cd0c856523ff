"""OperatorService, the rest: status, agreements by maker and checker, certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from cryptography import x509

from rongan_share.clock import nanoseconds
from rongan_share.errors import Reason, RonganError
from rongan_share.ledger.committer import Placement, time_ns
from rongan_share.ledger.compacted import get_compacted
from rongan_share.ledger.counters import get_list_sequence
from rongan_share.ledger.entries import get_frontier
from rongan_share.ledger.objects import agreement_id, find_object, put_object
from rongan_share.model.agreement import Agreement, AgreementState
from rongan_share.model.partner import Certificate, CertificateState, HolderKind
from rongan_share.services.agreement_messages import agreement_message, read_agreement
from rongan_share.services.call import Call, Outcome, malformed
from rongan_share.services.certificates import MOST_ALARMS, certificate_write, list_alarms
from rongan_share.services.intents import issuer_among
from rongan_share.services.partners import find_partner, read_reason
from rongan_share.services.timestamps import timestamp
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

    from rongan_share.ledger.environment import Transaction
    from rongan_share.model.caller import ClaimedCaller


def get_hub_status(call: Call, _: pb.GetHubStatusRequest) -> Outcome:
    """Answers GetHubStatus."""
    frontier = get_frontier(call.read)
    snapshot = call.snapshot(0)
    tls = call.hub.tls()
    answer = pb.GetHubStatusResponse(
        hub_id=call.hub.hub_id,
        version=call.hub.version,
        started_time=timestamp(nanoseconds(call.hub.started)),
        list_sequence=get_list_sequence(call.read),
        served_sequence=snapshot.sequence,
        listing_count=snapshot.listing_count,
        partner_count=len(call.registry.partners),
        entry_count=frontier.size,
        root_hash=frontier.root(),
        epoch=call.registry.epoch.number,
        generation=call.registry.generation,
        store_bytes=call.hub.used_bytes(),
        clock_offset_seconds=call.hub.clock_offset_seconds,
        tail_count=snapshot.tail_count,
        tls_generation=tls.generation,
        tls_error=tls.error,
        tls_error_count=tls.error_count,
    )
    if call.registry.opening is not None:
        answer.opening_epoch = call.registry.opening.number
    if snapshot.frozen is not None:
        answer.frozen_sequence = snapshot.frozen.sequence
        answer.frozen_time.CopyFrom(timestamp(snapshot.frozen.time_ns))
    compacted = get_compacted(call.read)
    answer.compacted_rows, answer.compacted_bytes = compacted.row_count, compacted.freed_bytes
    if compacted.time_ns:
        answer.compacted_time.CopyFrom(timestamp(compacted.time_ns))
    alarms = list_alarms(call)
    answer.certificate_alarms.extend(alarms[:MOST_ALARMS])
    answer.certificate_alarm_count = len(alarms)
    return Outcome(answer=answer)


def propose_agreement(call: Call, request: pb.ProposeAgreementRequest) -> Outcome:
    """Answers ProposeAgreement.

    Raises:
        RonganError: RESOURCE_NOT_FOUND, REQUEST_MALFORMED.
    """
    proposed = read_agreement(request.agreement, call.taxonomy)
    find_partner(call, proposed.partner_id)
    version = call.registry.newest_versions.get(proposed.partner_id, 0) + 1
    agreement = msgspec.structs.replace(proposed, version=version, proposer=call.caller.caller_id)
    return Outcome(
        answer=pb.ProposeAgreementResponse(agreement=agreement_message(agreement)),
        facts={"partner": agreement.partner_id, "version": str(version)},
        bumps_generation=True,
        writes=(_write_agreement(agreement),),
    )


def approve_agreement(call: Call, request: pb.ApproveAgreementRequest) -> Outcome:
    """Answers ApproveAgreement; the version in force until now is superseded.

    Raises:
        RonganError: RESOURCE_NOT_FOUND, STALE_VERSION, SAME_OPERATOR.
    """
    find_partner(call, request.partner_id)
    newest = call.registry.newest_versions.get(request.partner_id, 0)
    if request.version != newest:
        raise RonganError(Reason.STALE_VERSION, version=newest)
    proposed = _find_agreement(call, request.partner_id, newest)
    if proposed.state is not AgreementState.PROPOSED:
        raise RonganError(Reason.STALE_VERSION, version=newest)
    if proposed.proposer == call.caller.caller_id:
        raise RonganError(Reason.SAME_OPERATOR)
    approved = msgspec.structs.replace(
        proposed, state=AgreementState.ACTIVE, approver=call.caller.caller_id
    )
    writes = [_write_agreement(approved)]
    before = call.registry.agreements.get(request.partner_id)
    if before is not None:
        superseded = msgspec.structs.replace(before, state=AgreementState.SUPERSEDED)
        writes.append(_write_agreement(superseded))
    return Outcome(
        answer=pb.ApproveAgreementResponse(agreement=agreement_message(approved)),
        facts={
            "partner": approved.partner_id,
            "version": str(newest),
            "proposer": approved.proposer,
        },
        bumps_generation=True,
        writes=tuple(writes),
    )


def get_partner_agreement(call: Call, request: pb.GetPartnerAgreementRequest) -> Outcome:
    """Answers GetPartnerAgreement.

    Raises:
        RonganError: RESOURCE_NOT_FOUND.
    """
    find_partner(call, request.partner_id)
    version = request.version or call.registry.newest_versions.get(request.partner_id, 0)
    agreement = _find_agreement(call, request.partner_id, version)
    return Outcome(answer=pb.GetPartnerAgreementResponse(agreement=agreement_message(agreement)))


def certificate_registrar(
    read_claim: Callable[[x509.Certificate, str], ClaimedCaller],
) -> Callable[[Call, pb.RegisterCertificateRequest], Outcome]:
    """Makes the handler of RegisterCertificate.

    Args:
        read_claim: Reads who a certificate names, by the same rules that will let it in.
    """

    def register_certificate(call: Call, request: pb.RegisterCertificateRequest) -> Outcome:
        leaf = _issued_leaf(call, request.certificate_der)
        try:
            claim = read_claim(leaf, call.hub.trust_domain)
        except RonganError as error:
            # It is the certificate in the request that is at fault, not the operator's own.
            raise malformed("certificate_der", error.metadata["rule"]) from None
        if claim.kind is not HolderKind.PARTNER:
            raise malformed("certificate_der", "a certificate of a partner")
        find_partner(call, claim.caller_id)
        if claim.fingerprint in call.registry.certificates:
            raise RonganError(Reason.RESOURCE_EXISTS, resource="certificate")
        certificate = Certificate(
            fingerprint=claim.fingerprint,
            serial_hex=claim.serial_hex,
            holder_kind=claim.kind,
            holder_id=claim.caller_id,
            not_after_ns=nanoseconds(claim.not_after),
            state=CertificateState.ACTIVE,
            version=1,
            not_before_ns=nanoseconds(claim.not_before),
        )
        return Outcome(
            answer=pb.RegisterCertificateResponse(
                serial_hex=claim.serial_hex,
                partner_id=claim.caller_id,
                expiry_time=timestamp(certificate.not_after_ns),
            ),
            facts={"partner": claim.caller_id, "serial": claim.serial_hex},
            bumps_generation=True,
            writes=(certificate_write(certificate),),
        )

    return register_certificate


def revoke_certificate(call: Call, request: pb.RevokeCertificateRequest) -> Outcome:
    """Answers RevokeCertificate.

    One that was issued to follow it and was not used goes with it: whoever stole the key may have
    asked for that.

    Raises:
        RonganError: RESOURCE_NOT_FOUND, REQUEST_MALFORMED.
    """
    reason = read_reason(request.reason)
    known = call.registry.certificates.values()
    found = [each for each in known if each.serial_hex == request.serial_hex]
    if not found:
        raise RonganError(Reason.RESOURCE_NOT_FOUND, resource="certificate")
    shut = {each.fingerprint for each in found}
    found += [
        each
        for each in known
        if each.state is CertificateState.NEXT
        and each.follows in shut
        # This very call is the first use of it.
        and each.fingerprint != call.caller.fingerprint
    ]
    revoked = [
        msgspec.structs.replace(
            each, state=CertificateState.REVOKED, version=each.version + 1, reason=reason
        )
        for each in found
    ]
    return Outcome(
        answer=pb.RevokeCertificateResponse(serial_hex=request.serial_hex),
        facts={"holder": found[0].holder_id, "serial": request.serial_hex, "reason": reason},
        bumps_generation=True,
        writes=tuple(certificate_write(certificate) for certificate in revoked),
    )


def _issued_leaf(call: Call, certificate_der: bytes) -> x509.Certificate:
    """Reads a leaf that a client intermediate itself signed; TLS does not hold it to that."""
    try:
        if issuer_among(call.hub.issuers(HolderKind.PARTNER), certificate_der) is not None:
            return x509.load_der_x509_certificate(certificate_der)
    except ValueError:
        pass
    raise malformed("certificate_der", "issued by the client intermediate")


def _find_agreement(call: Call, partner_id: str, version: int) -> Agreement:
    agreement = find_object(call.read, Agreement, agreement_id(partner_id, version))
    if agreement is None:
        raise RonganError(Reason.RESOURCE_NOT_FOUND, resource="agreement")
    return agreement


def _write_agreement(agreement: Agreement) -> Callable[[Transaction, Placement], None]:
    def write(txn: Transaction, placement: Placement) -> None:
        put_object(
            txn,
            agreement,
            object_id=agreement_id(agreement.partner_id, agreement.version),
            time_ns=time_ns(placement),
            sequence=placement.sequence,
        )

    return write
