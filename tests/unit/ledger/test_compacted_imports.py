"""What ended of an import leaves its parts, and columns from before that are not used."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from rongan_share.columns.freeze import Freezer, newest
from rongan_share.columns.frozen import FrozenColumns
from rongan_share.columns.imported import ImportedColumns
from rongan_share.columns.journal_reader import JournalReader
from rongan_share.columns.snapshot import Snapshot
from rongan_share.errors import ForgottenError
from rongan_share.ledger.compaction import Compactor
from rongan_share.ledger.environment import Ledger
from rongan_share.ledger.journal import find_seal, find_value_seal, list_frames, list_steps
from rongan_share.ledger.segments import find_segment
from rongan_share.model.listing import VALUE_COLUMNS
from rongan_share.wire.vocabulary import RowOperation
from tests.property.test_compaction import append, read_to_end, verify_listings
from tests.support.clock import FakeClock
from tests.support.segments import append_import, publish_columns
from tests.unit.columns.test_columns_machine import EMPTY, EPOCH, ORIGIN, History, Identity

RUNNING = threading.Event()
VALUE = dict.fromkeys(VALUE_COLUMNS, 7)
ROWS: list[Identity] = [(1, number.to_bytes(16, "big"), 1, b"\x05" * 16) for number in range(30)]


def add(history: History, rows: list[Identity]) -> None:
    """Makes a frame that adds."""
    history.append(1, [(RowOperation.ADD, identity, VALUE) for identity in rows])


def withdraw(ledger: Ledger, history: History, rows: list[Identity]) -> None:
    """Writes a frame that withdraws."""
    history.append(1, [(RowOperation.WITHDRAW, identity, VALUE) for identity in rows])
    append(ledger, history.frames[-1])


def compact(ledger: Ledger, through: int) -> None:
    """Makes a pass over all that has ended."""
    assert Compactor(ledger, RUNNING).run(1 << 40, through, now_ns=9, epochs=(EPOCH,)) is not None


def row_counts(ledger: Ledger) -> list[int]:
    """Tells how many rows each frame and part has."""
    with ledger.read() as txn:
        return [frame.header.row_count for frame in list_frames(txn, 0)]


def test_parts_are_compacted_as_frames_are(ledger: Ledger) -> None:
    """Withdrawn rows and their end go, twice; ids, seals and the segment stay as they were."""
    history = History()
    for rows in (ROWS[:2], ROWS[2:12], ROWS[12:20]):
        add(history, rows)
    append(ledger, history.frames[0])
    append_import(ledger, history.frames[1:])
    withdraw(ledger, history, ROWS[2:9])
    with ledger.read() as txn:
        seals = [(find_seal(txn, each), find_value_seal(txn, each)) for each in range(1, 5)]
    compact(ledger, 4)
    assert row_counts(ledger) == [2, 3, 8, 0]
    withdraw(ledger, history, ROWS[9:11] + ROWS[12:15])
    compact(ledger, 5)
    assert row_counts(ledger) == [2, 1, 5, 0, 0]
    with ledger.read() as txn:
        again = [(find_seal(txn, each), find_value_seal(txn, each)) for each in range(1, 5)]
        assert find_segment(txn, 3) is not None
        steps = [(step.sequence, step.row_count) for step in list_steps(txn, 0)]
        inside = [step.sequence for step in list_steps(txn, 2)]
    assert again == seals
    assert steps == [(1, 2), (3, 18), (4, 0), (5, 0)]
    assert inside == [3, 4, 5]
    verify_listings(read_to_end(JournalReader(ledger), EMPTY), history)


def test_end_of_an_imported_listing_stays_while_its_part_does(ledger: Ledger) -> None:
    """Too little of the part is dead, so the withdrawal stays."""
    history = History()
    add(history, ROWS)
    append_import(ledger, history.frames)
    withdraw(ledger, history, ROWS[:2])
    compact(ledger, 2)
    assert row_counts(ledger) == [30, 2]
    verify_listings(read_to_end(JournalReader(ledger), EMPTY), history)


def test_columns_of_an_import_from_before_a_forgotten_end(ledger: Ledger, tmp_path: Path) -> None:
    """They hold what was withdrawn; once that end has left the journal, its parts are read."""
    columns = FrozenColumns(tmp_path / "columns", ORIGIN, EMPTY.owner_keys)
    imported, history = ImportedColumns(columns), History()
    add(history, ROWS)
    segment = append_import(ledger, history.frames)
    publish_columns(imported, segment, history.frames[0], owner_keys=EMPTY.owner_keys)

    def read() -> Snapshot:
        return read_to_end(JournalReader(ledger, imported), EMPTY)

    behind = JournalReader(ledger, imported)
    begun = behind.read_on(EMPTY)
    assert begun.imported_count == 1
    withdraw(ledger, history, ROWS[:20])
    assert read().imported_count == 1
    verify_listings(read(), history)
    compact(ledger, 2)
    assert row_counts(ledger) == [10, 0]
    with pytest.raises(ForgottenError):
        behind.read_on(begun)
    assert read().imported_count == 0
    verify_listings(read(), history)


def test_freeze_takes_in_columns_of_imports(ledger: Ledger, tmp_path: Path) -> None:
    """Rows of memory and of files become one run, and the import's own columns go."""
    columns = FrozenColumns(tmp_path / "columns", ORIGIN, EMPTY.owner_keys)
    imported, history = ImportedColumns(columns), History()
    add(history, ROWS[:5])
    append(ledger, history.frames[-1])
    for rows in (ROWS[5:15], ROWS[15:25]):
        add(history, rows)
        segment = append_import(ledger, history.frames[-1:])
        publish_columns(imported, segment, history.frames[-1], owner_keys=EMPTY.owner_keys)
    withdraw(ledger, history, [ROWS[1], ROWS[7], ROWS[20]])
    Freezer(ledger, columns, FakeClock()).freeze(RUNNING)
    whole = newest(ledger, columns)
    assert (len(whole.runs), whole.imported_count) == (1, 0)
    assert [path.name for path in (tmp_path / "columns").iterdir()] == [f"{4:020d}"]
    verify_listings(whole, history)
