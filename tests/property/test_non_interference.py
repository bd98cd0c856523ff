"""What a caller may not see changes nothing that it sees.

Two hubs with one clock take the same listings that a caller may see; one of them takes hidden ones
as well: of other categories, other source classes, other types. Every answer must be the same but
for the documented exemptions: list sequence and listing ids, which count all accepted changes, and
what differs from answer to answer anyhow.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    Evidence,
    IdentifierType,
    RowFlag,
    RowOperation,
    SourceClass,
)
from tests.property.asking_model import Asked, Row, Said, ask_check, ask_frame, contribute
from tests.support.clock import FakeClock
from tests.support.hub import HubUnderTest, Stubs, bits, refusal, running_hub

EXEMPT = ("list_sequence", "entry_index", "nonce", "quota_left")
SEEN_CODES = ("H1", "E1")
SEEN_CLASSES = (SourceClass.PEER_DOMESTIC, SourceClass.POLICE)
SEEN_TYPES = (IdentifierType.PAN, IdentifierType.MSISDN)
TERMS = {
    "category_bits": bits(*SEEN_CODES),
    "source_class_bits": sum(1 << kind for kind in SEEN_CLASSES),
    "identifier_type_bits": sum(1 << kind for kind in SEEN_TYPES),
}
CONTRIBUTORS = ("giver", "taker")
# The hubs go on from example to example, so each has tokens and references of its own.
SALTS = (number.to_bytes(8, "big") for number in itertools.count(1))


class Side:
    """One of the two hubs."""

    def __init__(self, hub: HubUnderTest) -> None:
        self.hub = hub
        self.day = shanghai_day(hub.clock.now())
        self.givers = {name: hub.partner(name) for name in CONTRIBUTORS}
        hub.register(hub_partner := hub.pki.partner("hub"))
        hub.agree("hub")
        self.givers["hub"] = hub.connect(hub_partner)
        self.asker: Stubs = hub.partner("asker", **TERMS)
        self.sequence = 0

    def add(self, name: str, rows: list[Row]) -> None:
        """Takes one frame."""
        stream_id = secrets.token_bytes(16)
        self.sequence = contribute(self.givers[name], rows, stream_id=stream_id, number=1).sequence


Sides = tuple[Side, Side]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    """Two hubs with equal partners and one clock."""
    clock = FakeClock()
    home: Path = tmp_path_factory.mktemp("worlds")
    with running_hub(home / "bare", clock) as bare, running_hub(home / "full", clock) as full:
        yield Side(bare), Side(full)


@st.composite
def said(
    draw: st.DrawFn, *, types: Sequence[IdentifierType], classes: Sequence[SourceClass]
) -> Said:
    """Draws what a listing says; days are counted from the test's day."""
    return Said(
        type=draw(st.sampled_from(types)),
        flags=draw(st.sampled_from([0, 0, RowFlag.WEAK, RowFlag.ORDER, RowFlag.SUSPECT])),
        severity=draw(st.integers(1, 2)),
        evidence=Evidence.AUTHORITY_DETERMINED,
        source_class=draw(st.sampled_from(classes)),
        original_source=draw(st.sampled_from([0, 7, 9])),
        event_day=draw(st.integers(-3, 0)),
        expiry_day=draw(st.integers(0, 60)),
    )


OTHER_CLASSES = (SourceClass.COURT, SourceClass.MODEL, SourceClass.INTL_LIST)
OTHER_TYPES = (IdentifierType.CN_RID, IdentifierType.IMO)
SEEN = st.tuples(st.sampled_from(SEEN_CODES), said(types=SEEN_TYPES, classes=SEEN_CLASSES))
HIDDEN = (
    st.tuples(st.sampled_from(["H2", "E2", "E5"]), said(types=SEEN_TYPES, classes=SEEN_CLASSES))
    | st.tuples(st.sampled_from(SEEN_CODES), said(types=SEEN_TYPES, classes=OTHER_CLASSES))
    | st.tuples(st.sampled_from(SEEN_CODES), said(types=OTHER_TYPES, classes=SEEN_CLASSES))
)
# Which contributor, which of its records, which of four tokens, what is said, whether it is seen.
PLACES = st.tuples(st.sampled_from(CONTRIBUTORS), st.integers(0, 1), st.integers(0, 3))
LISTINGS = st.lists(
    st.tuples(PLACES, st.tuples(st.just(True), SEEN) | st.tuples(st.just(False), HIDDEN)),
    min_size=1,
    max_size=12,
)


def fill(
    sides: Sides, listings: list[Any], *, salt: bytes
) -> tuple[list[bytes], list[IdentifierType]]:
    """Gives both worlds what is seen, one of them what is hidden too; returns tokens and types."""
    bare, full = sides
    tokens = [salt + bytes([number]) * 8 for number in range(4)]
    # Hidden and seen listings share records and tokens, but one place holds one listing only.
    taken: set[tuple[Any, ...]] = set()
    for (name, record, token), (seen, (code, words)) in listings:
        if (name, record, token, code) in taken:
            continue
        taken.add((name, record, token, code))
        row = Row(
            operation=RowOperation.ADD,
            reference=salt + bytes([record]) * 8,
            category=code,
            token=tokens[token],
            said=replace(
                words,
                event_day=bare.day + words.event_day,
                expiry_day=bare.day + words.expiry_day,
            ),
        )
        for side in (bare, full) if seen else (full,):
            side.add(name, [row])
    return tokens, [IdentifierType.PAN, IdentifierType.MSISDN] * 2


