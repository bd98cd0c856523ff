"""Housekeeping: frees reader slots of dead processes and forgets outdated frames and questions."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from rongan_share.clock import Clock, nanoseconds
from rongan_share.ledger.environment import Table
from rongan_share.ledger.streams import FRAME_MEMORY_NS, REPEAT_MEMORY_NS, list_outdated

if TYPE_CHECKING:
    from rongan_share.ledger.environment import Ledger

ROUND_SECONDS = 30.0
"""Time between rounds."""

SLICE_KEYS = 1_000
"""Keys looked through in one transaction, so that none is held for long."""

_MEMORY_NS = {Table.FRAMES: FRAME_MEMORY_NS, Table.REPEATS: REPEAT_MEMORY_NS}
_log = logging.getLogger(__name__)


class Housekeeping:
    """Owns the thread of these rounds."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._stop.set()
        self._thread.join()

    def round(self) -> int:
        """Does one round; returns how many keys were forgotten."""
        self._ledger.reclaim_readers()
        return sum(self._forget(table) for table in _MEMORY_NS)

    def _forget(self, table: Table) -> int:
        before_ns = nanoseconds(self._clock.now()) - _MEMORY_NS[table]
        start, forgotten = b"", 0
        while not self._stop.is_set():
            with self._ledger.read() as txn:
                outdated, start = list_outdated(
                    txn, table, before_ns, start=start, limit=SLICE_KEYS
                )
            if outdated:
                with self._ledger.write() as txn:
                    for key in outdated:
                        txn.delete(table, key)
                forgotten += len(outdated)
            if not start:
                break
        return forgotten

    def _run(self) -> None:
        while not self._stop.wait(ROUND_SECONDS):
            try:
                self.round()
            except Exception:  # noqa: BLE001 - tried again at the next round, whatever it was
                _log.exception("housekeeping failed")
