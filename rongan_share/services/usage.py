"""AgreementService, usage: what a partner has spent of its quotas, and what is left."""

from __future__ import annotations

from rongan_share.errors import Reason, RonganError
from rongan_share.ledger.quotas import get_quota_state
from rongan_share.model.quota import Meter, bring_up_to_date, left_of
from rongan_share.services.agreement_messages import quota_message
from rongan_share.services.call import Call, Outcome
from rongan_share.v1 import agreement_service_pb2 as pb
from rongan_share.v1.verdict_service_pb2 import QuotaLeft


def get_usage(call: Call, _: pb.GetUsageRequest) -> Outcome:
    """Answers GetUsage.

    Raises:
        RonganError: NO_AGREEMENT, without which there is no quota.
    """
    if call.caller.caller_id not in call.registry.agreements:
        raise RonganError(Reason.NO_AGREEMENT)
    meters = [_usage_message(call, meter) for meter in Meter]
    return Outcome(answer=pb.GetUsageResponse(meters=meters))


def _usage_message(call: Call, meter: Meter) -> pb.MeterUsage:
    quota = call.agreement.quota_of(meter)
    state = get_quota_state(call.read, call.partner.number, meter)
    # Counters of a date or month that is over are still stored until something is spent.
    settled = bring_up_to_date(quota, state, now=call.now)
    left = left_of(quota, state, now=call.now)
    return pb.MeterUsage(
        meter=pb.Meter.ValueType(meter),
        quota=quota_message(quota),
        day=settled.day,
        day_spent_count=settled.day_spent,
        month_spent_count=settled.month_spent,
        left=QuotaLeft(
            burst_count=left.burst_count, day_count=left.day_count, month_count=left.month_count
        ),
    )
