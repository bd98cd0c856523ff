"""The follower: keeps the served snapshot up with the journal; callers may wait for a sequence.

It begins at the newest frozen columns, reads the journal from there, and changes over to newer
columns while it serves.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

from rongan_share.clock import monotonic_ns
from rongan_share.columns.freeze import newest, open_up_to
from rongan_share.columns.imported import LOOK_SECONDS, ImportedColumns
from rongan_share.columns.journal_reader import JournalReader
from rongan_share.columns.run import merge
from rongan_share.columns.snapshot import Merging
from rongan_share.errors import ForgottenError, Reason, RonganError
from rongan_share.ledger.counters import get_list_sequence

if TYPE_CHECKING:
    from rongan_share.columns.frozen import FrozenColumns
    from rongan_share.columns.snapshot import Snapshot
    from rongan_share.ledger.environment import Ledger

WAIT_SECONDS = 1.0
"""How long a caller waits for a sequence that it must see."""

POLL_SECONDS = 0.1
"""Time between looks at what other processes have accepted."""

COLUMNS_SECONDS = 2.0
"""Time between looks for newer frozen columns."""

_NICE = 10

MERGE_ROWS = 200_000
"""Rows that may be merged while callers wait; more are merged beside, while look-ups go on."""

_log = logging.getLogger(__name__)


class Follower:
    """Owns the thread that reads the journal, and the one that merges what has grown large.

    Args:
        ledger: The ledger.
        columns: Where frozen columns are kept.

    Attributes:
        imported: Columns of imports; whoever has them open already may put them in its place.

    If a frame cannot be read, look-ups stop: an answer from half a journal would read as "not
    listed".
    """

    def __init__(self, ledger: Ledger, columns: FrozenColumns) -> None:
        self._ledger = ledger
        self._columns = columns
        self.imported = ImportedColumns(columns)
        self._snapshot = columns.empty()
        self._frozen = self._looked_at = 0
        self._reader = JournalReader(ledger, self.imported, recipher=columns.recipher)
        self._fault: RonganError | None = None
        self._wanted = 0
        self._stopping = False
        self._changed = threading.Condition()
        # Held by whoever makes the next snapshot from the present one.
        self._building = threading.Lock()
        self._kept = 0
        self._threads = [
            threading.Thread(target=self._run, name="follower", daemon=True),
            threading.Thread(target=self._tidy, name="tidier", daemon=True),
        ]

    def start(self) -> None:
        """Opens the newest columns, reads the journal from there on, then keeps up in a thread.

        Raises:
            LedgerCorruptError: A frame's checksum does not match.
        """
        self.open()
        self.keep_up()

    def keep_up(self) -> None:
        """Follows in threads of its own from now on."""
        for thread in self._threads:
            thread.start()

    def open(self) -> None:
        """Serves from the newest columns and all of the journal behind them.

        Raises:
            LedgerCorruptError: A frame's checksum does not match.
        """
        self._looked_at = max(self._columns.sequences(), default=0)
        with self._ledger.read() as txn:
            # What comes after it is followed in service.
            head = get_list_sequence(txn)
        opened = open_up_to(head, self._ledger, self._columns, imported=self.imported)
        self._frozen, self._reader = opened.frozen_sequence, opened.reader
        self._publish(opened.snapshot)

    def stop(self) -> None:
        """Ends the threads."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def announce(self, sequence: int) -> None:
        """Says that the journal has grown."""
        with self._changed:
            self._wanted = max(self._wanted, sequence)
            self._changed.notify_all()

    def snapshot(self, at_least: int = 0) -> Snapshot:
        """Returns the newest snapshot, waiting up to a second for one that knows a sequence.

        Raises:
            RonganError: STALE_SNAPSHOT after a second, or STORE_CORRUPT.
        """
        served = self._snapshot
        if served.sequence < at_least or self._fault is not None:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._snapshot.sequence >= at_least or self._fault is not None,
                    WAIT_SECONDS,
                )
                served = self._snapshot
        if self._fault is not None:
            # Each caller gets its own, or one traceback would grow with every call.
            raise self._fault.noting()
        if served.sequence < at_least:
            raise RonganError(
                Reason.STALE_SNAPSHOT, retry_after_seconds=1.0, listSequence=served.sequence
            )
        return served

    def _run(self) -> None:
        while True:
            with self._changed:
                # Other processes do not announce what they accept.
                self._changed.wait_for(
                    lambda: self._stopping or self._wanted > self._snapshot.sequence, POLL_SECONDS
                )
                if self._stopping:
                    return
            try:
                with self._building:
                    self._read_on(Merging(MERGE_ROWS, self._kept))
            except RonganError as error:
                if error.reason is Reason.STORE_CORRUPT:
                    _log.exception("the journal cannot be followed")
                    self._fail(error)
                    return
                # A passing shortage is no corruption: callers are told STALE_SNAPSHOT meanwhile.
                _log.warning("the journal cannot be read now reason=%s", error.reason.name)
                with self._changed:
                    self._changed.wait(WAIT_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it was, look-ups must stop
                _log.exception("the journal cannot be followed")
                self._fail(error)
                return

    def _tidy(self) -> None:
        """Merges neighbours that have grown large, and changes over to newer columns."""
        # Of this thread alone, and of those it starts: callers wait for others.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        look_ns = 0
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._stopping or self._snapshot.due_merge() is not None,
                    LOOK_SECONDS,
                )
                if self._stopping:
                    return
            try:
                self.imported.look()
                # By the clock, or merges that never end would put newer columns off for ever.
                if monotonic_ns() >= look_ns:
                    self._change_over()
                    look_ns = monotonic_ns() + int(COLUMNS_SECONDS * 1e9)
                self._merge()
            except Exception:  # noqa: BLE001 - logged, and nobody waits for it
                # Unmerged runs and older columns answer as rightly, only slower.
                _log.exception("columns cannot be tidied")
                with self._building:
                    self._kept = 0
                with self._changed:
                    self._changed.wait(COLUMNS_SECONDS)

    def _merge(self) -> None:
        with self._building:
            runs, place = self._snapshot.runs, self._snapshot.due_merge()
            self._kept = 0 if place is None else place + 2
        if place is None:
            return
        merged = merge(runs[place], runs[place + 1], bottom=place == 0)
        with self._building:
            self._kept = 0
            self._publish(self._snapshot.with_merged(place, merged))

    def _change_over(self) -> None:
        """Serves from newer columns, if there are any, once they have caught up."""
        sequence = max(self._columns.sequences(), default=0)
        if sequence <= self._looked_at:
            return
        # Those that are damaged are looked at once, not over and over.
        self._looked_at = sequence
        reader = JournalReader(self._ledger, self.imported, recipher=self._columns.recipher)
        fresh = newest(self._ledger, self._columns)
        if fresh.sequence <= self._frozen:
            return
        try:
            while fresh.sequence < self._snapshot.sequence:
                fresh = reader.read_on(fresh)
            with self._building:
                while fresh.sequence < self._snapshot.sequence:
                    fresh = reader.read_on(fresh)
                self._frozen = fresh.sequence
                self._reader = reader
                self._publish(fresh)
        except ForgottenError:
            # Tried again at the next look, with the columns that there are then.
            self._looked_at = self._frozen

    def _publish(self, snapshot: Snapshot) -> None:
        with self._changed:
            self._snapshot = snapshot
            self._changed.notify_all()

    def _fail(self, error: Exception) -> None:
        fault = error if isinstance(error, RonganError) else RonganError(Reason.STORE_CORRUPT)
        with self._changed:
            self._fault = fault
            self._changed.notify_all()

    def _read_on(self, merging: Merging) -> None:
        """Serves what the next frames say, if there are any."""
        served = self._snapshot
        try:
            fresh = self._reader.read_on(served, merging=merging)
        except ForgottenError:
            # This process had stood still for longer than columns and a compaction take.
            self.open()
            return
        if fresh is not served:
            self._publish(fresh)
