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
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from rongan_share.clock import Clock, monotonic_ns, nanoseconds
from rongan_share.errors import MovedError, Reason, RonganError
from rongan_share.ledger import counters, entries, quotas
from rongan_share.model.quota import (
    Meter,
    Quota,
    QuotaLeft,
    QuotaState,
    bring_up_to_date,
    left_of,
    spend,
)
from rongan_share.wire.days import shanghai_day

if TYPE_CHECKING:
    from rongan_share.ledger.environment import Ledger, Transaction
    from rongan_share.wire.merkle import Frontier

GROUP_LIMIT = 4_096
"""Most items taken from the queue at once."""

LOCK_NS = 7_000_000
"""How long a transaction goes on taking items: none may hold LMDB's lock for over 10 ms."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an item came to stand.

    Attributes:
        time: The commit's instant.
        entry_index: Place of its entry in the audit log.
        sequence: Its sequence, or the last one before it where it takes none.
    """

    time: datetime
    entry_index: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Charge:
    """What an item costs.

    Attributes:
        partner_number: Who pays.
        meter: Of which meter.
        quota: Its limits.
        cost: Tokens or rows.
    """

    partner_number: int
    meter: Meter
    quota: Quota
    cost: int


@dataclass(frozen=True, slots=True)
class Committed:
    """What an item's caller is told after the commit.

    Attributes:
        placement: Where it came to stand.
        quota_left: What its agreement still allows, where it has a meter.
    """

    placement: Placement
    quota_left: QuotaLeft | None


