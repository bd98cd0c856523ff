"""The hub key: which one tokens at rest stand under, and how far a change of it is."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import msgspec


class RekeyPhase(IntEnum):
    """How far a change of the hub key is; numbers of ``operator_service.proto``."""

    NONE = 1
    BUILDING = 2
    REWRITING = 3
    REWRITTEN = 4


class HubKey(msgspec.Struct, frozen=True, kw_only=True):
    """One version of what is known of the hub key.

    Attributes:
        key_id: The key that answers come from and that new values stand under, 1 to 255.
        phase: How far a change of it is.
        next_key_id: The key that comes, while look-ups under it are being made; else 0.
        old_key_id: The key that is left, while values still stand under it; else 0.
        since_sequence: Sequence of the last frame before answers came from it: nobody answers from
            look-ups under it that do not know that frame.
    """

    key_id: int
    phase: RekeyPhase = RekeyPhase.NONE
    next_key_id: int = 0
    old_key_id: int = 0
    since_sequence: int = 0


class Target(NamedTuple):
    """What a set of look-ups is made for: tokens of one epoch under one hub key.

    Attributes:
        epoch: The epoch whose tokens are found.
        key_id: The hub key that they stand under.
    """

    epoch: int
    key_id: int
