"""The follower: keeps the served snapshot up with the journal; callers may wait for a sequence."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from rongan_share.columns.build import follow
from rongan_share.columns.run import merge
from rongan_share.columns.snapshot import AT_ONCE, Merging, Snapshot
from rongan_share.errors import LedgerCorruptError, Reason, RonganError
from rongan_share.ledger.counters import get_list_sequence
from rongan_share.ledger.journal import list_frames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rongan_share.ledger.environment import Ledger
    from rongan_share.ledger.journal import JournalFrame

WAIT_SECONDS = 1.0
"""How long a caller waits for a sequence that it must see."""

BATCH_FRAMES = 32
"""Frames read in one transaction, so that none is held for long."""

MERGE_ROWS = 200_000
"""Rows that may be merged while callers wait; more are merged beside, while look-ups go on."""

_log = logging.getLogger(__name__)


class Follower:
    """Owns the thread that reads the journal, and the one that merges what has grown large.

    If a frame cannot be read, look-ups stop: an answer from half a journal would read as "not
    listed".
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._snapshot = Snapshot(0)
        self._fault: RonganError | None = None
        self._wanted = 0
        self._stopping = False
        self._changed = threading.Condition()
        # Held by whoever makes the next snapshot from the present one.
        self._building = threading.Lock()
        self._kept = 0
        self._threads = [
            threading.Thread(target=self._run, name="follower", daemon=True),
            threading.Thread(target=self._merge_on, name="merger", daemon=True),
        ]

    def start(self) -> None:
        """Reads the whole journal, then keeps up in a thread.

        Raises:
            LedgerCorruptError: A frame's checksum does not match.
        """
        before = -1
        while self._snapshot.sequence != before:
            before = self._snapshot.sequence
            self._snapshot = self._read_on(self._snapshot, AT_ONCE)
        with self._ledger.read() as txn:
            accepted = get_list_sequence(txn)
        if self._snapshot.sequence != accepted:
            raise LedgerCorruptError("journal", accepted.to_bytes(8, "big"))
        for thread in self._threads:
            thread.start()

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
                self._changed.wait_for(
                    lambda: self._stopping or self._wanted > self._snapshot.sequence
                )
                if self._stopping:
                    return
            try:
                with self._building:
                    merging = Merging(MERGE_ROWS, self._kept)
                    self._publish(self._read_on(self._snapshot, merging))
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

    def _merge_on(self) -> None:
        """Merges neighbours that have grown large, one pair after another."""
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._stopping or self._snapshot.due_merge() is not None
                )
                if self._stopping:
                    return
            with self._building:
                runs, place = self._snapshot.runs, self._snapshot.due_merge()
                self._kept = 0 if place is None else place + 2
            if place is None:
                continue
            try:
                merged = merge(runs[place], runs[place + 1], bottom=place == 0)
            except Exception:  # noqa: BLE001 - logged, and nobody waits for it
                # Unmerged runs answer as rightly, only slower.
                _log.exception("runs cannot be merged")
                with self._building:
                    self._kept = 0
                return
            with self._building:
                self._kept = 0
                self._publish(self._snapshot.with_merged(place, merged))

    def _publish(self, snapshot: Snapshot) -> None:
        with self._changed:
            self._snapshot = snapshot
            self._changed.notify_all()

    def _fail(self, error: Exception) -> None:
        fault = error if isinstance(error, RonganError) else RonganError(Reason.STORE_CORRUPT)
        with self._changed:
            self._fault = fault
            self._changed.notify_all()

    def _read_on(self, snapshot: Snapshot, merging: Merging) -> Snapshot:
        """Returns the snapshot after the next frames, as many as one transaction should read."""
        return follow(snapshot, list(self._next_frames(snapshot.sequence)), merging=merging)

    def _next_frames(self, after: int) -> Iterator[JournalFrame]:
        with self._ledger.read() as txn:
            for count, frame in enumerate(list_frames(txn, after), start=1):
                yield frame
                if count == BATCH_FRAMES:
                    return
