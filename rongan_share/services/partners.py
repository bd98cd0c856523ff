"""OperatorService, partners: create, list, suspend, resume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from rongan_share.errors import Reason, RonganError
from rongan_share.ledger.committer import Placement, time_ns
from rongan_share.ledger.objects import put_object
from rongan_share.model.partner import Partner, PartnerKind, PartnerState
from rongan_share.services.call import Call, Outcome, malformed, read_text
from rongan_share.services.pages import read_page_size
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.wire.caller_id import CALLER_ID
from rongan_share.wire.institutions import verify_credit_code, verify_region
from rongan_share.wire.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rongan_share.ledger.environment import Transaction


_NAME_CHARACTERS = 200
_CONTACT_CHARACTERS = 200
_REASON_CHARACTERS = 500
_KINDS = {int(kind): kind for kind in PartnerKind}


def create_partner(call: Call, request: pb.CreatePartnerRequest) -> Outcome:
    """Answers CreatePartner.

    Raises:
        RonganError: REQUEST_MALFORMED, RESOURCE_EXISTS.
    """
    if not CALLER_ID.fullmatch(request.partner_id):
        raise malformed("partner_id", "1 to 64 of a-z, 0-9 and hyphen, no hyphen at either end")
    if request.partner_id in call.registry.partners:
        raise RonganError(Reason.RESOURCE_EXISTS, resource="partner")
    name = read_text(request.display_name, "display_name", least=1, most=_NAME_CHARACTERS)
    english = read_text(request.english_name, "english_name", least=0, most=_NAME_CHARACTERS)
    kind = _KINDS.get(request.kind)
    if kind is None:
        raise malformed("kind", "a known PartnerKind")
    _verify_numbers(call, request)
    partner = Partner(
        partner_id=request.partner_id,
        # The generation is re-read in the commit, so no other partner can take this number.
        number=max(known.number for known in call.registry.partners.values()) + 1,
        state=PartnerState.ACTIVE,
        version=1,
        display_name=name,
        kind=kind,
        english_name=english,
        credit_code=request.credit_code,
        region=request.region,
        contact=read_text(request.contact, "contact", least=0, most=_CONTACT_CHARACTERS),
    )

    return Outcome(
        answer=pb.CreatePartnerResponse(partner=_partner_message(call, partner, {})),
        facts={"partner": partner.partner_id},
        bumps_generation=True,
        writes=(write_partner(partner),),
    )


def list_partners(call: Call, request: pb.ListPartnersRequest) -> Outcome:
    """Answers ListPartners; a page token is the last id of the page before.

    Raises:
        RonganError: REQUEST_MALFORMED.
    """
    size = read_page_size(request.page_size)
    ids = sorted(known for known in call.registry.partners if known > request.page_token)
    serials = call.registry.certificate_serials
    page = [_partner_message(call, call.registry.partners[known], serials) for known in ids[:size]]
    more = ids[size - 1] if len(ids) > size else ""
    return Outcome(answer=pb.ListPartnersResponse(partners=page, next_page_token=more))


def suspend_partner(call: Call, request: pb.SuspendPartnerRequest) -> Outcome:
    """Answers SuspendPartner.

    Raises:
        RonganError: RESOURCE_NOT_FOUND, STALE_VERSION, REQUEST_MALFORMED.
    """
    return _change(call, request, pb.SuspendPartnerResponse(), state=PartnerState.SUSPENDED)


def resume_partner(call: Call, request: pb.ResumePartnerRequest) -> Outcome:
    """Answers ResumePartner.

    Raises:
        RonganError: RESOURCE_NOT_FOUND, STALE_VERSION, REQUEST_MALFORMED.
    """
    return _change(call, request, pb.ResumePartnerResponse(), state=PartnerState.ACTIVE)


def find_partner(call: Call, partner_id: str) -> Partner:
    """Returns a partner by id.

    Raises:
        RonganError: RESOURCE_NOT_FOUND.
    """
    partner = call.registry.partners.get(partner_id)
    if partner is None:
        raise RonganError(Reason.RESOURCE_NOT_FOUND, resource="partner")
    return partner


def write_partner(partner: Partner) -> Callable[[Transaction, Placement], None]:
    """Returns the write of a partner's new version."""

    def write(txn: Transaction, placement: Placement) -> None:
        put_object(
            txn,
            partner,
            object_id=partner.partner_id,
            time_ns=time_ns(placement),
            sequence=placement.sequence,
        )

    return write


def _change(
    call: Call,
    request: pb.SuspendPartnerRequest | pb.ResumePartnerRequest,
    answer: pb.SuspendPartnerResponse | pb.ResumePartnerResponse,
    *,
    state: PartnerState,
) -> Outcome:
    partner = find_partner(call, request.partner_id)
    if request.version not in (0, partner.version):
        raise RonganError(Reason.STALE_VERSION, version=partner.version)
    if partner.state is PartnerState.TERMINATED:
        raise RonganError(Reason.PARTNER_TERMINATED)
    reason = read_reason(request.reason)
    changed = msgspec.structs.replace(
        partner, state=state, version=partner.version + 1, reason=reason
    )
    answer.partner.CopyFrom(_partner_message(call, changed, call.registry.certificate_serials))
    return Outcome(
        answer=answer,
        facts={"partner": partner.partner_id, "state": state.name, "reason": reason},
        bumps_generation=True,
        writes=(write_partner(changed),),
    )


def read_reason(reason: str) -> str:
    """Reads why an operator does something.

    Raises:
        RonganError: REQUEST_MALFORMED.
    """
    return read_text(reason, "reason", least=1, most=_REASON_CHARACTERS)


def _verify_numbers(call: Call, request: pb.CreatePartnerRequest) -> None:
    """Refuses numbers that are wrong, or those of an institution that is registered already."""
    code = request.credit_code
    try:
        if code:
            verify_credit_code(code, "credit_code")
        if request.region:
            verify_region(request.region, "region")
    except MalformedError as error:
        raise malformed(error.field, error.rule) from None
    if code and any(known.credit_code == code for known in call.registry.partners.values()):
        raise RonganError(Reason.RESOURCE_EXISTS, resource="credit_code")


def _partner_message(
    call: Call,
    partner: Partner,
    serials: Mapping[tuple[str, bool], tuple[str, ...]],
) -> pb.Partner:
    registry = call.registry
    agreement = registry.agreements.get(partner.partner_id)
    return pb.Partner(
        partner_id=partner.partner_id,
        display_name=partner.display_name,
        number=partner.number,
        state=pb.PartnerState.ValueType(partner.state),
        version=partner.version,
        reason=partner.reason,
        agreement_version=0 if agreement is None else agreement.version,
        newest_agreement_version=registry.newest_versions.get(partner.partner_id, 0),
        kind=pb.PartnerKind.ValueType(partner.kind),
        english_name=partner.english_name,
        credit_code=partner.credit_code,
        region=partner.region,
        contact=partner.contact,
        certificate_serials=serials.get((partner.partner_id, True), ()),
        revoked_serials=serials.get((partner.partner_id, False), ()),
    )
