"""Issuing certificates: an intent with its entry, then the signature, then the registration.

Nothing is signed that is not in the ledger with its audit entry already. Whatever breaks off in
between leaves the intent, and whoever asks again with the same key goes on with it: the same serial
number, the same dates, and as signatures are deterministic, the same certificate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from rongan_share.clock import nanoseconds
from rongan_share.errors import MovedError, Reason, RonganError
from rongan_share.ledger.objects import find_object
from rongan_share.model.holders import Holder
from rongan_share.model.issuance import (
    Cause,
    Issuance,
    IssuanceState,
)
from rongan_share.model.partner import Certificate, CertificateState, HolderKind, PartnerState
from rongan_share.model.refusals import IssueRefusedError
from rongan_share.services.call import Call, Outcome, malformed
from rongan_share.services.certificates import put_certificate
from rongan_share.services.intents import (
    Write,
    certified_key,
    goes_on,
    intend,
    issuer_among,
    put_issuance,
    register,
)
from rongan_share.services.partners import find_partner

if TYPE_CHECKING:
    from datetime import datetime

    from google.protobuf.message import Message

    from rongan_share.ledger.environment import Transaction

RENEWABLE_FROM = 2, 3
"""Part of its life from which on a certificate is followed by another one rather than repeated."""

_SHUT_OUT = "a key that was not shut out"


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that was issued.

    Attributes:
        certificate: As it is registered.
        chain_der: The leaf, then the authority that signed it, DER.
        repeated: Whether it was issued before, and is only told again.
    """

    certificate: Certificate
    chain_der: tuple[bytes, bytes]
    repeated: bool


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a service wants issued. Whether the caller may have it, the service has decided.

    Attributes:
        holder_kind: What the certificate is to name.
        holder_id: Partner or operator id; empty for a hub.
        request_der: The certificate request, DER.
        cause: What it follows from.
        answer_type: Message that answers the call.
        answer: Makes it, on what stands when the certificate is registered. It may refuse.
        host_names: DNS names and IP addresses of a hub; empty for others.
        state: How the certificate is registered.
        follows: Fingerprint of the certificate that it follows; empty for none.
        facts: For both entries.
        intent_writes: Effects together with the intent. They run as well if an earlier intent is
            gone on with, or a certificate told again.
        issued_writes: Gives the effects together with the registration, or with a repetition. It
            may refuse.
        expectations: Each raises MovedError if what the order was decided on has changed before
            the intent stands.
    """

    holder_kind: HolderKind
    holder_id: str
    request_der: bytes
    cause: Cause
    answer_type: type[Message]
    answer: Callable[[Call, Issued], Message]
    host_names: tuple[str, ...] = ()
    state: CertificateState = CertificateState.ACTIVE
    follows: bytes = b""
    facts: Mapping[str, str] = MappingProxyType({})
    intent_writes: tuple[Write, ...] = ()
    issued_writes: Callable[[Call, Issued], tuple[Write, ...]] = lambda _call, _issued: ()
    expectations: tuple[Callable[[Transaction], None], ...] = ()


def issue(call: Call, order: Order) -> Outcome:
    """Begins an issuance, goes on with it, or tells again what came of it.

    Raises:
        RonganError: REQUEST_MALFORMED for a request that cannot be signed, a holder that does not
            fit, or a key that was shut out; RESOURCE_NOT_FOUND; PARTNER_TERMINATED. The outcome's
            `then` raises SIGNER_UNAVAILABLE.
    """
    verify_holder(call, order)
    key = certified_key(
        order.holder_kind,
        order.holder_id,
        host_names=order.host_names,
        request_der=order.request_der,
    )
    known = find_object(call.read, Issuance, key.issuance_id)
    if known is not None and _shut_out(call, known):
        # Only a person may decide that a key is fit for use again.
        if order.cause is not Cause.OPERATOR:
            raise malformed("request_der", _SHUT_OUT)
    elif known is not None and known.state is IssuanceState.ISSUED:
        issued = _issued_before(call, known)
        if issued is not None and _told_again(issued.certificate, known, call.now):
            return _tell(call, order, known, issued=issued)
    # Peers judge certificates by the machine's clock, however far ahead a rehearsal sets the hub's.
    now = call.now - timedelta(seconds=max(0, call.hub.clock_offset_seconds))
    issuance, step = known, "continued"
    writes = order.intent_writes
    if issuance is None or not goes_on(issuance, now):
        issuance, step = intend(key, order.request_der, cause=order.cause, now=now), "intended"
        writes = (put_issuance(issuance), *writes)
    return Outcome(
        answer=order.answer_type(),
        facts={**order.facts, **issuance.facts, "step": step},
        expectations=(*order.expectations, _still(key.issuance_id, known)),
        writes=writes,
        then=_signing(call, order, issuance),
    )


def verify_holder(call: Call, order: Order) -> None:
    """Refuses a holder who is not there, has left, or does not fit the kind.

    Raises:
        RonganError: RESOURCE_NOT_FOUND, PARTNER_TERMINATED, REQUEST_MALFORMED.
    """
    kind, holder_id = order.holder_kind, order.holder_id
    if bool(order.host_names) != (kind is HolderKind.HUB):
        raise malformed("host_names", "at least one for a hub, none for others")
    if kind is HolderKind.PARTNER:
        if find_partner(call, holder_id).state is PartnerState.TERMINATED:
            raise RonganError(Reason.PARTNER_TERMINATED)
    elif kind is HolderKind.OPERATOR:
        operator = call.registry.operators.get(holder_id)
        if operator is None or not operator.enabled:
            raise RonganError(Reason.RESOURCE_NOT_FOUND, resource="operator")
    elif holder_id:
        raise malformed("holder_id", "empty for a hub")
    try:
        Holder(call.hub.trust_domain, hosts=order.host_names)
    except IssueRefusedError as error:
        raise malformed("host_names", str(error)) from None


def _signing(
    call: Call, order: Order, issuance: Issuance
) -> Callable[[], Callable[[Call], Outcome]]:
    """Returns what is to follow the intent: the signature, and then the registration."""
    sign, issuers = call.hub.sign, call.hub.issuers

    def then() -> Callable[[Call], Outcome]:
        leaf_der = sign(issuance.issuance_id)
        issued, certificate = register(issuance, leaf_der, issuers=issuers(order.holder_kind))
        certificate = msgspec.structs.replace(certificate, state=order.state, follows=order.follows)
        return lambda later: _register(later, order, issued, certificate=certificate)

    return then


def _register(call: Call, order: Order, issuance: Issuance, *, certificate: Certificate) -> Outcome:
    """Decides the registration, on what stands once it was signed."""
    verify_holder(call, order)
    known = find_object(call.read, Issuance, issuance.issuance_id)
    if known is None or known.serial_hex != issuance.serial_hex:
        raise RonganError(Reason.SIGNER_UNAVAILABLE)
    if _shut_out(call, known):
        raise malformed("request_der", _SHUT_OUT)
    if known.state is IssuanceState.ISSUED:
        # The same request was asked at the same time, and that one was faster.
        told = _issued_before(call, known)
        if told is None:
            raise RonganError(Reason.SIGNER_UNAVAILABLE)
        return _tell(call, order, known, issued=told)
    chain = _chain_of(call, issuance)
    if chain is None:
        raise RonganError(Reason.SIGNER_UNAVAILABLE)
    issued = Issued(certificate=certificate, chain_der=chain, repeated=False)
    return Outcome(
        answer=order.answer(call, issued),
        facts={**order.facts, **issuance.facts, "step": "registered"},
        expectations=(_still(issuance.issuance_id, known),),
        bumps_generation=True,
        writes=(
            put_issuance(issuance),
            lambda txn, placement: put_certificate(txn, certificate, placement),
            *order.issued_writes(call, issued),
        ),
    )


def _tell(call: Call, order: Order, issuance: Issuance, *, issued: Issued) -> Outcome:
    """Answers with a certificate that was issued before."""
    writes = (*order.intent_writes, *order.issued_writes(call, issued))
    return Outcome(
        answer=order.answer(call, issued),
        facts={**order.facts, **issuance.facts, "step": "repeated"},
        expectations=order.expectations,
        bumps_generation=bool(writes),
        writes=writes,
    )


def _issued_before(call: Call, issuance: Issuance) -> Issued | None:
    """Finds the certificate of an issuance; None if no authority that is trusted signed it."""
    certificate = _certificate_of(call, issuance)
    if certificate is None:
        # Decided on a registry that is older than the issuance, so it is decided again.
        raise RonganError(Reason.SIGNER_UNAVAILABLE)
    chain = _chain_of(call, issuance)
    if chain is None:
        return None
    return Issued(certificate=certificate, chain_der=chain, repeated=True)


def _chain_of(call: Call, issuance: Issuance) -> tuple[bytes, bytes] | None:
    issuers = call.hub.issuers(issuance.key.holder_kind)
    issuer_der = issuer_among(issuers, issuance.certificate_der)
    return None if issuer_der is None else (issuance.certificate_der, issuer_der)


def _shut_out(call: Call, issuance: Issuance) -> bool:
    """Whether an issuance is void, or what came of it was revoked."""
    certificate = _certificate_of(call, issuance)
    revoked = certificate is not None and not certificate.state.opens
    return revoked or issuance.state is IssuanceState.VOID


def _certificate_of(call: Call, issuance: Issuance) -> Certificate | None:
    fingerprint = hashlib.sha256(issuance.certificate_der).digest()
    return call.registry.certificates.get(fingerprint)


def _told_again(certificate: Certificate, issuance: Issuance, now: datetime) -> bool:
    """Whether a certificate is told again, or it is time for the next one."""
    part, whole = RENEWABLE_FROM
    life_ns = issuance.not_after_ns - issuance.not_before_ns
    due_ns = issuance.not_before_ns + life_ns * part // whole
    return certificate.state is not CertificateState.RETIRING and nanoseconds(now) < due_ns


def _still(issuance_id: str, known: Issuance | None) -> Callable[[Transaction], None]:
    """Expects that nothing came of an issuance meanwhile."""

    def expect(txn: Transaction) -> None:
        if find_object(txn, Issuance, issuance_id) != known:
            raise MovedError

    return expect
