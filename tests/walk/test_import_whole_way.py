"""The whole way of an import: committed, changed, frozen, compacted, and read from the journal."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from rongan_share.ledger.counters import get_list_sequence
from rongan_share.ledger.journal import list_frames
from rongan_share.processes.column_folder import FOLDER
from rongan_share.processes.compacting import Compacting
from rongan_share.wire.vocabulary import RowOperation
from tests.support.clock import FakeClock, ticks_of
from tests.support.freezing import freeze, sets_of
from tests.support.hub import HubUnderTest, running_hub
from tests.support.importing import (
    ALWAYS,
    Partners,
    make_rows,
    run_import,
    staged_only,
    write_packed,
)
from tests.walk.asking import LISTED, Row, check, contribute, stream, withdrawal
from tests.walk.test_own_listings import pages

PART = 16_384
RUNNING = threading.Event()


class Model:
    """What a partner's rows leave, as a dictionary by reference."""

    def __init__(self, rows: list[Row]) -> None:
        self.asked = list(dict.fromkeys(row.token for row in rows))
        self.live = {row.reference: row for row in rows}

    def withdraw(self, rows: list[Row]) -> list[Row]:
        """Takes rows back; returns what says so."""
        for row in rows:
            del self.live[row.reference]
        return [withdrawal(row.token, row.reference) for row in rows]

    def amend(self, rows: list[Row]) -> list[Row]:
        """Gives rows the highest severity; returns what says so."""
        amended = [replace(row, operation=RowOperation.AMEND, severity=4) for row in rows]
        self.live |= {row.reference: row for row in amended}
        return amended

    def compare(self, partners: Partners) -> None:
        """Compares verdicts, severities of some, and the partner's own listings."""
        tokens = {row.token for row in self.live.values()}
        with partners.hub.hub.ledger.read() as txn:
            last = get_list_sequence(txn)
        (answer,) = stream(partners.asker, b"".join(self.asked), at_least_sequence=last)
        listed = [place for place, token in enumerate(self.asked) if token in tokens]
        assert np.frombuffer(answer.listed_index, "<u4").tolist() == listed
        for token in [*self.asked[:40], *self.asked[-40:]]:
            severities = [row.severity for row in self.live.values() if row.token == token]
            summary = check(partners.asker, token).summary
            assert summary.severity == max(severities, default=0)
        own = [each.reference for some in pages(partners.giver, 1_000) for each in some]
        assert sorted(own) == sorted(self.live)


def row_counts(hub: HubUnderTest) -> list[int]:
    """Tells how many rows each frame and part has."""
    with hub.hub.ledger.read() as txn:
        return [frame.header.row_count for frame in list_frames(txn, 0)]


def compact(hub: HubUnderTest) -> None:
    """Lets retention pass and the journal be compacted, and sets the clock back."""
    clock = hub.clock
    assert isinstance(clock, FakeClock)
    retention, a_day = timedelta(days=hub.settings.retention.ended_days), timedelta(days=1)
    clock.advance(retention)
    compacting = Compacting(
        hub.settings, hub.hub.ledger, sets_of(hub), clock=clock, monotonic=ticks_of(clock)
    )
    assert compacting.round(RUNNING) is None
    clock.advance(a_day)
    assert compacting.round(RUNNING) is not None
    clock.advance(-retention - a_day)


def test_whole_way_of_an_import(hub: HubUnderTest, tmp_path: Path) -> None:
    """Wherever its rows lie, they answer as a dictionary would."""
    partners = Partners(hub)
    imported, contributed = make_rows(PART + 60), make_rows(50, seed=2)
    model = Model(imported + contributed)
    contribute(partners.giver, contributed[:25])
    before = len(row_counts(hub))
    source = write_packed(tmp_path / "packed", imported)
    done = run_import(hub, source, partners.name, columns_from=ALWAYS)
    assert done.first_sequence == before + 1
    contribute(partners.giver, contributed[25:])
    contribute(partners.giver, model.amend(imported[10:20] + imported[-20:] + contributed[:5]))
    # Much of the second part, little of the first.
    contribute(
        partners.giver, model.withdraw(imported[:15] + imported[-30:-10] + contributed[20:40])
    )
    assert hub.hub.follower.snapshot().imported_count == 1
    model.compare(partners)
    assert freeze(hub, serve=True) is not None
    model.compare(partners)
    whole = row_counts(hub)
    compact(hub)
    counts = row_counts(hub)
    parts = slice(done.first_sequence - 1, done.last_sequence)
    assert (whole[parts], counts[parts]) == ([PART, 60], [PART, 40])
    model.compare(partners)
    shutil.rmtree(hub.settings.data_directory / FOLDER)
    hub.restart()
    partners.connect()
    assert hub.hub.follower.snapshot().frozen_count == 0
    model.compare(partners)
    assert freeze(hub, serve=True) is not None
    model.compare(partners)


def test_rows_left_out_whose_listing_has_gone(tmp_path: Path) -> None:
    """They are judged anew, though nothing in the journal tells of it any more."""
    # A hub of its own: one whose clock was set back compacts nothing.
    with running_hub(tmp_path / "home") as hub:
        partners, rows = Partners(hub), make_rows(6)
        contribute(partners.giver, rows[:3])
        source = write_packed(tmp_path / "packed", rows)
        staged_only(hub, source, partners.name)
        contribute(partners.giver, [withdrawal(row.token, row.reference) for row in rows[:3]])
        assert freeze(hub, serve=True) is not None
        compact(hub)
        assert row_counts(hub) == [0, 0]
        done = run_import(hub, source, partners.name)
        assert (done.added, done.unchanged) == (6, 0)
        assert set(partners.states(*rows)) == {LISTED}
