"""Whatever is compacted, and whenever, everybody who reads the journal finds the same listings."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from rongan_share.clock import instant_of
from rongan_share.columns.build import follow
from rongan_share.columns.freeze import Freezer, newest
from rongan_share.columns.frozen import FrozenColumns
from rongan_share.columns.imported import ImportedColumns
from rongan_share.columns.journal_reader import JournalReader
from rongan_share.columns.snapshot import Snapshot
from rongan_share.errors import ForgottenError
from rongan_share.ledger.compacted import get_compacted
from rongan_share.ledger.compaction import Compactor
from rongan_share.ledger.counters import put_list_sequence
from rongan_share.ledger.environment import Ledger
from rongan_share.ledger.journal import JournalFrame, find_seal
from rongan_share.model.listing import VALUE_COLUMNS
from rongan_share.wire.vocabulary import RowOperation
from tests.support.clock import FakeClock
from tests.support.segments import append_import, packed, publish_columns
from tests.unit.columns.test_columns_machine import (
    EMPTY,
    EPOCH,
    ORIGIN,
    PARTNERS,
    History,
    Identity,
    shown,
    verify,
)

REFERENCES = [bytes([number]) * 16 for number in range(3)]
RUNNING = threading.Event()


class Killed(threading.Event):
    """Ends a pass after some looks, as a kill between two of its transactions would."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def is_set(self) -> bool:
        """Looks, and is set after the last look."""
        self._looks -= 1
        return self._looks < 0


def append(ledger: Ledger, frame: JournalFrame) -> None:
    """Writes a frame; its sequence is its time."""
    with ledger.write() as txn:
        packed(frame).append(txn, frame.sequence)
        put_list_sequence(txn, frame.sequence)


def read_to_end(reader: JournalReader, snapshot: Snapshot) -> Snapshot:
    """Follows the journal to its end."""
    while (fresh := reader.read_on(snapshot)) is not snapshot:
        snapshot = fresh
    return snapshot


def verify_listings(snapshot: Snapshot, history: History) -> None:
    """Compares every listing and their number; what finds them is verified elsewhere."""
    assert snapshot.listing_count == len(history.live)
    numbers = sorted(history.live)
    rows = snapshot.rows_of(np.array(numbers, "<u8"))
    assert [shown(row) for row in rows] == [history.row(number) for number in numbers]