def both(sides: Sides, asked: Asked, **terms: int) -> None:
    """Asks both worlds both ways and compares every field but the exempt ones."""
    checks, frames = [], []
    for side in sides:
        terms["at_least_sequence"] = side.sequence
        unique = secrets.token_bytes(16)
        checks.append(scrub(ask_check(side.asker, asked, request_id=unique, **terms)))
        frames.append(scrub(ask_frame(side.asker, asked, batch_id=unique, **terms)))
    assert checks[0] == checks[1]
    assert checks[0].SerializeToString(deterministic=True) == checks[1].SerializeToString(
        deterministic=True
    )
    assert frames[0] == frames[1]


Answer = Any
"""An answer of either RPC."""


def scrub(answer: Answer) -> Answer:
    """Takes off what is documented to differ."""
    for name in EXEMPT:
        answer.ClearField(name)
    if isinstance(answer, verdict_pb.CheckSubjectResponse):
        for listing in answer.listings:
            listing.ClearField("listing_id")
    return answer


@settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(listings=LISTINGS, allowed=st.booleans())
def test_hidden_listings_change_no_answer(sides: Sides, listings: list[Any], allowed: bool) -> None:
    """Hidden categories, source classes and types change no field of any answer."""
    salt = next(SALTS)
    tokens, types = fill(sides, listings, salt=salt)
    if allowed:
        words = replace(_words(), severity=1, expiry_day=0)
        row = Row(
            operation=RowOperation.ADD,
            reference=salt * 2,
            category="W1",
            token=tokens[1],
            said=words,
        )
        for side in sides:
            side.add("hub", [row])
    for level in DetailLevel:
        both(sides, Asked(tokens, types, [2, 2]), detail_level=level)
    full = DetailLevel.PROVENANCE
    both(sides, Asked(tokens, types, [4]), detail_level=full, category_bits=bits("H1", "H2", "E2"))
    both(sides, Asked(tokens, types, [1] * 4), detail_level=full, category_bits=bits("H2"))
    both(sides, Asked(tokens, types, [4]), detail_level=full, source_class_bits=1 << 7)
    odd = [OTHER_TYPES[0], *types[1:]]
    both(sides, Asked(tokens, odd, [3, 1]), detail_level=full, channel=Channel.BATCH)


def test_hidden_listings_change_no_answer_over_days(tmp_path: Path) -> None:
    """Neither the end of hidden listings nor a suspension of their contributor shows."""
    clock = FakeClock()
    with running_hub(tmp_path / "a", clock) as bare, running_hub(tmp_path / "b", clock) as full:
        sides = (Side(bare), Side(full))
        words = replace(_words(), expiry_day=5)
        hidden = replace(words, source_class=SourceClass.COURT, expiry_day=1, flags=RowFlag.ORDER)
        place = (("giver", 0, 0), (True, ("H1", words)))
        others = [
            (("taker", 0, token), (False, (code, hidden)))
            for token in range(3)
            for code in ("H1", "H2", "E1")
        ]
        tokens, types = fill(sides, [place, *others], salt=b"saltsalt")
        for _ in range(4):
            both(sides, Asked(tokens, types, [2, 2]), detail_level=DetailLevel.PROVENANCE)
            clock.advance(timedelta(days=1))
        for side in sides:
            side.hub.alice.operators.SuspendPartner(
                operator_pb.SuspendPartnerRequest(partner_id="taker", reason="r")
            )
        both(sides, Asked(tokens, types, [2, 2]), detail_level=DetailLevel.PROVENANCE)


def test_refusals_are_the_same_in_both_worlds(sides: Sides) -> None:
    """What a caller is refused, it is refused alike, whatever is hidden."""
    listings = [(("giver", 0, 0), (False, ("H2", _words())))]
    tokens, types = fill(sides, listings, salt=next(SALTS))
    asked = Asked(tokens, types, [4])
    full = DetailLevel.PROVENANCE
    bad: list[dict[str, int]] = [
        {"detail_level": full, "epoch": 2},
        {"detail_level": full, "category_bits": 1 << 63},
        {"detail_level": DetailLevel.VERDICT, "category_bits": bits("H2")},
        {"detail_level": full, "purpose": 99},
    ]
    for terms in bad:
        reasons = []
        for side in sides:
            with pytest.raises(grpc.RpcError) as caught:
                ask_check(side.asker, asked, request_id=secrets.token_bytes(16), **terms)
            reasons.append(refusal(caught.value))
        assert reasons[0] == reasons[1]


def _words() -> Said:
    return Said(
        type=IdentifierType.PAN,
        flags=0,
        severity=2,
        evidence=Evidence.AUTHORITY_DETERMINED,
        source_class=SourceClass.POLICE,
        original_source=0,
        event_day=0,
        expiry_day=9,
    )
