"""Which time compaction believes: what it drops by a wrong clock, no right one brings back.

A clock is believed while it goes on from what was believed before. One that is far ahead of that is
wrong, or the hub stood still for long; entries and frames do not tell which, as they bear its time
too. It is believed once it has gone as evenly as the monotonic clock for a day, in which somebody
may read the log and set it right.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rongan_share.clock import instant_of
from rongan_share.ledger.compacted import get_believed_time, put_believed_time
from rongan_share.ledger.journal import find_newest_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from rongan_share.ledger.environment import Ledger

_HOUR_NS = 3_600 * 1_000_000_000

MOST_AHEAD_NS = 7 * 24 * _HOUR_NS
"""How far a clock may be ahead of what was believed last and still be believed at once."""

EVEN_NS = 24 * _HOUR_NS
"""How long a clock further ahead must go evenly, by the monotonic clock of one process."""

_UNEVEN_NS = _HOUR_NS
_log = logging.getLogger(__name__)


class Believing:
    """Judges the clock, look after look.

    Args:
        ledger: Keeps what was believed last.
        monotonic: Nanoseconds of a clock that nobody sets.
    """

    def __init__(self, ledger: Ledger, monotonic: Callable[[], int]) -> None:
        self._ledger = ledger
        self._monotonic = monotonic
        self._doubted: tuple[int, int] | None = None

    def look(self, now_ns: int) -> bool:
        """Tells whether a time is believed, and remembers it if so.

        Args:
            now_ns: What the hub's clock says, nanoseconds since 1970-01-01 UTC.
        """
        with self._ledger.read() as txn:
            newest_ns, believed_ns = find_newest_time(txn), get_believed_time(txn)
        # A clock behind what it said before is wrong, now or then.
        if now_ns < max(newest_ns, believed_ns):
            self._doubted = None
            return False
        # Before the first look the journal is all there is to go by.
        last_ns = believed_ns or newest_ns
        if last_ns and now_ns - last_ns > MOST_AHEAD_NS and not self._went_evenly(now_ns, last_ns):
            return False
        self._doubted = None
        with self._ledger.write() as txn:
            put_believed_time(txn, now_ns)
        return True

    def _went_evenly(self, now_ns: int, last_ns: int) -> bool:
        """Tells whether a doubted clock has gone evenly for long enough."""
        ticks = self._monotonic()
        if self._doubted is not None:
            first_ns, first_ticks = self._doubted
            passed = ticks - first_ticks
            if abs(now_ns - first_ns - passed) <= _UNEVEN_NS:
                return passed >= EVEN_NS
        self._doubted = now_ns, ticks
        _log.warning(
            "the clock is far ahead, nothing is compacted for a day now=%s last=%s",
            instant_of(now_ns).isoformat(),
            instant_of(last_ns).isoformat(),
        )
        return False
