"""The walk: what every call, and every frame of a stream, goes through. Read this file first.

    bytes over mTLS -> identity -> agreement -> quota -> service -> commit -> reply

What comes here was admitted: `gate/admission.py` has counted what its caller has under way.
`decide` takes an item up to the commit, `settle` waits for the commit and replies. Between the two
the next frame of a stream may already be decided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from rongan_share.clock import monotonic_ns
from rongan_share.errors import MovedError, Reason, RonganError
from rongan_share.gate.agreement import verify_scope
from rongan_share.gate.entries import EntryParts, entry_maker
from rongan_share.gate.identity import parse_claim, verify_caller
from rongan_share.gate.nonces import Nonces
from rongan_share.gate.promotion import promoting
from rongan_share.gate.quota import LastSeen, charge_of, refuse_early
from rongan_share.gate.refusals import RefusalKind
from rongan_share.gate.registries import Registries
from rongan_share.gate.routes import Question, Reading
from rongan_share.ledger.committer import Charge, Committed, Committer, Link, Placement, Proposal
from rongan_share.ledger.reader import Reader
from rongan_share.model.caller import NOBODY
from rongan_share.services.call import Call, put_placement
from rongan_share.wire.days import shanghai_day

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from rongan_share.clock import Clock
    from rongan_share.columns.followers import Followers
    from rongan_share.columns.snapshot import Snapshot
    from rongan_share.gate.routes import Route
    from rongan_share.ledger.environment import Ledger
    from rongan_share.ledger.promise import Promise
    from rongan_share.model.caller import ClaimedCaller
    from rongan_share.model.quota import QuotaLeft
    from rongan_share.model.registry import Registry
    from rongan_share.services.call import Outcome
    from rongan_share.services.hub import HubFacts

Read = Callable[[], Reading]
"""Reads a request, and may refuse it."""

Serve = Callable[[Call, Question], "Outcome"]
"""Decides an item."""

ATTEMPTS = 16
"""How often an item is decided again because something moved, before it is refused."""


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """The other end of a call.

    Attributes:
        certificate_pem: Its leaf certificate, as TLS received it; empty if there is none.
        call_id: The hub's own number of the call, for its log.
        receipt_ns: When the item arrived, by a clock that never goes back.
    """

    certificate_pem: bytes
    call_id: str
    receipt_ns: int

    def duration_us(self) -> int:
        """Returns the microseconds since receipt."""
        return (monotonic_ns() - self.receipt_ns) // 1_000


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """An item that is decided and on its way to the disk.

    Attributes:
        route: Its row of the route table.
        peer: The other end, as the item arrived.
        reading: The request, kept in case it must be decided again.
        serve: What decided it.
        outcome: What the service answered.
        nonce: Opens the commitments of its entry; told to the caller.
        link: Its place in its stream, for the frame behind it.
        charge: What it costs; None on routes that no quota pays.
        promise: Kept once the item is durable, handed back or refused.
    """

    route: Route
    peer: Peer
    reading: Reading
    serve: Serve | None
    outcome: Outcome
    nonce: bytes
    link: Link
    charge: Charge | None
    promise: Promise[Committed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Everything that the steps need, put together at start."""

    ledger: Ledger
    followers: Followers
    committer: Committer
    clock: Clock
    hub: HubFacts
    registries: Registries
    nonces: Nonces = field(default_factory=Nonces)
    seen: LastSeen = field(default_factory=LastSeen)

    def admit(self, route: Route, peer: Peer) -> None:
        """Takes the opening of a stream as far as identity; its frames go the whole way.

        Raises:
            RonganError: The caller is not let in.
        """
        with Reader(self.ledger) as reader:
            self._identify(route, peer, reader, known=None)

    def decide(self, route: Route, peer: Peer, read: Read, *, after: Link | None = None) -> Pending:
        """Takes an item through the steps up to the commit.

        Nothing is read of the ledger if it can be helped: what may have moved, the commit finds
        out. A refusal is not committed on anything, so it must be certain.

        Args:
            route: Its row of the route table.
            peer: The other end.
            read: Reads the request; called once the caller is known.
            after: Link of the frame before it, which must come true first.

        Raises:
            RonganError: The first step that refuses.
        """
        known = self.registries.known
        if known is not None:
            try:
                return self._decide(route, peer, read, serve=route.serve, after=after, known=known)
            except RonganError:
                with Reader(self.ledger) as reader:
                    if self.registries.current(reader.transaction()) is known:
                        raise
        return self._decide(route, peer, read, serve=route.serve, after=after, known=None)

    def _decide(
        self,
        route: Route,
        peer: Peer,
        read: Read,
        *,
        serve: Serve | None,
        after: Link | None = None,
        known: Registry | None = None,
    ) -> Pending:
        """Takes an item through the steps, by the registry that is known or the ledger's own."""
        link = Link()
        with Reader(self.ledger) as reader:
            call = self._identify(route, peer, reader, known=known)  # 1 identity
            reading = read()
            if route.caller is not None:
                call = msgspec.structs.replace(call, caller=route.caller(reading.question))
            if route.scope is not None:  # 2 agreement
                scope = route.scope(reading.question)
                verify_scope(call.caller, call.registry, scope, day=call.day)
            if serve is None:
                raise RonganError(Reason.RPC_NOT_SERVED)
            refuse_early(route, call, reading.question, seen=self.seen)  # 3 quota
            outcome = promoting(call, serve(call, reading.question))  # 4 service
            nonce = self.nonces.take()
            parts = EntryParts(route=route, call=call, outcome=outcome, nonce=nonce)
            make_entry = entry_maker(
                parts, canonical=reading.canonical, duration_us=peer.duration_us
            )
            proposal = _propose(parts, make_entry, link=link, after=after)
        return Pending(
            route=route,
            peer=peer,
            reading=reading,
            serve=serve,
            outcome=outcome,
            nonce=nonce,
            link=link,
            charge=proposal.charge,
            promise=self.committer.submit(proposal),  # 5 commit
        )

    def settle(self, pending: Pending) -> Message:
        """Waits until an item is durable and replies; decides it again if something moved.

        What an outcome says is to follow it is done once it is durable, and decided and committed
        like an item of its own, so that no effect outside the ledger comes before its entry.

        Raises:
            RonganError: A refusal, or the commit failed: then nothing is answered.
        """
        for _ in range(ATTEMPTS):
            try:
                committed = pending.promise.result()
            except MovedError:
                # The frame before it, if there is one, has been settled by now.
                pending = self._decide_again(pending, pending.serve)
                continue
            except RonganError:
                self._note_left(pending.charge, None)
                raise
            self._note_left(pending.charge, committed.quota_left)
            if pending.outcome.then is not None:
                pending = self._decide_again(pending, _following(pending.outcome.then))
                continue
            put_placement(pending.outcome, committed, pending.nonce)  # 6 reply
            return pending.outcome.answer
        raise RonganError(Reason.STORE_BUSY, retry_after_seconds=0.1)

    def _decide_again(self, pending: Pending, serve: Serve | None) -> Pending:
        """Takes an item through the steps by the ledger as it stands now."""
        return self._decide(pending.route, pending.peer, _known(pending.reading), serve=serve)

    def claim(self, peer: Peer) -> ClaimedCaller:
        """Reads who a peer's certificate names.

        Raises:
            RonganError: IDENTITY_UNREADABLE.
        """
        return parse_claim(peer.certificate_pem, self.hub.trust_domain)

    def refusal_kind(self, route: Route, peer: Peer, error: RonganError) -> RefusalKind:
        """Says under whose name a refusal is entered, as far as that can be told."""
        try:
            claim = self.claim(peer)
        except RonganError:
            return RefusalKind("", "", "", route.method, error.reason.name)
        return RefusalKind(
            claim.kind.name.lower(),
            claim.caller_id,
            claim.serial_hex,
            route.method,
            error.reason.name,
        )

    def _snapshot(self, registry: Registry, at_least: int) -> Snapshot:
        """Returns look-ups of the set that answers come from, none from before they did."""
        return self.followers.snapshot(registry.target, max(at_least, registry.target_sequence))

    def _note_left(self, charge: Charge | None, left: QuotaLeft | None) -> None:
        if charge is not None:
            self.seen.note(charge, left)

    def _identify(
        self, route: Route, peer: Peer, reader: Reader, *, known: Registry | None
    ) -> Call:
        registry = self.registries.current(reader.transaction()) if known is None else known
        now = self.clock.now()
        caller = (
            NOBODY
            if route.caller
            else verify_caller(self.claim(peer), registry, route.audience, now=now)
        )
        coming = registry.coming_target
        return Call(
            caller=caller,
            registry=registry,
            now=now,
            day=shanghai_day(now),
            reader=reader,
            first_try=known is not None,
            snapshot=partial(self._snapshot, registry),
            coming_snapshot=None if coming is None else partial(self.followers.snapshot, coming),
            hub=self.hub,
        )


def _known(reading: Reading) -> Read:
    """Returns what reads a request that was read before."""
    return lambda: reading


def _following(then: Callable[[], Callable[[Call], Outcome]]) -> Serve:
    """Does what is to follow a commit; returns what decides the next one."""
    decide = then()
    return lambda call, _: decide(call)


def _propose(
    parts: EntryParts,
    make_entry: Callable[[Placement], bytes],
    *,
    link: Link,
    after: Link | None,
) -> Proposal:
    """Says what the commit must check, debit and write."""
    outcome, call = parts.outcome, parts.call
    return Proposal(
        make_entry=make_entry,
        generation=call.registry.generation,
        day=call.day,
        expectations=outcome.expectations,
        claim=outcome.claim,
        link=link,
        after=after,
        charge=charge_of(parts.route, call, outcome),
        sequence_count=outcome.sequence_count,
        bumps_generation=outcome.bumps_generation,
        writes=outcome.writes,
        nonce=call.hub.side_keys.seal_nonce(parts.nonce),
        business_refs=outcome.business_refs,
        disclosure=outcome.disclosure,
    )
