"""Compaction by the keeper: by the hub's clock, while it serves, and nobody sees a difference."""

from __future__ import annotations

import threading
from datetime import timedelta

from rongan_share.audit.verify import verify_log
from rongan_share.columns.freeze import newest
from rongan_share.ledger.journal import list_frames
from rongan_share.processes.compacting import Compacting
from tests.support.clock import FakeClock, ticks_of
from tests.support.freezing import columns_of, freeze, sets_of
from tests.support.hub import HubUnderTest
from tests.walk.asking import (
    LISTED,
    NOT_LISTED,
    Row,
    check,
    contribute,
    fresh,
    withdrawal,
)

RUNNING = threading.Event()
A_DAY = timedelta(days=1)


def row_counts(hub: HubUnderTest) -> list[int]:
    """Tells how many rows each frame of the journal has."""
    with hub.hub.ledger.read() as txn:
        return [frame.header.row_count for frame in list_frames(txn, 0)]


def test_what_ended_leaves_the_journal_when_retention_is_over(hub: HubUnderTest) -> None:
    """Not before, not without columns, not by a clock gone back; then all of it, unseen."""
    giver, asker = hub.partner("bank-a"), hub.partner("bank-b")
    clock = hub.clock
    assert isinstance(clock, FakeClock)
    kept, gone = (Row(token=fresh(), reference=fresh()) for _ in range(2))
    contribute(giver, [kept, gone])
    contribute(giver, [withdrawal(gone.token, gone.reference)])
    retention = timedelta(days=hub.settings.retention.ended_days)
    compacting = Compacting(
        hub.settings, hub.hub.ledger, sets_of(hub), clock=clock, monotonic=ticks_of(clock)
    )
    assert compacting.round(RUNNING) is None
    assert freeze(hub, serve=True) is not None
    clock.advance(-A_DAY)
    assert compacting.round(RUNNING) is None
    clock.advance(retention)
    assert compacting.round(RUNNING) is None
    clock.advance(A_DAY)
    assert compacting.round(RUNNING) is not None
    assert row_counts(hub) == [2, 1]
    clock.advance(A_DAY - timedelta(seconds=1))
    assert compacting.round(RUNNING) is None
    clock.advance(timedelta(seconds=1))
    done = compacting.round(RUNNING)
    assert done is not None
    assert (row_counts(hub), done.row_count) == ([1, 0], 2)
    clock.advance(-A_DAY - retention)
    assert [check(asker, row.token).state for row in (kept, gone)] == [LISTED, NOT_LISTED]
    assert newest(hub.hub.ledger, columns_of(hub)).listing_count == 1
    columns_of(hub).retire(0)
    hub.hub.follower.open()
    assert [check(asker, row.token).state for row in (kept, gone)] == [LISTED, NOT_LISTED]
    assert verify_log(hub.hub.ledger, on_progress=lambda _done, _size: None).fault is None
