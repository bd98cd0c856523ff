"""What a service is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import msgspec

from rongan_share.errors import Reason, RonganError
from rongan_share.wire.canonical import LONG_BYTES, encode_fields, nest
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    ProductLine,
    Purpose,
    Suite,
)

if TYPE_CHECKING:
    from enum import IntEnum

    from google.protobuf.message import Message

    from rongan_share.columns.snapshot import Snapshot
    from rongan_share.ledger.cipher import TokenCipher
    from rongan_share.ledger.committer import Committed, Placement
    from rongan_share.ledger.environment import Transaction
    from rongan_share.ledger.reader import Reader
    from rongan_share.ledger.streams import Claim
    from rongan_share.model.agreement import Agreement
    from rongan_share.model.caller import Caller
    from rongan_share.model.partner import Partner
    from rongan_share.model.registry import Registry
    from rongan_share.services.hub import HubFacts
    from rongan_share.wire.taxonomy import Taxonomy

    Number = TypeVar("Number", bound=IntEnum)
else:
    Number = TypeVar("Number")


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a question needs of the agreement; None needs nothing.

    Attributes:
        agreement_needed: Whether an agreement must be in force at all.
        open_to_suspended: Whether a suspended partner may still ask. One whose agreement is over
            may where `agreement_needed` is False.
        purpose: Why it is asked.
        channel: Where it is asked.
        product_line: Which service it uses.
        detail_level: How much it wants to see.
        suite: How its tokens were made.
    """

    agreement_needed: bool = True
    open_to_suspended: bool = False
    purpose: Purpose | None = None
    channel: Channel | None = None
    product_line: ProductLine | None = None
    detail_level: DetailLevel | None = None
    suite: Suite | None = None


def standing_scope(_: object) -> Scope:
    """Says what needs an active partner with an agreement in force, and no more of it."""
    return Scope()


def open_scope(_: object) -> Scope:
    """Says what is open to a partner, however it stands, until it has left."""
    return Scope(agreement_needed=False, open_to_suspended=True)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One item on its way, as a service sees it.

    Attributes:
        caller: Who asks.
        registry: What stood when it was taken.
        now: The instant of the decision.
        day: Its date in Asia/Shanghai.
        reader: Opens the ledger as it stands, for this item only.
        first_try: Whether what the commit checks anyway may be taken for granted.
        snapshot: Gives the look-ups, waiting for a sequence where one is named.
        coming_snapshot: Gives those that answers will come from after a change that goes on, in the
            same way; None without one. STALE_SNAPSHOT while they are being made.
        hub: What belongs to the hub itself.
    """

    caller: Caller
    registry: Registry
    now: datetime
    day: int
    reader: Reader
    first_try: bool
    snapshot: Callable[[int], Snapshot]
    coming_snapshot: Callable[[int], Snapshot] | None = None
    hub: HubFacts

    @property
    def read(self) -> Transaction:
        """The ledger, opened when first asked for."""
        return self.reader.transaction()

    @property
    def taxonomy(self) -> Taxonomy:
        """The taxonomy that rules."""
        return self.hub.taxonomy

    @property
    def cipher(self) -> TokenCipher:
        """The hub's key over tokens at rest, by what stood when the item was taken."""
        return self.hub.hub_keys.cipher(self.registry.hub_key.key_id)

    def blind(self, content: Sequence[bytes]) -> bytes:
        """Turns the content of a request into the digest that is kept and compared."""
        return self.hub.side_keys.blind(content)

    @property
    def partner(self) -> Partner:
        """The calling partner; only for routes of partners."""
        return self.registry.partners[self.caller.caller_id]

    @property
    def agreement(self) -> Agreement:
        """The calling partner's agreement; only where the scope needs one."""
        return self.registry.agreements[self.caller.caller_id]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a service answers, and what it wants to come true with the answer.

    Attributes:
        answer: The response, without what only the commit knows.
        complete: Fills in what the commit knows and the answer commits to, such as a sequence.
        counts: How many of what, for the entry.
        facts: What an operator changed, for the entry.
        purpose: For the entry; 0 none.
        origin: Canonical bytes of who asks at the partner, for the entry.
        snapshot_sequence: What the look-ups knew.
        disclosure: Listing ids shown, u64 each; empty for none.
        business_refs: The partner's pseudonyms; empty for none.
        names_entry: Whether the answer itself names an entry, an earlier one or none.
        earlier_nonce: Opens the earlier entry that the answer names; empty for none.
        cost: Tokens or rows.
        sequence_count: Sequences that it takes as accepted changes of listings; 0 = it is none.
        bumps_generation: Whether decisions under way must be made again after it.
        expectations: Each raises MovedError if what was read has changed.
        claim: The number under which it is known again, and what that stood for when it was read.
        writes: Effects, run in the commit.
        then: What is to be done once all this is durable, before anybody is answered; run outside
            of any transaction, and may refuse. It gives what decides the outcome that is committed
            next, with an entry of its own, and answered in place of this one.
    """

    answer: Message
    complete: Callable[[Message, Placement], None] | None = None
    counts: Mapping[str, int] = MappingProxyType({})
    facts: Mapping[str, str] = MappingProxyType({})
    purpose: int = 0
    origin: bytes = b""
    snapshot_sequence: int = 0
    disclosure: bytes = b""
    business_refs: bytes = b""
    names_entry: bool = False
    earlier_nonce: bytes = b""
    cost: int = 0
    sequence_count: int = 0
    bumps_generation: bool = False
    expectations: tuple[Callable[[Transaction], None], ...] = ()
    claim: Claim | None = None
    writes: tuple[Callable[[Transaction, Placement], None], ...] = ()
    then: Callable[[], Callable[[Call], Outcome]] | None = None


def put_placement(outcome: Outcome, committed: Committed, nonce: bytes) -> None:
    """Fills in what stands outside an answer's canonical bytes, as far as the message has it."""
    answer = outcome.answer
    fields = answer.DESCRIPTOR.fields_by_name
    if "entry_index" in fields and not outcome.names_entry:
        answer.entry_index = committed.placement.entry_index  # type: ignore[attr-defined]
    if "nonce" in fields:
        # An earlier entry whose nonce was erased has none; this call's would not open it.
        opens = outcome.earlier_nonce if outcome.names_entry else nonce
        answer.nonce = opens  # type: ignore[attr-defined]
    if "quota_left" in fields and committed.quota_left is not None:
        left, quota_left = committed.quota_left, answer.quota_left  # type: ignore[attr-defined]
        quota_left.burst_count = left.burst_count
        quota_left.day_count = left.day_count
        quota_left.month_count = left.month_count


