"""The chore of compaction: when a pass is due, and what it may touch."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rongan_share.clock import Clock, monotonic_ns, nanoseconds
from rongan_share.columns.freeze import newest_sequence
from rongan_share.ledger.compacted import get_compacted
from rongan_share.ledger.compaction import Compactor
from rongan_share.processes.believing import Believing
from rongan_share.processes.expiring import Expiring

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from rongan_share.config import Settings
    from rongan_share.ledger.compacted import Compacted
    from rongan_share.ledger.environment import Ledger
    from rongan_share.processes.column_folder import ColumnSets

DAY_NS = 86_400 * 1_000_000_000
"""Time between passes, and the unit of retention: a day later there is a day more to drop."""

_log = logging.getLogger(__name__)


class Compacting:
    """Ends what expired long ago and compacts the journal, once a day.

    Args:
        settings: Say how long what has ended is kept.
        ledger: The ledger.
        sets: Frozen columns; what they do not hold yet is left alone.
        clock: The hub's clock.
        monotonic: Nanoseconds of a clock that nobody sets.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        sets: ColumnSets,
        *,
        clock: Clock,
        monotonic: Callable[[], int] = monotonic_ns,
    ) -> None:
        self._expiring = Expiring(settings, ledger, sets, clock=clock)
        self._believing = Believing(ledger, monotonic)
        self._retention_ns = settings.retention.ended_days * DAY_NS
        self._ledger = ledger
        self._sets = sets
        self._clock = clock

    def round(self, stopping: Event) -> Compacted | None:
        """Makes a pass if one is due, by a clock that can be believed; None otherwise."""
        now = self._clock.now()
        now_ns = nanoseconds(now)
        if not self._believing.look(now_ns):
            return None
        with self._ledger.read() as txn:
            before = get_compacted(txn)
        if before.time_ns and now_ns < before.time_ns + DAY_NS:
            return None
        # Readers who begin with columns never go back behind them.
        through = self._frozen_through()
        if not through:
            return None
        expired_count = self._expiring.round(now, stopping)
        if expired_count:
            _log.info("expired listings withdrawn listings=%d", expired_count)
        epochs = {target.epoch for target in self._sets.targets()}
        compactor = Compactor(self._ledger, stopping)
        done = compactor.run(now_ns - self._retention_ns, through, now_ns=now_ns, epochs=epochs)
        if done is not None:
            _log.info(
                "journal compacted rows=%d bytes=%d",
                done.row_count - before.row_count,
                done.freed_bytes - before.freed_bytes,
            )
        return done

    def _frozen_through(self) -> int:
        """Returns up to where the columns of every set reach that has any; 0 if none has."""
        reached = [
            newest_sequence(self._ledger, self._sets.of(target)) for target in self._sets.targets()
        ]
        return min((sequence for sequence in reached if sequence), default=0)
