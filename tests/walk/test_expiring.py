"""What expired long ago and was not renewed is withdrawn by the hub, as by a frame of its owner."""

from __future__ import annotations

import threading
from datetime import timedelta

from rongan_share.ledger.counters import get_list_sequence
from rongan_share.processes.expiring import EXPIRED, Expiring
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.vocabulary import RowOperation
from tests.support.clock import FakeClock
from tests.support.freezing import freeze, sets_of
from tests.support.hub import HubUnderTest
from tests.walk.asking import Row, contribute, entries_from, fresh

RUNNING = threading.Event()


def test_expired_listings_end_once_nobody_renewed_them(hub: HubUnderTest) -> None:
    """One that was renewed, one without end and one that expired lately stay."""
    giver = hub.partner("bank-a")
    clock = hub.clock
    assert isinstance(clock, FakeClock)
    today = shanghai_day(clock.now())
    rows = [
        Row(token=fresh(), reference=fresh(), expiry_day=today + days if days else 0)
        for days in (1, 1, 2, 0)
    ]
    contribute(giver, rows)
    assert freeze(hub, serve=True) is not None
    renewed = Row(
        operation=RowOperation.AMEND,
        token=rows[1].token,
        reference=rows[1].reference,
        expiry_day=today + 30,
    )
    contribute(giver, [renewed])
    expiring = Expiring(hub.settings, hub.hub.ledger, sets_of(hub), clock=clock)
    days = timedelta(days=hub.settings.retention.expired_days + 2)
    clock.advance(days - timedelta(days=1))
    assert expiring.round(clock.now(), RUNNING) == 0
    clock.advance(timedelta(days=1))
    assert expiring.round(clock.now(), RUNNING) == 1
    assert expiring.round(clock.now(), RUNNING) == 0
    clock.advance(-days)
    with hub.hub.ledger.read() as txn:
        head = get_list_sequence(txn)
    snapshot = hub.hub.follower.snapshot(head)
    assert snapshot.listing_count == 3
    last = entries_from(hub, 0)[-1]
    assert (last.method, dict(last.facts)) == (EXPIRED, {"partner": "bank-a", "listings": "1"})
    assert not snapshot.find_tokens(rows[0].token).query.size
