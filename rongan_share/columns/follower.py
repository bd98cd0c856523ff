"""The follower: keeps the served snapshot up with the journal; callers may wait for a sequence."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from rongan_share.columns.build import follow
from rongan_share.columns.snapshot import Snapshot
from rongan_share.errors import Reason, RonganError
from rongan_share.ledger.journal import list_frames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rongan_share.ledger.environment import Ledger
    from rongan_share.ledger.journal import JournalFrame

WAIT_SECONDS = 1.0
"""How long a caller waits for a sequence that it must see."""

BATCH_FRAMES = 32
"""Frames read in one transaction, so that none is held for long."""

_log = logging.getLogger(__name__)


class Follower:
    """Owns the thread that reads the journal.

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
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Reads the whole journal, then keeps up in a thread.

        Raises:
            LedgerCorruptError: A frame's checksum does not match.
        """
        self._snapshot = self._read_on(self._snapshot)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

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
            raise self._fault
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
                snapshot = self._read_on(self._snapshot)
            except Exception as error:  # noqa: BLE001 - whatever it was, look-ups must stop
                _log.exception("the journal cannot be followed")
                fault = (
                    error if isinstance(error, RonganError) else RonganError(Reason.STORE_CORRUPT)
                )
                with self._changed:
                    self._fault = fault
                    self._changed.notify_all()
                return
            with self._changed:
                self._snapshot = snapshot
                self._changed.notify_all()

    def _read_on(self, snapshot: Snapshot) -> Snapshot:
        while True:
            frames = list(self._next_frames(snapshot.sequence))
            if not frames:
                return snapshot
            snapshot = follow(snapshot, frames)

    def _next_frames(self, after: int) -> Iterator[JournalFrame]:
        with self._ledger.read() as txn:
            for count, frame in enumerate(list_frames(txn, after), start=1):
                yield frame
                if count == BATCH_FRAMES:
                    return
