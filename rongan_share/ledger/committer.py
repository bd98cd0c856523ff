"""The committer: one thread that makes what was decided durable, many items in one transaction.

Nothing is decided here. Each item says what it was decided on; if that has moved, or a date has
passed by the commit's clock, the item is handed back to be decided again. A transaction that
cannot commit answers nothing.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from rongan_share.clock import Clock, monotonic_ns
from rongan_share.errors import Reason, RonganError
from rongan_share.ledger.group import Group, Result
from rongan_share.ledger.promise import Promise
from rongan_share.ledger.proposal import (
    Charge,
    Committed,
    Link,
    Placement,
    Proposal,
    time_ns,
)

if TYPE_CHECKING:
    from rongan_share.ledger.environment import Ledger

__all__ = ["Charge", "Committed", "Committer", "Link", "Placement", "Proposal", "time_ns"]

GROUP_LIMIT = 4_096
"""Most items taken from the queue at once."""

PAUSE_NS = 1_000_000
"""How long the committer waits for more items where commits follow one another, so that frames of a
stream share a transaction."""

LOCK_NS = 7_000_000
"""How long a transaction goes on taking items: none may hold LMDB's lock for over 10 ms."""

_log = logging.getLogger(__name__)


class Committer:
    """Owns the thread that writes.

    Args:
        ledger: The open store.
        clock: Tells the commit's time.
        on_sequence: Called after each commit that accepted changes, with the last sequence.
    """

    def __init__(self, ledger: Ledger, clock: Clock, on_sequence: Callable[[int], None]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._on_sequence = on_sequence
        self._queue: queue.SimpleQueue[tuple[Proposal, Promise[Committed]] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._stopping = False
        self._stopped = threading.Event()
        self._ended_ns = self._last_count = 0
        self._submitting = threading.Lock()

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def submit(self, proposal: Proposal) -> Promise[Committed]:
        """Queues an item.

        Returns:
            A promise of where it came to stand, or of MovedError if it must be decided again,
            or of a RonganError if it is refused or could not be committed.

        Raises:
            RonganError: HUB_STOPPING.
        """
        promise: Promise[Committed] = Promise()
        with self._submitting:
            if self._stopping:
                raise RonganError(Reason.HUB_STOPPING, retry_after_seconds=1.0)
            self._queue.put((proposal, promise))
        return promise

    def stop(self) -> None:
        """Commits what is queued and ends the thread."""
        with self._submitting:
            self._stopping = True
            self._stopped.set()
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            items, running = self._take()
            if items:
                self._commit(items)

    def _take(self) -> tuple[list[tuple[Proposal, Promise[Committed]]], bool]:
        items: list[tuple[Proposal, Promise[Committed]]] = []
        item = self._queue.get()
        if item is not None and self._expects_more(item[0]):
            self._stopped.wait(PAUSE_NS / 1e9)
        while item is not None:
            items.append(item)
            if len(items) == GROUP_LIMIT:
                return items, True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return items, True
        return items, False

    def _expects_more(self, proposal: Proposal) -> bool:
        """Tells whether others will follow this item at once; one that came alone never waits."""
        crowded = proposal.after is not None or self._last_count > 1
        return crowded and monotonic_ns() < self._ended_ns + PAUSE_NS

    def _commit(self, items: list[tuple[Proposal, Promise[Committed]]]) -> None:
        while items:
            try:
                group = self._write(items)
            except RonganError as error:
                for proposal, promise in items:
                    proposal.link.placed = False
                    promise.fail(error.noting())
                return
            except Exception as error:  # noqa: BLE001 - a caller waits for every item, whatever went wrong
                self._isolate(items, error)
                return
            if group.accepted_changes:
                self._on_sequence(group.sequence)
            _tell(group.results)
            items = items[len(group.results) :]

    def _isolate(self, items: list[tuple[Proposal, Promise[Committed]]], error: Exception) -> None:
        """Commits items one by one after a fault, so that one bad item takes no other with it."""
        for proposal, _ in items:
            proposal.link.placed = False
        if len(items) > 1:
            for item in items:
                self._commit([item])
            return
        _log.error("commit failed", exc_info=error)
        refusal = RonganError(Reason.STORE_FAILED)
        refusal.__cause__ = error
        items[0][1].fail(refusal)

    def _write(self, items: list[tuple[Proposal, Promise[Committed]]]) -> Group:
        with self._ledger.write() as txn:
            group = Group(txn, self._clock.now())
            end_ns = monotonic_ns() + LOCK_NS
            for proposal, promise in items:
                if group.results and monotonic_ns() > end_ns:
                    break
                group.place(proposal, promise)
            group.finish()
        self._ended_ns, self._last_count = monotonic_ns(), len(group.results)
        return group


def _tell(results: list[Result]) -> None:
    """Wakes whoever waits for items, now that they are durable or refused."""
    for promise, result in results:
        if isinstance(result, Exception):
            promise.fail(result)
        else:
            promise.keep(result)