class RequestBytes(msgspec.Struct, frozen=True):
    """What the canonical bytes of a request are needed for.

    Attributes:
        canonical: The whole, in pieces: a long column is hashed where it stands, never copied.
        content: The same less the request's ids; `Call.blind` makes a digest of it.
        columns: Its long columns by name: a message makes a copy each time it is asked for one.
    """

    canonical: tuple[bytes, ...]
    content: tuple[bytes, ...]
    columns: dict[str, bytes] = msgspec.field(default_factory=dict)

    @classmethod
    def of(cls, request: Message, *, ids: tuple[str, ...]) -> RequestBytes:
        """Encodes a unary request.

        Args:
            request: The request.
            ids: Names of its fields that name it and are no content.
        """
        fields = encode_fields(request)
        content = [piece for name, piece in fields if name not in ids]
        return cls(tuple([piece for _, piece in fields]), tuple(content))

    @classmethod
    def of_frame(cls, opening: Message, frame: Message, *, ids: tuple[str, ...]) -> RequestBytes:
        """Encodes a frame together with its stream's first message, as fields 2 and 1 of one.

        Args:
            opening: The first message.
            frame: The frame.
            ids: Names of the fields of either that name it and are no content.
        """
        whole: list[bytes] = []
        content: list[bytes] = []
        for number, message in ((1, opening), (2, frame)):
            fields = encode_fields(message)
            whole += nest(number, [piece for _, piece in fields])
            content += nest(number, [piece for name, piece in fields if name not in ids])
        # What stands before a long column is short.
        columns = {name: piece for name, piece in fields if len(piece) >= LONG_BYTES}
        return cls(tuple(whole), tuple(content), columns)


def read_number(kind: type[Number], value: int, field_name: str) -> Number:
    """Reads an enumeration that must be set.

    Raises:
        RonganError: REQUEST_MALFORMED for zero and for numbers that this hub does not know.
    """
    number: Number | None = _numbers(kind).get(value)
    if number is None:
        raise malformed(field_name, f"a known {kind.__name__}")
    return number


@cache
def _numbers(kind: type[Number]) -> dict[int, Number]:
    """Returns an enumeration by number: looking there is much faster than calling it."""
    return {int(number): number for number in kind}


def read_bytes(value: bytes, length: int, field_name: str) -> bytes:
    """Reads a field of fixed length.

    Raises:
        RonganError: REQUEST_MALFORMED for any other length.
    """
    if len(value) != length:
        raise malformed(field_name, f"{length} bytes")
    return value


def read_text(
    value: str, field_name: str, *, least: int, most: int, most_bytes: int | None = None
) -> str:
    """Reads a text of bounded length without control characters.

    Args:
        value: The text.
        field_name: Its field, for the refusal.
        least: Fewest characters.
        most: Most characters.
        most_bytes: Most bytes of UTF-8, where those are what is bounded.

    Raises:
        RonganError: REQUEST_MALFORMED.
    """
    if not least <= len(value) <= most or not value.isprintable():
        raise malformed(field_name, f"{least} to {most} printable characters")
    if most_bytes is not None and len(value.encode()) > most_bytes:
        raise malformed(field_name, f"at most {most_bytes} bytes of UTF-8")
    return value


def malformed(field_name: str, rule: str) -> RonganError:
    """Returns the refusal of a field that breaks its rule."""
    return RonganError(Reason.REQUEST_MALFORMED, field=field_name, rule=rule)


def column_malformed(column: str, rule: str) -> RonganError:
    """Returns the refusal of a column that does not fit its frame."""
    return RonganError(Reason.COLUMN_MALFORMED, column=column, rule=rule)