class Compaction(RuleBasedStateMachine):
    """A journal that grows, is frozen and compacted, while a slow reader goes through it."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History()
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        Ledger.create(folder / "ledger")
        self.ledger = Ledger(folder / "ledger")
        self.columns = FrozenColumns(folder / "columns", ORIGIN, EMPTY.owner_keys)
        self.imported = ImportedColumns(self.columns)
        self.begin_reading(from_columns=False)

    @rule(
        wanted=st.lists(
            st.tuples(
                st.sampled_from(REFERENCES),
                st.sampled_from([RowOperation.ADD, RowOperation.AMEND, RowOperation.WITHDRAW]),
            ),
            min_size=1,
            max_size=3,
            unique_by=lambda pair: pair[0],
        ),
        value=st.integers(0, 255),
    )
    def write(self, *, wanted: list[tuple[bytes, RowOperation]], value: int) -> None:
        """A frame: listings are added, added again, amended, withdrawn."""
        partner = PARTNERS[0]
        rows: list[tuple[RowOperation, Identity, dict[str, int]]] = []
        for reference, operation in wanted:
            identity = (partner, reference, 1, reference[::-1])
            known = self.history.owned(partner, identity[1:]) is not None
            rows.append(
                (
                    operation if known else RowOperation.ADD,
                    identity,
                    dict.fromkeys(VALUE_COLUMNS, value),
                )
            )
        self.history.append(partner, rows)
        append(self.ledger, self.history.frames[-1])

    @rule(
        first=st.sampled_from(REFERENCES), part_count=st.sampled_from([1, 1, 2]), own=st.booleans()
    )
    def bring_in(self, *, first: bytes, part_count: int, own: bool) -> None:
        """An import of what is not listed, with columns of its own or without."""
        partner, value = PARTNERS[0], dict.fromkeys(VALUE_COLUMNS, part_count)
        begun = len(self.history.frames)
        for reference in [first, *(each for each in REFERENCES if each != first)][:part_count]:
            # The other one is never withdrawn, so that there is always something to import.
            for some in (reference, bytes([len(self.history.frames) + 10]) * 16):
                identity = (partner, some, 1, some[::-1])
                if self.history.owned(partner, identity[1:]) is None:
                    rows = [(RowOperation.ADD, identity, value)]
                    self.history.append(partner, rows)
                    break
        frames = self.history.frames[begun:]
        segment = append_import(self.ledger, frames)
        if own and len(frames) == 1:
            keys = EMPTY.owner_keys
            publish_columns(self.imported, segment, frames[0], owner_keys=keys)

    @rule(
        back=st.sampled_from([0, 0, 0, 1, 3]),
        share=st.sampled_from([0.0, 0.0, 0.4]),
        looks=st.sampled_from([1_000, 1_000, 2, 4, 6, 8]),
        most=st.sampled_from([1_000, 1, 2]),
    )
    def compact(self, *, back: int, share: float, looks: int, most: int) -> None:
        """Compacts up to the columns, and may be killed on the way."""
        through = newest(self.ledger, self.columns).sequence
        compactor = Compactor(self.ledger, Killed(looks), least_share=share, most_changes=most)
        compactor.run(len(self.history.frames) + 1 - back, through, now_ns=1, epochs=(EPOCH,))

    @rule()
    def freeze(self) -> None:
        """The keeper writes columns."""
        self.write_columns()

    @rule(share=st.sampled_from([0.0, 0.5]))
    def freeze_and_compact(self, share: float) -> None:
        """All at once, as far as it goes."""
        self.write_columns()
        through = newest(self.ledger, self.columns).sequence
        compactor = Compactor(self.ledger, RUNNING, least_share=share)
        assert (
            compactor.run(len(self.history.frames) + 1, through, now_ns=1, epochs=(EPOCH,))
            is not None
        )

    def write_columns(self) -> None:
        """Writes columns of everything."""
        clock = FakeClock(instant_of(0))
        Freezer(self.ledger, self.columns, clock).freeze(RUNNING)

    @rule(from_columns=st.booleans())
    def begin_reading(self, *, from_columns: bool) -> None:
        """Somebody begins to read, from columns on or from the beginning."""
        self.reader = JournalReader(self.ledger, self.imported, most_frames=2)
        self.reading = newest(self.ledger, self.columns) if from_columns else EMPTY

    @rule()
    def read_some(self) -> None:
        """They read on, or are told to begin again."""
        try:
            self.reading = self.reader.read_on(self.reading)
        except ForgottenError:
            self.begin_reading(from_columns=False)

    @rule()
    def read_to_the_end(self) -> None:
        """They find every listing that there is, or are told to begin again."""
        try:
            self.reading = read_to_end(self.reader, self.reading)
        except ForgottenError:
            self.begin_reading(from_columns=False)
        else:
            verify_listings(self.reading, self.history)

    @invariant()
    def rebuilt_from_the_journal(self) -> None:
        """The journal alone, and with the columns that there are, gives every listing."""
        verify_listings(read_to_end(JournalReader(self.ledger), EMPTY), self.history)
        reader, begun = JournalReader(self.ledger, self.imported), newest(self.ledger, self.columns)
        verify_listings(read_to_end(reader, begun), self.history)

    def teardown(self) -> None:
        """Lets the store go."""
        self.ledger.close()
        self._folder.cleanup()


def test_compaction_changes_nothing_that_can_be_seen() -> None:
    """Any history, compacted and frozen at any moments, gives the listings of a dictionary."""
    run_state_machine_as_test(
        Compaction,
        settings=settings(
            deadline=None, derandomize=True, database=None, max_examples=20, stateful_step_count=30
        ),
    )


IDENTITY: Identity = (1, b"\x01" * 16, 1, b"\x06" * 16)
OTHERS = [(1, number.to_bytes(16, "big"), 1, b"\x05" * 16) for number in range(200)]
VALUE = dict.fromkeys(VALUE_COLUMNS, 7)


@pytest.fixture(name="ledger")
def empty_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An open, empty ledger."""
    Ledger.create(tmp_path / "ledger")
    with Ledger(tmp_path / "ledger") as ledger:
        yield ledger


def journal_of(ledger: Ledger, frames: list[tuple[RowOperation, list[Identity]]]) -> History:
    """Writes frames of one operation each; every AMEND states another value."""
    history = History()
    for number, (operation, identities) in enumerate(frames):
        rows = [(operation, identity, VALUE | {"flags": number}) for identity in identities]
        history.append(1, rows)
        append(ledger, history.frames[-1])
    return history


def row_counts(ledger: Ledger) -> list[int]:
    """Tells how many rows each frame of the journal has."""
    return [frame.header.row_count for frame in JournalReader(ledger).next(0)]


def test_pass_comes_past_changes_that_live_on(ledger: Ledger) -> None:
    """More of them than one pass keeps in mind hide nothing behind them; then it begins anew.

    What the second pass finds ended or overruled, it drops from before the first one's end too.
    """
    some, others = OTHERS[:4], OTHERS[4:8]
    frames = [(RowOperation.ADD, some + others), (RowOperation.AMEND, some + others[:1])]
    frames += [(RowOperation.AMEND, some[:1]), (RowOperation.WITHDRAW, others)]
    history = journal_of(ledger, frames)
    compactor = Compactor(ledger, RUNNING, least_share=0.0, most_changes=3)
    for counts in ([8, 5, 1, 4], [4, 3, 1, 0]):
        assert compactor.run(9, 4, now_ns=9, epochs=(EPOCH,)) is not None
        assert row_counts(ledger) == counts
        verify_listings(read_to_end(JournalReader(ledger), EMPTY), history)
    history.append(1, [(RowOperation.AMEND, each, VALUE | {"flags": 9}) for each in some])
    append(ledger, history.frames[-1])
    for counts in ([4, 3, 1, 0, 4], [4, 0, 0, 0, 4]):
        assert compactor.run(9, 5, now_ns=9, epochs=(EPOCH,)) is not None
        assert row_counts(ledger) == counts
        verify_listings(read_to_end(JournalReader(ledger), EMPTY), history)


