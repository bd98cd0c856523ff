from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from rongan_share.v1 import agreement_pb2
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.wire.days import date_of_day, shanghai_day
from rongan_share.wire.vocabulary import Purpose
from tests.support.hub import HubUnderTest, Stubs, bits, refusal
from tests.walk.asking import (
    NOT_ENTITLED,
    TIMEOUT,
    Refused,
    Row,
    advance,
    check,
    contribute,
    entries_from,
    fresh,
    log_size,
    question,
    refused,
    set_clock,
    stream,
    withdrawal,
)

EXHAUSTED = "RESOURCE_EXHAUSTED"
HUGE = 10**9


def quota(**limits: int) -> agreement_pb2.Quota:
    """Makes a quota that is ample but for the limits given."""
    ample = dict.fromkeys(("rate_per_second", "burst_count", "day_count", "month_count"), HUGE)
    return agreement_pb2.Quota(**(ample | limits))


def tokens(count: int) -> bytes:
    """Makes a frame's column of tokens that nobody listed."""
    return b"".join(fresh() for _ in range(count))


def exceeded(
    hub: HubUnderTest, call: Callable[[], Any], *, by: str
) -> tuple[Refused, float, list[str]]:
    """Makes a call that is over quota; returns refusal, seconds to wait, and failures."""
    caught: list[Any] = []

    def keep() -> None:
        try:
            call()
        except grpc.RpcError as error:
            caught.append(error)
            raise

    told = refused(hub, keep, by=by, still=True)
    status = rpc_status.from_call(caught[0])
    assert status is not None
    delay, failure = error_details_pb2.RetryInfo(), error_details_pb2.QuotaFailure()
    for detail in status.details:
        _ = detail.Unpack(delay) or detail.Unpack(failure)
    wait = delay.retry_delay.ToNanoseconds() / 1e9
    return told, wait, [f"{each.subject} {each.description}" for each in failure.violations]


def left(caller: Stubs) -> verdict_pb.QuotaLeft:
    """Reads what is left, by a question that costs nothing."""
    answer = check(caller, fresh(), purpose=Purpose.SANCTIONS, category_bits=bits("B1"))
    assert answer.state == NOT_ENTITLED
    return answer.quota_left


def test_burst(hub: HubUnderTest) -> None:
    """Above the burst a call is refused with the time after which it is admitted."""
    caller = hub.partner("q-burst", query_quota=quota(rate_per_second=10, burst_count=20))
    assert stream(caller, tokens(20))[0].quota_left.burst_count == 0
    told, wait, failures = exceeded(hub, lambda: stream(caller, tokens(5)), by="q-burst")
    metadata = {"limit": "query.burst", "cost": "5", "frameNumber": "1"}
    assert told == (EXHAUSTED, "QUOTA_EXCEEDED", metadata)
    assert wait == pytest.approx(0.5)
    assert failures == ["partner:q-burst query.burst"]
    advance(hub, seconds=wait - 0.001)
    told, rest, _ = exceeded(hub, lambda: stream(caller, tokens(5)), by="q-burst")
    assert rest == pytest.approx(0.001)
    advance(hub, seconds=0.001)
    assert stream(caller, tokens(5))[0].quota_left.burst_count == 0


def test_frame_over_burst(hub: HubUnderTest) -> None:
    """A frame that no waiting would admit is malformed, and says which size would do."""
    caller = hub.partner("q-over", query_quota=quota(burst_count=20))
    told, wait, failures = exceeded(hub, lambda: stream(caller, tokens(21)), by="q-over")
    metadata = {"cost": "21", "burst": "20", "frameNumber": "1"}
    assert told == ("INVALID_ARGUMENT", "FRAME_OVER_BURST", metadata)
    assert (wait, failures) == (0.0, [])
    assert stream(caller, tokens(20))[0].not_listed_count == 20


def test_day_and_month_roll_over_in_shanghai(hub: HubUnderTest) -> None:
    """The day's counter begins anew at midnight and the month's on its first day, at UTC+8."""
    caller = hub.partner("q-month", query_quota=quota(day_count=50, month_count=70))
    month = date_of_day(shanghai_day(hub.clock.now()) + 31).replace(day=10)
    noon = datetime(month.year, month.month, 10, 4, tzinfo=UTC)
    midnight = noon + timedelta(hours=12)
    set_clock(hub, noon)
    stream(caller, tokens(50))
    told, wait, failures = exceeded(hub, lambda: check(caller, fresh()), by="q-month")
    assert told == (EXHAUSTED, "QUOTA_EXCEEDED", {"limit": "query.day", "cost": "1"})
    assert noon + timedelta(seconds=wait) == midnight
    assert failures == ["partner:q-month query.day"]
    set_clock(hub, midnight - timedelta(seconds=1))
    exceeded(hub, lambda: check(caller, fresh()), by="q-month")
    set_clock(hub, midnight)
    assert stream(caller, tokens(20))[0].quota_left.month_count == 0
    told, wait, _ = exceeded(hub, lambda: check(caller, fresh()), by="q-month")
    assert told == (EXHAUSTED, "QUOTA_EXCEEDED", {"limit": "query.month", "cost": "1"})
    first = midnight + timedelta(seconds=wait)
    beijing = first + timedelta(hours=8)
    assert (beijing.day, beijing.hour) == (1, 0)
    set_clock(hub, first)
    after = check(caller, fresh()).quota_left
    assert (after.day_count, after.month_count) == (49, 69)


