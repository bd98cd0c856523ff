"""What a load consists of: which partner does what and when, all of it from a seed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np


class Kind(Enum):
    """What a partner does."""

    UNARY = "unary"
    FRAMES = "frames"
    CONTRIBUTIONS = "contributions"


class Event(NamedTuple):
    """One operation.

    Attributes:
        due: When it is to be sent, seconds from the start; 0 in a closed loop.
        partner: Whose it is, from 0.
        kind: What it is.
        number: The first of its token numbers, within those of its kind.
    """

    due: float
    partner: int
    kind: Kind
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A load.

    Attributes:
        seed: The same seed is the same load.
        partners: How many ask.
        shares: Of each kind, in any unit.
        seconds: How long.
        rate: Operations a second of all partners together, each timed from when it is due; 0 = a
            closed loop.
        in_flight: Of a closed loop: so many at once, each followed by the next.
        hot: How many times as often as any other the first partner acts, in an open loop.
        frame_tokens: Tokens of a frame of questions.
        frame_rows: Rows of a frame of contributions.
    """

    seed: int = 1
    partners: int = 8
    shares: dict[Kind, float]
    seconds: float = 10.0
    rate: float = 0.0
    in_flight: int = 16
    hot: float = 1.0
    frame_tokens: int = 1_024
    frame_rows: int = 1_000


def events_of(plan: Plan, *, count: int) -> list[Event]:
    """Makes the first operations of a load.

    In an open loop they come at random, as independent callers do (exponential gaps).

    Args:
        plan: The load.
        count: At most so many; an open loop ends with its time.
    """
    # A source for each column: a longer plan begins as a shorter one does.
    source = [np.random.default_rng([plan.seed, column]) for column in range(4)]
    kinds = list(plan.shares)
    weights = np.array([plan.shares[kind] for kind in kinds], float)
    whose = np.ones(plan.partners)
    whose[0] = plan.hot
    picked = source[0].choice(len(kinds), count, p=weights / weights.sum())
    partners = source[1].choice(plan.partners, count, p=whose / whose.sum())
    numbers = source[2].integers(0, 1 << 40, count, dtype=np.uint64)
    gaps = source[3].exponential(1 / plan.rate, count) if plan.rate else np.zeros(count)
    dues = np.cumsum(gaps)
    return [
        Event(float(due), int(partner), kinds[kind], int(number))
        for due, partner, kind, number in zip(dues, partners, picked, numbers, strict=True)
        if due < plan.seconds
    ]


def parse_shares(text: str) -> dict[Kind, float]:
    """Reads ``unary=90,frames=8,contributions=2``.

    Raises:
        ValueError: It is not of that form.
    """
    shares: dict[Kind, float] = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        shares[Kind(name)] = float(share or 1)
    if not shares or min(shares.values()) < 0 or not any(shares.values()):
        raise ValueError("shares are numbers from 0, one of them above it")
    return shares
