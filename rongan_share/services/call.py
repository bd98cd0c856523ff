"""What a service is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from rongan_share.errors import Reason, RonganError
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
    from rongan_share.model.agreement import Agreement
    from rongan_share.model.caller import Caller
    from rongan_share.model.partner import Partner
    from rongan_share.model.registry import Registry
    from rongan_share.services.hub import HubFacts
    from rongan_share.wire.taxonomy import Taxonomy

    Number = TypeVar("Number", bound=IntEnum)
else:
    Number = TypeVar("Number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a question needs of the agreement; None needs nothing.

    Attributes:
        agreement_needed: Whether an agreement must be in force at all.
        open_to_suspended: Whether a suspended or expired partner may still ask.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One item on its way, as a service sees it.

    Attributes:
        caller: Who asks.
        registry: What stood when it was taken.
        now: The instant of the decision.
        day: Its date in Asia/Shanghai.
        read: The ledger as it stood, for this item only.
        snapshot: Gives the look-ups, waiting for a sequence where one is named.
        hub: What belongs to the hub itself.
    """

    caller: Caller
    registry: Registry
    now: datetime
    day: int
    read: Transaction
    snapshot: Callable[[int], Snapshot]
    hub: HubFacts

    @property
    def taxonomy(self) -> Taxonomy:
        """The taxonomy that rules."""
        return self.hub.taxonomy

    @property
    def cipher(self) -> TokenCipher:
        """The hub's key over tokens at rest."""
        return self.hub.cipher

    def blind(self, digest: bytes) -> bytes:
        """Turns a digest of a request into the form in which it is kept and compared."""
        return self.hub.side_keys.blind(digest)

    @property
    def partner(self) -> Partner:
        """The calling partner; only for routes of partners."""
        return self.registry.partners[self.caller.caller_id]

    @property
    def agreement(self) -> Agreement:
        """The calling partner's agreement; only where the scope needs one."""
        return self.registry.agreements[self.caller.caller_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
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
        takes_sequence: Whether it is an accepted change of listings.
        bumps_generation: Whether decisions under way must be made again after it.
        expectations: Each raises MovedError if what was read has changed.
        writes: Effects, run in the commit.
    """

    answer: Message
    complete: Callable[[Message, Placement], None] | None = None
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    purpose: int = 0
    origin: bytes = b""
    snapshot_sequence: int = 0
    disclosure: bytes = b""
    business_refs: bytes = b""
    names_entry: bool = False
    earlier_nonce: bytes = b""
    cost: int = 0
    takes_sequence: bool = False
    bumps_generation: bool = False
    expectations: tuple[Callable[[Transaction], None], ...] = ()
    writes: tuple[Callable[[Transaction, Placement], None], ...] = ()


def put_placement(outcome: Outcome, committed: Committed, nonce: bytes) -> None:
    """Fills in what stands outside an answer's canonical bytes, as far as the message has it."""
    answer = outcome.answer
    fields = answer.DESCRIPTOR.fields_by_name
    if "entry_index" in fields and not outcome.names_entry:
        answer.entry_index = committed.placement.entry_index  # type: ignore[attr-defined]
    if "nonce" in fields:
        answer.nonce = outcome.earlier_nonce or nonce  # type: ignore[attr-defined]
    if "quota_left" in fields and committed.quota_left is not None:
        left, quota_left = committed.quota_left, answer.quota_left  # type: ignore[attr-defined]
        quota_left.burst_count = left.burst_count
        quota_left.day_count = left.day_count
        quota_left.month_count = left.month_count


def read_number(kind: type[Number], value: int, field_name: str) -> Number:
    """Reads an enumeration that must be set.

    Raises:
        RonganError: REQUEST_MALFORMED for zero and for numbers that this hub does not know.
    """
    try:
        return kind(value)
    except ValueError:
        raise malformed(field_name, f"a known {kind.__name__}") from None


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


def refuse_unserved(message: Message, names: tuple[str, ...], prefix: str) -> None:
    """Refuses fields that this hub does not serve yet, rather than ignore what they ask.

    Raises:
        RonganError: FIELD_NOT_SERVED for the first that is set.
    """
    for name in names:
        if getattr(message, name):
            raise RonganError(Reason.FIELD_NOT_SERVED, field=prefix + name)


def malformed(field_name: str, rule: str) -> RonganError:
    """Returns the refusal of a field that breaks its rule."""
    return RonganError(Reason.REQUEST_MALFORMED, field=field_name, rule=rule)


def column_malformed(column: str, rule: str) -> RonganError:
    """Returns the refusal of a column that does not fit its frame."""
    return RonganError(Reason.COLUMN_MALFORMED, column=column, rule=rule)
