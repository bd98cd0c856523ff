"""Freezing: columns of everything up to now, made from the last ones and the journal since."""

from __future__ import annotations

import logging
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

from rongan_share.clock import nanoseconds
from rongan_share.columns.imported import ImportedColumns
from rongan_share.columns.journal_reader import JournalReader
from rongan_share.columns.spilling import Spilling
from rongan_share.errors import ForgottenError
from rongan_share.ledger.compacted import get_forgotten
from rongan_share.ledger.counters import get_list_sequence
from rongan_share.ledger.journal import find_seal, list_steps
from rongan_share.wire.frames import MAX_FRAME_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rongan_share.clock import Clock
    from rongan_share.columns.frozen import FrozenColumns, Manifest
    from rongan_share.columns.snapshot import Snapshot
    from rongan_share.ledger.environment import Ledger

LEAST_ROWS = 500_000
"""Rows of the journal since the last columns that make new ones worth while."""

GROWTH = 8
"""New columns are made once the journal has grown by a row for this many of the last ones."""

MOST_ROWS = 4_000_000
"""Rows since the last columns that make new ones worth while however long the list is: until then
each worker holds them in its own memory, and reads them at its start. Imports with columns of their
own are not counted."""

MOST_IMPORTS = 4
"""Imports with columns of their own since the last ones that make new ones worth while."""

_STEPS = 1_000

_log = logging.getLogger(__name__)


def newest(ledger: Ledger, columns: FrozenColumns) -> Snapshot:
    """Opens the newest columns that fit this journal and are whole; else an empty snapshot."""
    for manifest in _fitting(ledger, columns):
        snapshot = columns.open(manifest)
        if snapshot is not None:
            return snapshot
    return columns.empty()


def newest_sequence(ledger: Ledger, columns: FrozenColumns) -> int:
    """Returns up to where the newest columns that fit this journal reach; 0 for none."""
    return next((manifest.sequence for manifest in _fitting(ledger, columns)), 0)


def _fitting(ledger: Ledger, columns: FrozenColumns) -> Iterator[Manifest]:
    """Walks the manifests of columns that fit this journal, newest first."""
    for sequence in columns.sequences():
        manifest = columns.manifest(sequence)
        if manifest is None or not _fits(ledger, manifest):
            _log.warning("columns do not belong to this journal sequence=%d", sequence)
        else:
            yield manifest


class Opened(NamedTuple):
    """A snapshot that was opened, and who reads on from there.

    Attributes:
        snapshot: It, up to the sequence that was asked for at least.
        frozen_sequence: Up to where the columns reach that it began with.
        reader: Reads on from there.
    """

    snapshot: Snapshot
    frozen_sequence: int
    reader: JournalReader


def open_up_to(
    sequence: int, ledger: Ledger, columns: FrozenColumns, *, imported: ImportedColumns
) -> Opened:
    """Opens the newest columns and reads the journal from there up to a sequence.

    Raises:
        LedgerCorruptError: Frames that were accepted are not there, or one is damaged.
    """
    while True:
        reader = JournalReader(ledger, imported, recipher=columns.recipher)
        snapshot = newest(ledger, columns)
        frozen_sequence = snapshot.sequence
        try:
            while snapshot.sequence < sequence:
                snapshot = reader.read_on(snapshot)
        except ForgottenError:
            _log.info("the journal was compacted while it was read sequence=%d", snapshot.sequence)
        else:
            return Opened(snapshot, frozen_sequence, reader)


def bring_near(ledger: Ledger, columns: FrozenColumns, clock: Clock) -> None:
    """Writes columns before a start if those that there are leave too much to be read.

    Whoever starts would read it into its own memory; several that start wait for the first.

    Raises:
        OSError: They cannot be written.
    """
    if is_near(ledger, columns):
        return
    _log.info("columns are made before the start: the journal is far ahead of them")
    # Another process may have made them while this one waits for its turn.
    Freezer(ledger, columns, clock).freeze(Event(), unless_near=True)


