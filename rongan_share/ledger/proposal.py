"""What the committer is given and what it gives back: proposals, charges and placements.

Structs, not dataclasses: each item makes several of them, and a frozen dataclass takes ten times as
long to make.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from rongan_share.clock import nanoseconds
from rongan_share.model.quota import Meter, Quota, QuotaLeft

if TYPE_CHECKING:
    from rongan_share.ledger.environment import Transaction
    from rongan_share.ledger.streams import Claim


class Placement(msgspec.Struct, frozen=True):
    """Where an item came to stand.

    Attributes:
        time: The commit's instant.
        entry_index: Place of its entry in the audit log.
        sequence: Its sequence, the first where it takes several, or the last one before it where
            it takes none.
    """

    time: datetime
    entry_index: int
    sequence: int


class Charge(msgspec.Struct, frozen=True):
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


class Committed(msgspec.Struct, frozen=True):
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


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One decided item.

    Attributes:
        make_entry: Makes the canonical bytes of its audit entry.
        generation: Gate generation it was decided on; None where it depends on none.
        day: Date in Asia/Shanghai it was decided on; None where it depends on none.
        expectations: Each raises MovedError if what the decision read has changed.
        claim: The number under which a question is known again; moved if it stands for another.
        link: The item's own place in its stream.
        after: Link of the item before it in its stream; None where it follows none.
        charge: What it costs.
        sequence_count: Sequences that it takes as accepted changes of listings; 0 = it is none.
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
    claim: Claim | None = None
    link: Link = msgspec.field(default_factory=Link)
    after: Link | None = None
    charge: Charge | None = None
    sequence_count: int = 0
    bumps_generation: bool = False
    writes: tuple[Callable[[Transaction, Placement], None], ...] = ()
    nonce: bytes = b""
    business_refs: bytes = b""
    disclosure: bytes = b""


def time_ns(placement: Placement) -> int:
    """Returns a placement's instant in nanoseconds since 1970-01-01 UTC."""
    return nanoseconds(placement.time)
