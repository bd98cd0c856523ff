from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rongan_share.model.quota import Meter
from rongan_share.v1 import agreement_service_pb2 as agreement_pb
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.v1.agreement_pb2 import Quota
from rongan_share.wire.days import date_of_day, shanghai_day
from tests.support.hub import HubUnderTest, Stubs
from tests.walk.asking import (
    TIMEOUT,
    Row,
    check,
    contribute,
    entries_from,
    fresh,
    log_size,
    refused,
    set_clock,
    stream,
    withdrawal,
)

LIMITS = {"rate_per_second": 1, "burst_count": 100, "day_count": 200, "month_count": 300}


def usage(caller: Stubs) -> agreement_pb.GetUsageResponse:
    """Asks for what was spent."""
    return caller.agreements.GetUsage(agreement_pb.GetUsageRequest(), timeout=TIMEOUT)


def spent(caller: Stubs) -> list[tuple[int, int, int]]:
    """Gives meter and what was spent on it this day and month."""
    return [
        (each.meter, each.day_spent_count, each.month_spent_count) for each in usage(caller).meters
    ]


def test_usage_equals_what_was_spent(hub: HubUnderTest) -> None:
    """Every charged token and row is counted once, nothing else is, and what is left adds up."""
    quota = Quota(**LIMITS)
    caller = hub.partner("u-spends", query_quota=quota, contribution_quota=quota)
    assert spent(caller) == [(Meter.QUERY, 0, 0), (Meter.CONTRIBUTION, 0, 0)]
    row = Row(token=fresh(), reference=fresh())
    contribute(caller, [row, Row(token=fresh(), reference=fresh())])
    contribute(caller, [withdrawal(row.token, row.reference)])
    check(caller, fresh(), fresh())
    told = stream(caller, fresh() + fresh() + fresh())[0]
    before = log_size(hub)
    query, contribution = usage(caller).meters
    assert spent(caller) == [(Meter.QUERY, 5, 5), (Meter.CONTRIBUTION, 2, 2)]
    assert query.quota == contribution.quota == quota
    assert query.day == contribution.day == shanghai_day(hub.clock.now())
    assert query.left == told.quota_left
    left = query.left
    assert (left.burst_count, left.day_count, left.month_count) == (95, 195, 295)
    assert contribution.left.day_count == 198
    entry = entries_from(hub, before)[0]
    assert (entry.kind, entry.method) == ("INFORMATION", "AgreementService/GetUsage")
    assert (entry.decision, entry.disclosure_digest) == ("GRANTED", b"")


def test_new_date_and_month_begin_at_zero(hub: HubUnderTest) -> None:
    """A date or month that is over is not shown as the present one, even before a new debit."""
    caller = hub.partner("u-rolls")
    month = date_of_day(shanghai_day(hub.clock.now()) + 31).replace(day=10)
    noon = datetime(month.year, month.month, 10, 4, tzinfo=UTC)
    set_clock(hub, noon)
    check(caller, fresh(), fresh())
    assert spent(caller)[0] == (Meter.QUERY, 2, 2)
    set_clock(hub, noon + timedelta(days=1))
    assert spent(caller)[0] == (Meter.QUERY, 0, 2)
    set_clock(hub, noon + timedelta(days=31))
    assert spent(caller)[0] == (Meter.QUERY, 0, 0)
    assert usage(caller).meters[0].day == shanghai_day(hub.clock.now())


def test_usage_is_open_to_a_suspended_partner(hub: HubUnderTest) -> None:
    """A suspended partner may read what it spent; a partner that never agreed has no quota."""
    caller = hub.partner("u-suspended")
    check(caller, fresh())
    hub.alice.operators.SuspendPartner(
        operator_pb.SuspendPartnerRequest(partner_id="u-suspended", reason="a test")
    )
    assert spent(caller)[0] == (Meter.QUERY, 1, 1)
    hub.create_partner("u-nothing")
    minted = hub.pki.partner("u-nothing")
    hub.register(minted)
    stranger = hub.connect(minted)
    told = refused(hub, lambda: usage(stranger), by="u-nothing")
    assert told == ("PERMISSION_DENIED", "NO_AGREEMENT", {})
