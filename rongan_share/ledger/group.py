"""One transaction of the committer: places item after item, and writes once what they share.

What only this transaction can change while it is open (the generation, the frontier, what was
spent) is read once and kept beside it; what changed of it is written at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.clock import nanoseconds
from rongan_share.errors import MovedError, RonganError
from rongan_share.ledger import counters, entries, quotas
from rongan_share.ledger.promise import Promise
from rongan_share.ledger.proposal import Charge, Committed, Placement, Proposal
from rongan_share.ledger.streams import is_unmoved, put_claim
from rongan_share.model.quota import Meter, QuotaState, bring_up_to_date, left_of, spend
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.merkle import leaf_hash

if TYPE_CHECKING:
    from datetime import datetime

    from rongan_share.ledger.environment import Transaction

Result = tuple[Promise[Committed], Committed | Exception]
"""Who waits for an item, and what became of it."""


class HalfWrittenError(Exception):
    """An item failed while it was being written; its transaction is given up."""


class Group:
    """The items of one transaction.

    Args:
        txn: The open write transaction.
        now: The commit's instant, the same for all.

    Attributes:
        sequence: The last sequence given out.
        results: What became of each item so far.
    """

    def __init__(self, txn: Transaction, now: datetime) -> None:
        self._txn = txn
        self._now = now
        self._day = shanghai_day(now)
        self._generation = counters.get_generation(txn)
        self._frontier = entries.get_frontier(txn)
        self._size = self._frontier.size
        self._spent: dict[tuple[int, Meter], QuotaState] = {}
        self._owed: set[tuple[int, Meter]] = set()
        self._entries: list[tuple[int, bytes]] = []
        self._nonces: list[tuple[int, bytes]] = []
        self._before = self.sequence = counters.get_list_sequence(txn)
        self.results: list[Result] = []

    @property
    def accepted_changes(self) -> bool:
        """Whether any item took a sequence."""
        return self.sequence != self._before

    def place(self, proposal: Proposal, promise: Promise[Committed]) -> None:
        """Writes one item after every check that could hand it back.

        A refused one leaves no trace, but for a debt that a clock gone back had made too long.
        """
        try:
            self._verify_unmoved(proposal)
            spent = self._pay(proposal)
            # Last, for it is check and effect in one step.
            if proposal.claim is not None and not put_claim(
                self._txn, proposal.claim, nanoseconds(self._now)
            ):
                raise MovedError  # noqa: TRY301 - as the other checks do
        except (RonganError, MovedError) as error:
            self.results.append((promise, error))
            return
        sequence = self.sequence + min(proposal.sequence_count, 1)
        placement = Placement(self._now, self._frontier.size, sequence)
        try:
            self._apply(proposal, placement, spent=spent)
        except (RonganError, MovedError) as error:
            # A refusal here would leave half an item behind: the whole transaction must go.
            raise HalfWrittenError from error
        self.sequence += proposal.sequence_count
        proposal.link.placed = True
        charge = proposal.charge
        left = left_of(charge.quota, spent, now=self._now) if charge and spent else None
        self.results.append((promise, Committed(placement, left)))

    def finish(self) -> None:
        """Writes what the items share; nothing may be placed after it."""
        for partner_number, meter in self._owed:
            state = self._spent[partner_number, meter]
            quotas.put_quota_state(self._txn, partner_number, meter, state=state)
        entries.append_entries(self._txn, self._entries)
        entries.append_nonces(self._txn, self._nonces)
        if self._frontier.size != self._size:
            entries.put_frontier(self._txn, self._frontier)
        if self.accepted_changes:
            counters.put_list_sequence(self._txn, self.sequence)

    def _verify_unmoved(self, proposal: Proposal) -> None:
        if proposal.generation is not None and proposal.generation != self._generation:
            raise MovedError
        if proposal.day is not None and proposal.day != self._day:
            raise MovedError
        if proposal.after is not None and not proposal.after.placed:
            raise MovedError
        for expect in proposal.expectations:
            expect(self._txn)

    def _pay(self, proposal: Proposal) -> QuotaState | None:
        """Spends what an item costs; nobody is refused for the price of a repeated question.

        Raises:
            MovedError: It is a repeated one, and was priced as if it were new.
            RonganError: QUOTA_EXCEEDED or FRAME_OVER_BURST.
        """
        try:
            return self._spend(proposal.charge)
        except RonganError:
            if proposal.claim is not None and not is_unmoved(self._txn, proposal.claim):
                raise MovedError from None
            raise

    def _spend(self, charge: Charge | None) -> QuotaState | None:
        if charge is None:
            return None
        payer = charge.partner_number, charge.meter
        state = self._spent.get(payer)
        if state is None:
            state = quotas.get_quota_state(self._txn, *payer)
            settled = bring_up_to_date(charge.quota, state, now=self._now)
            if settled.theoretical_ns < state.theoretical_ns:
                # Saved even if this item is refused: the time it is told to wait must end.
                self._owed.add(payer)
            self._spent[payer] = state = settled
        return spend(charge.quota, state, meter=charge.meter, cost=charge.cost, now=self._now)

    def _apply(self, proposal: Proposal, placement: Placement, *, spent: QuotaState | None) -> None:
        """Writes the item's debit, its effects, its entry and what stands beside it."""
        charge, index = proposal.charge, placement.entry_index
        if charge is not None and spent is not None and charge.cost:
            payer = charge.partner_number, charge.meter
            self._spent[payer] = spent
            self._owed.add(payer)
        for write in proposal.writes:
            write(self._txn, placement)
        if proposal.bumps_generation:
            self._generation = counters.bump_generation(self._txn)
        entry = proposal.make_entry(placement)
        self._entries.append((index, entry))
        self._frontier = self._frontier.append(leaf_hash(entry))
        if proposal.nonce:
            self._nonces.append((index, proposal.nonce))
        if proposal.business_refs:
            entries.put_business_refs(self._txn, index, proposal.business_refs)
        if proposal.disclosure:
            entries.put_disclosure(self._txn, index, proposal.disclosure)
