"""What a partner has spent of its quotas, and what is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from partner_sdk.agreements import Quota, read_quota
from partner_sdk.errors import AnswerMalformedError
from partner_sdk.verdicts import QuotaLeft, read_quota_left
from rongan_share.v1 import agreement_service_pb2 as pb
from rongan_share.wire.days import date_of_day
from rongan_share.wire.malformed import MalformedError

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True)
class MeterUsage:
    """What was spent of one quota.

    Attributes:
        quota: The limits of the agreement.
        counted_date: The date that is counted, in Asia/Shanghai; its month is the one counted.
        day_spent_count: Tokens or rows spent on that date.
        month_spent_count: Tokens or rows spent in that month.
        left: What may still be spent.
    """

    quota: Quota
    counted_date: date
    day_spent_count: int
    month_spent_count: int
    left: QuotaLeft


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of a partner.

    Attributes:
        query: Of its questions, in tokens answered LISTED or NOT_LISTED.
        contribution: Of its contributions, in ADD and AMEND rows.
    """

    query: MeterUsage
    contribution: MeterUsage


def read_usage(reply: pb.GetUsageResponse) -> Usage:
    """Reads the answer of GetUsage; a meter newer than this SDK is left out.

    Raises:
        AnswerMalformedError: A meter is missing, or a date is none.
    """
    meters = {message.meter: message for message in reply.meters}
    try:
        return Usage(
            query=_read_meter(meters[pb.METER_QUERY]),
            contribution=_read_meter(meters[pb.METER_CONTRIBUTION]),
        )
    except (KeyError, MalformedError):
        raise AnswerMalformedError("the usage cannot be read") from None


def _read_meter(message: pb.MeterUsage) -> MeterUsage:
    return MeterUsage(
        quota=read_quota(message.quota),
        counted_date=date_of_day(message.day),
        day_spent_count=message.day_spent_count,
        month_spent_count=message.month_spent_count,
        left=read_quota_left(message.left),
    )