def test_refused_costs_nothing(hub: HubUnderTest) -> None:
    """No refusal, whatever its reason, costs anything."""
    limits = quota(rate_per_second=1, burst_count=20)
    caller = hub.partner("q-free", query_quota=limits, purposes=[Purpose.SANCTIONS])
    check(caller, fresh())
    advance(hub, hours=1)
    before = left(caller)
    refused(hub, lambda: check(caller, fresh(), epoch=9), by="q-free")
    refused(hub, lambda: check(caller, fresh(), purpose=Purpose.AML_CFT), by="q-free")
    refused(hub, lambda: stream(caller, tokens(21)), by="q-free")
    refused(hub, lambda: stream(caller, tokens(3)[:-1]), by="q-free")
    assert left(caller) == before
    assert (before.burst_count, before.day_count) == (20, HUGE - 1)


def test_not_entitled_costs_nothing(hub: HubUnderTest) -> None:
    """Tokens that may not be asked about are answered and cost nothing, even above the burst."""
    caller = hub.partner("q-not", query_quota=quota(rate_per_second=1, burst_count=5))
    answer = stream(caller, tokens(40), category_bits=bits("B1"))[0]
    assert answer.other_state == bytes([1]) * 40
    assert answer.quota_left.burst_count == 5
    entry = entries_from(hub, answer.entry_index)[0]
    assert (entry.counts.get("charged"), entry.counts["not_entitled"]) == (0, 40)


def test_parallel_calls_share_one_limit(hub: HubUnderTest) -> None:
    """Of forty calls at once exactly as many are admitted as the limit says."""
    caller = hub.partner("q-par", query_quota=quota(rate_per_second=1, burst_count=13))

    def ask(_: int) -> str:
        try:
            check(caller, fresh())
        except grpc.RpcError as error:
            return refusal(error)[1]
        return "answered"

    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(ask, range(40)))
    assert sorted(told) == ["QUOTA_EXCEEDED"] * 27 + ["answered"] * 13
    assert left(caller).burst_count == 0


def test_day_is_exact_in_parallel_frames(hub: HubUnderTest) -> None:
    """Parallel streams of several frames spend exactly the day's limit, whole frames only."""
    caller = hub.partner("q-day", query_quota=quota(day_count=100))

    def ask(_: int) -> int:
        try:
            return len(stream(caller, tokens(7), tokens(7), tokens(7), tokens(7)))
        except grpc.RpcError as error:
            return int(refusal(error)[2]["frameNumber"]) - 1

    with ThreadPoolExecutor(8) as pool:
        answered = sum(pool.map(ask, range(8)))
    assert answered == 14
    assert left(caller).day_count == 2


def test_repeated_question_is_free_three_times(hub: HubUnderTest) -> None:
    """The same id and content is answered uncharged three times within a day, then charged."""
    caller = hub.partner("q-rep", query_quota=quota(rate_per_second=1, burst_count=100))
    request = question(fresh())
    size = log_size(hub)
    lefts = [ask(caller, request).quota_left.burst_count for _ in range(6)]
    assert lefts == [99, 99, 99, 99, 98, 97]
    charged = [entry.counts.get("charged", 0) for entry in entries_from(hub, size)]
    assert charged == [1, 0, 0, 0, 1, 1]
    other = verdict_pb.CheckSubjectRequest()
    other.CopyFrom(request)
    other.tokens = fresh()
    told = refused(hub, lambda: ask(caller, other), by="q-rep", still=True)
    assert told == ("ABORTED", "FRAME_CONFLICT", {})
    advance(hub, days=1)
    assert ask(caller, other).quota_left.day_count == HUGE - 1


def test_repeated_frame_is_free_three_times(hub: HubUnderTest) -> None:
    """Frames have the same rule, by batch id and number; batch ids are each partner's own."""
    caller = hub.partner("q-frame", query_quota=quota(rate_per_second=1, burst_count=100))
    column, batch_id = tokens(10), fresh()
    lefts = [stream(caller, column, batch_id=batch_id)[0].quota_left.burst_count for _ in range(5)]
    assert lefts == [90, 90, 90, 90, 80]
    told = refused(
        hub, lambda: stream(caller, tokens(10), batch_id=batch_id), by="q-frame", still=True
    )
    assert told == ("ABORTED", "FRAME_CONFLICT", {"frameNumber": "1"})
    told = refused(
        hub,
        lambda: stream(caller, column, batch_id=batch_id, purpose=Purpose.AML_CFT),
        by="q-frame",
    )
    assert told == ("ABORTED", "FRAME_CONFLICT", {"frameNumber": "1"})
    other = hub.partner("q-other")
    assert stream(other, tokens(10), batch_id=batch_id)[0].not_listed_count == 10


