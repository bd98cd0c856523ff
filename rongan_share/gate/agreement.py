"""Step 2 of the walk, agreement: may this caller do this, for this purpose? Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.errors import Reason, RonganError
from rongan_share.model.partner import Partner, PartnerState
from rongan_share.wire.days import date_of_day

if TYPE_CHECKING:
    from rongan_share.model.agreement import Agreement
    from rongan_share.model.caller import Caller
    from rongan_share.model.registry import Registry
    from rongan_share.services.call import Scope


def verify_scope(caller: Caller, registry: Registry, scope: Scope, *, day: int) -> None:
    """Decides whether the partner's standing and agreement allow a question.

    Args:
        caller: The partner.
        registry: What stands now.
        scope: What the question needs.
        day: Today in Asia/Shanghai.

    Raises:
        RonganError: PARTNER_TERMINATED, PARTNER_SUSPENDED, NO_AGREEMENT, AGREEMENT_NOT_STARTED,
            AGREEMENT_EXPIRED, PURPOSE_NOT_GRANTED, SCOPE_NOT_GRANTED.
    """
    _verify_standing(registry.partners[caller.caller_id], scope)
    if not scope.agreement_needed:
        return
    agreement = registry.agreements.get(caller.caller_id)
    if agreement is None:
        raise RonganError(Reason.NO_AGREEMENT)
    if day < agreement.start_day:
        start = date_of_day(agreement.start_day)
        raise RonganError(Reason.AGREEMENT_NOT_STARTED, startDay=start.isoformat())
    if day > agreement.end_day:
        end = date_of_day(agreement.end_day)
        raise RonganError(Reason.AGREEMENT_EXPIRED, endDay=end.isoformat())
    _verify_terms(agreement, scope)


def _verify_standing(partner: Partner, scope: Scope) -> None:
    if partner.state is PartnerState.TERMINATED:
        raise RonganError(Reason.PARTNER_TERMINATED)
    if partner.state is PartnerState.SUSPENDED and not scope.open_to_suspended:
        raise RonganError(Reason.PARTNER_SUSPENDED)


def _verify_terms(agreement: Agreement, scope: Scope) -> None:
    if scope.purpose is not None and scope.purpose not in agreement.purposes:
        raise RonganError(Reason.PURPOSE_NOT_GRANTED, purpose=scope.purpose.name)
    if scope.channel is not None and scope.channel not in agreement.channels:
        raise _not_granted("channel", scope.channel.name)
    if scope.product_line is not None and scope.product_line not in agreement.product_lines:
        raise _not_granted("product_line", scope.product_line.name)
    if scope.suite is not None and scope.suite not in agreement.suites:
        raise _not_granted("suite", scope.suite.name)
    if scope.detail_level is not None and scope.detail_level > agreement.detail_level:
        raise _not_granted("detail_level", scope.detail_level.name)


def _not_granted(scope: str, value: str) -> RonganError:
    return RonganError(Reason.SCOPE_NOT_GRANTED, scope=scope, value=value)