class Link:
    """Ties an item to the one before it in its stream: none may come true before that one has.

    Attributes:
        placed: Whether the item has a place in the log; set and read by the committer alone.
    """

    __slots__ = ("placed",)

    def __init__(self) -> None:
        self.placed = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One decided item.

    Attributes:
        make_entry: Makes the canonical bytes of its audit entry.
        generation: Gate generation it was decided on; None where it depends on none.
        day: Date in Asia/Shanghai it was decided on; None where it depends on none.
        expectations: Each raises MovedError if what the decision read has changed.
        link: The item's own place in its stream.
        after: Link of the item before it in its stream; None where it follows none.
        charge: What it costs.
        takes_sequence: Whether it is an accepted change of listings.
        bumps_generation: Whether decisions under way must be made again after it.
        writes: Its effects.
        nonce: Opens the entry's commitments, sealed under the hub key; empty for none.
        business_refs: The partner's pseudonyms; empty for none.
        disclosure: Listing ids shown, u64 each; empty for none.
    """

    make_entry: Callable[[Placement], bytes]
    generation: int | None = None
    day: int | None = None
    expectations: tuple[Callable[[Transaction], None], ...] = ()
    link: Link = field(default_factory=Link)
    after: Link | None = None
    charge: Charge | None = None
    takes_sequence: bool = False
    bumps_generation: bool = False
    writes: tuple[Callable[[Transaction, Placement], None], ...] = ()
    nonce: bytes = b""
    business_refs: bytes = b""
    disclosure: bytes = b""


class HalfWrittenError(Exception):
    """An item failed while it was being written; its transaction is given up."""


@dataclass(slots=True)
class _Group:
    """What changes from item to item within one transaction."""

    txn: Transaction
    now: datetime
    frontier: Frontier
    sequence: int
    results: list[tuple[Future[Committed], Committed | Exception]] = field(default_factory=list)


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
        self._queue: queue.SimpleQueue[tuple[Proposal, Future[Committed]] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._stopping = False
        self._submitting = threading.Lock()

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def submit(self, proposal: Proposal) -> Future[Committed]:
        """Queues an item.

        Returns:
            A future with where it came to stand, or with MovedError if it must be decided again,
            or with a RonganError if it is refused or could not be committed.

        Raises:
            RonganError: HUB_STOPPING.
        """
        future: Future[Committed] = Future()
        with self._submitting:
            if self._stopping:
                raise RonganError(Reason.HUB_STOPPING, retry_after_seconds=1.0)
            self._queue.put((proposal, future))
        return future

    def stop(self) -> None:
        """Commits what is queued and ends the thread."""
        with self._submitting:
            self._stopping = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            items, running = self._take()
            if items:
                self._commit(items)

    def _take(self) -> tuple[list[tuple[Proposal, Future[Committed]]], bool]:
        items: list[tuple[Proposal, Future[Committed]]] = []
        item = self._queue.get()
        while item is not None:
            items.append(item)
            if len(items) == GROUP_LIMIT:
                return items, True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return items, True
        return items, False

    def _commit(self, items: list[tuple[Proposal, Future[Committed]]]) -> None:
        while items:
            try:
                group, before = self._write(items)
            except RonganError as error:
                for proposal, future in items:
                    proposal.link.placed = False
                    future.set_exception(error.noting())
                return
            except Exception as error:  # noqa: BLE001 - a caller waits for every item, whatever went wrong
                self._isolate(items, error)
                return
            if group.sequence != before:
                self._on_sequence(group.sequence)
            _tell(group.results)
            items = items[len(group.results) :]

    def _isolate(self, items: list[tuple[Proposal, Future[Committed]]], error: Exception) -> None:
        """Commits items one by one after a fault, so that one bad item takes no other with it."""
        if len(items) > 1:
            for proposal, _ in items:
                proposal.link.placed = False
            for item in items:
                self._commit([item])
            return
        _log.error("commit failed", exc_info=error)
        refusal = RonganError(Reason.STORE_FAILED)
        refusal.__cause__ = error
        items[0][1].set_exception(refusal)

    def _write(self, items: list[tuple[Proposal, Future[Committed]]]) -> tuple[_Group, int]:
        with self._ledger.write() as txn:
            before = counters.get_list_sequence(txn)
            group = _Group(txn, self._clock.now(), entries.get_frontier(txn), before)
            size = group.frontier.size
            end_ns = monotonic_ns() + LOCK_NS
            for proposal, future in items:
                if group.results and monotonic_ns() > end_ns:
                    break
                try:
                    group.results.append((future, _place(group, proposal)))
                except (RonganError, MovedError) as error:
                    group.results.append((future, error))
            if group.frontier.size != size:
                entries.put_frontier(txn, group.frontier)
            if group.sequence != before:
                counters.put_list_sequence(txn, group.sequence)
        return group, before


def _tell(results: list[tuple[Future[Committed], Committed | Exception]]) -> None:
    """Wakes whoever waits for items, now that they are durable or refused."""
    for future, result in results:
        if not future.set_running_or_notify_cancel():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


def _place(group: _Group, proposal: Proposal) -> Committed:
    """Writes one item after every check that could hand it back.

    A refused one leaves no trace, but for a debt that a clock gone back had made too long.
    """
    txn = group.txn
    if proposal.generation is not None and proposal.generation != counters.get_generation(txn):
        raise MovedError
    if proposal.day is not None and proposal.day != shanghai_day(group.now):
        raise MovedError
    if proposal.after is not None and not proposal.after.placed:
        raise MovedError
    for expect in proposal.expectations:
        expect(txn)
    spent = _spend(group, proposal.charge)
    sequence = group.sequence + 1 if proposal.takes_sequence else group.sequence
    placement = Placement(group.now, group.frontier.size, sequence)
    try:
        _apply(group, proposal, placement, spent=spent)
    except (RonganError, MovedError) as error:
        # A refusal here would leave half an item behind: the whole transaction must go.
        raise HalfWrittenError from error
    group.sequence = sequence
    proposal.link.placed = True
    left = (
        left_of(proposal.charge.quota, spent, now=group.now) if proposal.charge and spent else None
    )
    return Committed(placement, left)


def _apply(
    group: _Group, proposal: Proposal, placement: Placement, *, spent: QuotaState | None
) -> None:
    """Writes the item's debit, its effects, its entry and what stands beside it."""
    txn, index = group.txn, placement.entry_index
    if proposal.charge is not None and spent is not None and proposal.charge.cost:
        quotas.put_quota_state(
            txn, proposal.charge.partner_number, proposal.charge.meter, state=spent
        )
    for write in proposal.writes:
        write(txn, placement)
    if proposal.bumps_generation:
        counters.bump_generation(txn)
    group.frontier = entries.append_entry(txn, group.frontier, proposal.make_entry(placement))
    if proposal.nonce:
        entries.put_nonce(txn, index, proposal.nonce)
    if proposal.business_refs:
        entries.put_business_refs(txn, index, proposal.business_refs)
    if proposal.disclosure:
        entries.put_disclosure(txn, index, proposal.disclosure)


def _spend(group: _Group, charge: Charge | None) -> QuotaState | None:
    if charge is None:
        return None
    state = quotas.get_quota_state(group.txn, charge.partner_number, charge.meter)
    settled = bring_up_to_date(charge.quota, state, now=group.now)
    if settled.theoretical_ns < state.theoretical_ns:
        # Saved even if this item is refused: the time it is told to wait must come to an end.
        quotas.put_quota_state(group.txn, charge.partner_number, charge.meter, state=settled)
    return spend(charge.quota, settled, meter=charge.meter, cost=charge.cost, now=group.now)


def time_ns(placement: Placement) -> int:
    """Returns a placement's instant in nanoseconds since 1970-01-01 UTC."""
    return nanoseconds(placement.time)