def test_repeats_are_free_of_a_quota_that_is_used_up(hub: HubUnderTest) -> None:
    """What was charged and whose answer was lost is answered again, however little is left."""
    caller = hub.partner("q-gone", query_quota=quota(day_count=100))
    column, batch_id = tokens(60), fresh()
    request = question(fresh())
    assert stream(caller, column, batch_id=batch_id)[0].quota_left.day_count == 40
    assert ask(caller, request).quota_left.day_count == 39
    assert stream(caller, column, batch_id=batch_id)[0].quota_left.day_count == 39
    stream(caller, tokens(39))
    assert ask(caller, request).quota_left.day_count == 0
    assert stream(caller, column, batch_id=batch_id)[0].quota_left.day_count == 0
    exceeded(hub, lambda: check(caller, fresh()), by="q-gone")


def test_clock_that_goes_back_gives_nothing(hub: HubUnderTest) -> None:
    """A clock that is set back gives nothing again and locks nobody out."""
    limits = quota(rate_per_second=10, burst_count=20, day_count=25)
    caller = hub.partner("q-back", query_quota=limits)
    stream(caller, tokens(20))
    advance(hub, hours=-1)
    told, wait, _ = exceeded(hub, lambda: check(caller, fresh()), by="q-back")
    assert told == (EXHAUSTED, "QUOTA_EXCEEDED", {"limit": "query.burst", "cost": "1"})
    assert wait == pytest.approx(0.1)
    advance(hub, seconds=wait)
    assert check(caller, fresh()).quota_left.burst_count == 0
    advance(hub, hours=1, seconds=2)
    stream(caller, tokens(4))
    advance(hub, days=-1)
    told, _, _ = exceeded(hub, lambda: check(caller, fresh()), by="q-back")
    assert left(caller).day_count == 0
    advance(hub, days=1, seconds=2)
    told, _, _ = exceeded(hub, lambda: check(caller, fresh()), by="q-back")
    assert told == (EXHAUSTED, "QUOTA_EXCEEDED", {"limit": "query.day", "cost": "1"})


def test_contribution_pays_for_what_it_gives(hub: HubUnderTest) -> None:
    """ADD and AMEND rows cost one each; withdrawing and resending are free, over quota too."""
    limits = quota(rate_per_second=1, burst_count=3)
    caller = hub.partner("q-give", contribution_quota=limits)
    rows = [Row(token=fresh(), reference=fresh()) for _ in range(3)]
    stream_id = fresh()
    assert contribute(caller, rows, stream_id=stream_id)[0].quota_left.burst_count == 0
    told, wait, failures = exceeded(
        hub,
        lambda: contribute(caller, [Row(token=fresh())], stream_id=stream_id, first=2),
        by="q-give",
    )
    metadata = {"limit": "contribution.burst", "cost": "1", "frameNumber": "2"}
    assert told == (EXHAUSTED, "QUOTA_EXCEEDED", metadata)
    assert failures == ["partner:q-give contribution.burst"]
    assert wait == pytest.approx(1.0)
    assert contribute(caller, rows, stream_id=stream_id)[0].repeated
    taken = contribute(
        caller, [withdrawal(rows[0].token, rows[0].reference)], stream_id=stream_id, first=2
    )
    assert taken[0].withdrawn_count == 1
    told, _, _ = exceeded(hub, lambda: contribute(caller, [*rows, Row(token=fresh())]), by="q-give")
    metadata = {"cost": "4", "burst": "3", "frameNumber": "1"}
    assert told == ("INVALID_ARGUMENT", "FRAME_OVER_BURST", metadata)


def test_quota_survives_a_restart(hub: HubUnderTest) -> None:
    """What was spent stays spent when the hub stops and starts."""
    limits = quota(rate_per_second=1, burst_count=10)
    hub.partner("q-stay", query_quota=limits)
    minted = hub.pki.partner("q-stay")
    hub.register(minted)
    stream(hub.connect(minted), tokens(10))
    hub.restart()
    told, wait, _ = exceeded(hub, lambda: check(hub.connect(minted), fresh()), by="q-stay")
    assert told == (EXHAUSTED, "QUOTA_EXCEEDED", {"limit": "query.burst", "cost": "1"})
    assert wait == pytest.approx(1.0)


def ask(caller: Stubs, request: verdict_pb.CheckSubjectRequest) -> verdict_pb.CheckSubjectResponse:
    """Sends a request as it is."""
    return caller.verdicts.CheckSubject(request, timeout=TIMEOUT)