def test_reader_between_a_listing_and_its_end_begins_again(ledger: Ledger) -> None:
    """Who has read the listing and would not meet its withdrawal any more is told so."""
    journal_of(ledger, [(RowOperation.ADD, [IDENTITY]), (RowOperation.WITHDRAW, [IDENTITY])])
    readers = [JournalReader(ledger, most_frames=1) for _ in range(2)]
    assert [len(reader.next(0)) for reader in readers] == [1, 1]
    assert len(readers[1].next(1)) == 1
    assert Compactor(ledger, RUNNING).run(9, 2, now_ns=9, epochs=(EPOCH,)) is not None
    with pytest.raises(ForgottenError):
        readers[0].next(1)
    # Who is past it goes on, and who begins now is told nothing.
    assert readers[1].next(2) == []
    assert len(JournalReader(ledger).next(0)) == 2


def test_columns_from_before_a_forgotten_end_are_not_used(ledger: Ledger, tmp_path: Path) -> None:
    """Columns that hold a listing are passed over once its withdrawal has left the journal."""
    columns = FrozenColumns(tmp_path / "columns", ORIGIN, EMPTY.owner_keys)
    history = journal_of(ledger, [(RowOperation.ADD, [IDENTITY, OTHERS[0]])])
    Freezer(ledger, columns, FakeClock()).freeze(RUNNING)
    history.append(1, [(RowOperation.WITHDRAW, IDENTITY, VALUE)])
    append(ledger, history.frames[-1])
    assert newest(ledger, columns).sequence == 1
    assert Compactor(ledger, RUNNING).run(9, 2, now_ns=9, epochs=(EPOCH,)) is not None
    assert newest(ledger, columns).sequence == 0


def test_listing_stays_while_a_change_of_it_stays(ledger: Ledger) -> None:
    """Too little of the AMENDs is dead to write them anew, so listing and end stay with them."""
    history = journal_of(
        ledger,
        [
            (RowOperation.ADD, [IDENTITY]),
            (RowOperation.ADD, OTHERS[:9]),
            (RowOperation.AMEND, [IDENTITY, *OTHERS[:9]]),
            (RowOperation.WITHDRAW, [IDENTITY]),
        ],
    )
    assert Compactor(ledger, RUNNING).run(9, 4, now_ns=9, epochs=(EPOCH,)) is not None
    assert row_counts(ledger) == [1, 9, 10, 1]
    assert (
        Compactor(ledger, RUNNING, least_share=0.0).run(9, 4, now_ns=9, epochs=(EPOCH,)) is not None
    )
    assert row_counts(ledger) == [0, 9, 9, 0]
    verify(follow(EMPTY, JournalReader(ledger).next(0)), history)


def test_end_stays_while_its_listing_stays(ledger: Ledger) -> None:
    """Too little of the ADDs is dead, so the withdrawal stays."""
    frames = [(RowOperation.ADD, [IDENTITY, *OTHERS]), (RowOperation.WITHDRAW, [IDENTITY])]
    history = journal_of(ledger, frames)
    assert Compactor(ledger, RUNNING).run(9, 2, now_ns=9, epochs=(EPOCH,)) is not None
    assert row_counts(ledger) == [201, 1]
    verify(follow(EMPTY, JournalReader(ledger).next(0)), history)


def test_what_ended_long_ago_leaves_no_rows(ledger: Ledger) -> None:
    """A listing that was added, amended and withdrawn leaves the journal; what lives stays."""
    history = journal_of(
        ledger,
        [
            (RowOperation.ADD, [*OTHERS, IDENTITY]),
            (RowOperation.AMEND, [*OTHERS, IDENTITY]),
            (RowOperation.AMEND, [*OTHERS, IDENTITY]),
            (RowOperation.ADD, [OTHERS[0]]),
            (RowOperation.WITHDRAW, OTHERS),
        ],
    )
    with ledger.read() as txn:
        seals = [find_seal(txn, sequence) for sequence in range(1, 6)]
    assert Compactor(ledger, RUNNING).run(5, 5, now_ns=9, epochs=(EPOCH,)) is not None
    # Within retention stay the listings and their end, but not what was overruled before it.
    assert row_counts(ledger) == [201, 0, 201, 0, 200]
    assert Compactor(ledger, RUNNING).run(6, 5, now_ns=10, epochs=(EPOCH,)) is not None
    assert row_counts(ledger) == [1, 0, 1, 0, 0]
    verify(follow(EMPTY, JournalReader(ledger).next(0)), history)
    with ledger.read() as txn:
        assert [find_seal(txn, sequence) for sequence in range(1, 6)] == seals
        compacted = get_compacted(txn)
    assert compacted.row_count == 201 + 1 + 3 * 200
    assert compacted.freed_bytes > compacted.row_count * 50
    assert compacted.time_ns == 10
