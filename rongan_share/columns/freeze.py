"""Freezing: columns of everything up to now, made from the last ones and the journal since."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rongan_share.clock import nanoseconds
from rongan_share.columns.journal_reader import JournalReader
from rongan_share.columns.snapshot import Snapshot
from rongan_share.columns.spilling import Spilling
from rongan_share.ledger.compacted import get_forgotten
from rongan_share.ledger.counters import get_list_sequence
from rongan_share.ledger.journal import find_seal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

    from rongan_share.clock import Clock
    from rongan_share.columns.frozen import FrozenColumns, Manifest
    from rongan_share.ledger.environment import Ledger

LEAST_ROWS = 500_000
"""Rows of the journal since the last columns that make new ones worth while."""

GROWTH = 8
"""New columns are made once the journal has grown by a row for this many of the last ones."""

MOST_ROWS = 4_000_000
"""Rows since the last columns that make new ones worth while however long the list is: until then
each worker holds them in its own memory, and reads them at its start."""

_log = logging.getLogger(__name__)


def newest(ledger: Ledger, columns: FrozenColumns) -> Snapshot:
    """Opens the newest columns that fit this journal and are whole; else an empty snapshot."""
    for manifest in _fitting(ledger, columns):
        snapshot = columns.open(manifest)
        if snapshot is not None:
            return snapshot
    return Snapshot(0, (), columns.owner_keys)


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
        self._clock = clock
        self._read = 0
        self._grown = 0
        self._frozen_rows = 0
        self._last: int | None = None

    def round(self, stopping: Event) -> Manifest | None:
        """Makes new columns if it is worth while, unless the hub stops."""
        if self._last is None:
            self._note(newest(self._ledger, self._columns))
        reader = JournalReader(self._ledger)
        while not stopping.is_set() and (frames := reader.next(self._read)):
            self._read = frames[-1].sequence
            self._grown += sum(frame.header.row_count for frame in frames)
        if self._grown < max(LEAST_ROWS, min(self._frozen_rows // GROWTH, MOST_ROWS)):
            return None
        # If it fails, it is tried again once the journal has grown as much again, not at once.
        self._grown = 0
        return self.freeze(stopping)

    def freeze(self, stopping: Event) -> Manifest | None:
        """Makes columns of everything up to now; None if there is nothing new or the hub stops.

        Raises:
            ForgottenError: The journal was compacted meanwhile; it is worth trying again.
        """
        reader = JournalReader(self._ledger)
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
                spilling.follow(reader.next(spilling.snapshot.sequence))
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
        rows = manifest.files["rows"].count
        self._last = self._read = manifest.sequence
        self._grown, self._frozen_rows = 0, rows
        _log.info("columns written sequence=%d listings=%d", manifest.sequence, rows)
        return manifest

    def _note(self, snapshot: Snapshot) -> None:
        self._last = self._read = snapshot.sequence
        self._grown = 0
        self._frozen_rows = sum(run.row_count for run in snapshot.runs)


def _fits(ledger: Ledger, manifest: Manifest) -> bool:
    with ledger.read() as txn:
        # They may hold listings whose withdrawal was dropped from the journal since.
        reach = manifest.sequence >= get_forgotten(txn).sequence
        return reach and find_seal(txn, manifest.sequence).hex() == manifest.seal