def is_near(ledger: Ledger, columns: FrozenColumns) -> bool:
    """Tells whether what columns leave to be read of the journal is little enough to be held."""
    begun = newest_sequence(ledger, columns)
    with ledger.read() as txn:
        head = get_list_sequence(txn)
        # A frame has so many rows at most: mostly nothing need be counted.
        if (head - begun) * MAX_FRAME_ROWS <= MOST_ROWS:
            return True
        imported = ImportedColumns(columns)
        held_count = 0
        for step in list_steps(txn, begun):
            if step.segment is None or not imported.has(txn, step.segment):
                held_count += step.row_count
            if held_count >= MOST_ROWS:
                return False
    return True


class Freezer:
    """Makes new columns when the journal has grown enough.

    Args:
        ledger: The ledger.
        columns: Where columns are kept.
        clock: Tells when they were written.
    """

    def __init__(self, ledger: Ledger, columns: FrozenColumns, clock: Clock) -> None:
        self._ledger = ledger
        self._columns = columns
        self._imported = ImportedColumns(columns)
        self._clock = clock
        self._read = 0
        self._grown = self._held = self._imports = 0
        self._frozen_rows = 0
        self._last: int | None = None

    def round(self, stopping: Event) -> Manifest | None:
        """Makes new columns if it is worth while, unless the hub stops."""
        if self._last is None:
            self._note(newest(self._ledger, self._columns))
        while not stopping.is_set() and self._look_on():
            pass
        few = self._grown < max(LEAST_ROWS, self._frozen_rows // GROWTH)
        if few and self._held < MOST_ROWS and self._imports < MOST_IMPORTS:
            return None
        # If it fails, it is tried again once the journal has grown as much again, not at once.
        self._grown = self._held = self._imports = 0
        return self.freeze(stopping)

    def _look_on(self) -> bool:
        """Counts what has come, a part of it at a time; tells whether there was any."""
        with self._ledger.read() as txn:
            steps = list(islice(list_steps(txn, self._read), _STEPS))
            for step in steps:
                self._read = step.sequence
                self._grown += step.row_count
                if step.segment is not None and self._imported.has(txn, step.segment):
                    self._imports += 1
                else:
                    self._held += step.row_count
        return bool(steps)

    def freeze(self, stopping: Event, *, unless_near: bool = False) -> Manifest | None:
        """Makes columns of everything up to now; None if there is nothing new or the hub stops.

        Args:
            stopping: Set when the hub stops.
            unless_near: Only if those that there are leave much to be read.

        Raises:
            ForgottenError: The journal was compacted meanwhile; it is worth trying again.
        """
        with self._columns.alone():
            if unless_near and is_near(self._ledger, self._columns):
                return None
            return self._freeze(stopping)

    def _freeze(self, stopping: Event) -> Manifest | None:
        reader = JournalReader(self._ledger, self._imported, recipher=self._columns.recipher)
        snapshot = newest(self._ledger, self._columns)
        begun = snapshot.sequence
        with self._ledger.read() as txn:
            # Up to here and no further, or a freeze would not end while contributions go on.
            target = get_list_sequence(txn)
        with self._columns.scratch() as folder:
            spilling = Spilling(folder, snapshot)
            while spilling.snapshot.sequence < target:
                if stopping.is_set():
                    return None
                spilling.read_on(reader)
            snapshot = spilling.snapshot
            if snapshot.sequence == begun or not snapshot.runs:
                self._note(snapshot)
                return None
            with self._ledger.read() as txn:
                seal = find_seal(txn, snapshot.sequence)
            now_ns = nanoseconds(self._clock.now())
            manifest = self._columns.write(snapshot, seal, time_ns=now_ns, stopping=stopping)
        if manifest is None:
            return None
        self._columns.retire(manifest.sequence)
        self._imported.retire(self._ledger, manifest.sequence)
        rows = manifest.files["rows"].count
        self._last = self._read = manifest.sequence
        self._grown = self._held = self._imports = 0
        self._frozen_rows = rows
        _log.info("columns written sequence=%d listings=%d", manifest.sequence, rows)
        return manifest

    def _note(self, snapshot: Snapshot) -> None:
        self._last = self._read = snapshot.sequence
        self._grown = self._held = self._imports = 0
        self._frozen_rows = sum(run.row_count for run in snapshot.runs)


def _fits(ledger: Ledger, manifest: Manifest) -> bool:
    with ledger.read() as txn:
        # They may hold listings whose withdrawal was dropped from the journal since.
        reach = manifest.sequence >= get_forgotten(txn).sequence
        return reach and find_seal(txn, manifest.sequence).hex() == manifest.seal
