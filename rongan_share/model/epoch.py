"""Token epochs: each has one suite and one key, the key in a file of its own."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from rongan_share.wire.vocabulary import Suite


class EpochState(IntEnum):
    """Where an epoch stands; numbers of ``agreement_service.proto``."""

    OPENING = 1
    CURRENT = 2
    CLOSING = 3
    CLOSED = 4


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an epoch.

    Attributes:
        number: From 1.
        suite: How its tokens are made, fixed when it was opened.
        state: Where it stands.
        opened_ns: When it was opened, nanoseconds since 1970-01-01 UTC.
        key_digest: SHA-256 of its key, by which a wrong key file is noticed.
        current_sequence: Sequence of the last frame before it became current: nobody answers from
            look-ups of it that do not know that frame.
    """

    number: int
    suite: Suite
    state: EpochState
    opened_ns: int
    key_digest: bytes
    current_sequence: int = 0


class EpochWaiver(msgspec.Struct, frozen=True, kw_only=True):
    """How many listings may stay without a token of an epoch that is to be promoted.

    One operator accepts the number, and another one who names the same number promotes. Another
    number replaces it.

    Attributes:
        epoch: The epoch that is opening.
        count: How many listings lacked a token of it.
        operator: Who accepted that.
    """

    epoch: int
    count: int
    operator: str
