"""A clock that is far ahead for a while ends no listing and drops nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from rongan_share.clock import nanoseconds
from rongan_share.ledger.compacted import get_compacted
from rongan_share.ledger.environment import Ledger
from rongan_share.processes.believing import Believing
from rongan_share.processes.compacting import Compacting
from rongan_share.wire.days import shanghai_day
from tests.support.clock import FakeClock, ticks_of
from tests.support.freezing import freeze, sets_of
from tests.support.hub import running_hub
from tests.walk.asking import LISTED, Row, check, contribute, fresh

RUNNING = threading.Event()
HOUR, A_DAY, FAR = timedelta(hours=1), timedelta(days=1), timedelta(days=700)


def test_an_hour_far_ahead_withdraws_nothing(tmp_path: Path) -> None:
    """A listing that lasts 300 days lives through it, and the keeper goes on after it."""
    with running_hub(tmp_path / "home") as hub:
        clock = hub.clock
        assert isinstance(clock, FakeClock)
        giver, asker = hub.partner("bank-a"), hub.partner("bank-b")
        row = Row(token=fresh(), reference=fresh(), expiry_day=shanghai_day(clock.now()) + 300)
        contribute(giver, [row])
        freeze(hub, serve=True)

        def compacting() -> Compacting:
            return Compacting(
                hub.settings,
                hub.hub.ledger,
                sets_of(hub),
                clock=clock,
                monotonic=ticks_of(clock),
            )

        keeper = compacting()
        clock.advance(FAR)
        for _ in range(6):
            assert keeper.round(RUNNING) is None
            clock.advance(HOUR / 6)
        assert compacting().round(RUNNING) is None
        clock.advance(-FAR - HOUR)
        assert check(asker, row.token).state == LISTED
        clock.advance(A_DAY)
        assert keeper.round(RUNNING) is not None
        assert check(asker, row.token).state == LISTED
        with hub.hub.ledger.read() as txn:
            assert get_compacted(txn).row_count == 0


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty store."""
    Ledger.create(tmp_path / "ledger")
    return Ledger(tmp_path / "ledger")


def test_what_is_believed(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    """A week ahead at once; more after a day that went evenly, in one process, told once."""
    clock, passed = FakeClock(), FakeClock()

    def begun() -> Callable[[], bool]:
        believing = Believing(ledger, ticks_of(passed))
        return lambda: believing.look(nanoseconds(clock.now()))

    def on(delta: timedelta) -> None:
        clock.advance(delta)
        passed.advance(delta)

    look = begun()
    assert look()
    clock.advance(7 * A_DAY)
    assert begun()()
    clock.advance(-HOUR)
    assert not look()
    clock.advance(8 * A_DAY)
    assert [look(), look()] == [False, False]
    assert len(caplog.records) == 1
    on(A_DAY - HOUR)
    assert not look()
    clock.advance(2 * HOUR)
    assert not look()
    assert len(caplog.records) == 2
    on(A_DAY - HOUR)
    assert not look()
    assert not begun()()
    on(HOUR)
    assert look()
    assert begun()()
