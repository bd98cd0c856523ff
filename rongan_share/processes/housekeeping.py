"""Housekeeping: frees reader slots of dead processes, forgets what is outdated."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rongan_share.clock import Clock, nanoseconds
from rongan_share.errors import StartRefusedError
from rongan_share.ledger.environment import Table
from rongan_share.ledger.imports import KEPT_NS, ImportState, drop_staged, list_imports
from rongan_share.ledger.store_lock import ImportLock
from rongan_share.ledger.streams import FRAME_MEMORY_NS, REPEAT_MEMORY_NS, list_outdated

if TYPE_CHECKING:
    from pathlib import Path
    from threading import Event

    from rongan_share.ledger.environment import Ledger

SLICE_KEYS = 1_000
"""Keys looked through in one transaction, so that none is held for long."""

_log = logging.getLogger(__name__)
_MEMORY_NS = {Table.FRAMES: FRAME_MEMORY_NS, Table.REPEATS: REPEAT_MEMORY_NS}


class Housekeeping:
    """What the ledger needs done to it now and then.

    Args:
        ledger: The store.
        clock: Tells the time.
        directory: Where the store is.
    """

    def __init__(self, ledger: Ledger, clock: Clock, directory: Path) -> None:
        self._ledger = ledger
        self._clock = clock
        self._directory = directory

    def round(self, stopping: Event) -> int:
        """Does one round, or a part of it if the hub stops; returns how many keys it forgot."""
        self._ledger.reclaim_readers()
        self._drop_imports(stopping)
        return sum(self._forget(table, stopping) for table in _MEMORY_NS)

    def _drop_imports(self, stopping: Event) -> None:
        """Removes what was staged and never committed, once nobody goes on with it."""
        before_ns = nanoseconds(self._clock.now()) - KEPT_NS
        with self._ledger.read() as txn:
            outdated = [
                import_id
                for import_id, record in list_imports(txn)
                if record.state is ImportState.DROPPED
                or (not record.committed and record.touched_ns < before_ns)
            ]
        if not outdated:
            return
        try:
            lock = ImportLock(self._directory)
        except StartRefusedError:
            # Whoever imports may be reading the parts of one of these; the next round looks again.
            return
        try:
            for import_id in outdated:
                if stopping.is_set():
                    return
                if drop_staged(self._ledger, import_id, before_ns=before_ns):
                    _log.info("an import was dropped import_id=%s", import_id.hex())
        finally:
            lock.release()

    def _forget(self, table: Table, stopping: Event) -> int:
        before_ns = nanoseconds(self._clock.now()) - _MEMORY_NS[table]
        start, forgotten = b"", 0
        while not stopping.is_set():
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
