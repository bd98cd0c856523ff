"""Any history of a small world: every verdict is what a short model of the design says."""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from rongan_share.audit.verify import verify_log
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.frames import LISTING_ROW_BITS
from rongan_share.wire.vocabulary import (
    DetailLevel,
    Evidence,
    IdentifierType,
    RowFlag,
    RowOperation,
    SourceClass,
)
from tests.property.asking_model import (
    TAXONOMY,
    Asked,
    Asker,
    Listed,
    Row,
    Said,
    World,
    ask_check,
    ask_frame,
    contribute,
    expect_check,
    expect_frame,
)
from tests.support.clock import FakeClock
from tests.support.freezing import freeze
from tests.support.hub import HubUnderTest, Stubs, refusal

TOKENS = [bytes([number]) * 16 for number in (1, 2, 3, 4)]
TYPES = [IdentifierType.PAN, IdentifierType.MSISDN, IdentifierType.PAN, IdentifierType.MSISDN]
REFERENCES = [b"r" * 16, b"s" * 15 + b"\x00"]
NO_TOKEN = bytes(16)
CLASSES = (SourceClass.PEER_DOMESTIC, SourceClass.POLICE, SourceClass.INTL_LIST)
QUESTIONS = (
    Asked(TOKENS, TYPES, [2, 1, 1]),
    Asked([TOKENS[3], b"\x09" * 16, TOKENS[0]], [TYPES[3], TYPES[0], TYPES[0]], [3]),
)
ASKERS = (
    Asker(
        name="all",
        categories=("H1", "H2", "E1"),
        classes=CLASSES,
        types=(IdentifierType.PAN, IdentifierType.MSISDN),
        detail=DetailLevel.PROVENANCE,
    ),
    Asker(
        name="some",
        categories=("H1", "E1"),
        classes=CLASSES[:2],
        types=(IdentifierType.PAN, IdentifierType.MSISDN),
        detail=DetailLevel.CATEGORY,
    ),
    Asker(
        name="few",
        categories=("H1", "H2"),
        classes=CLASSES[1:],
        types=(IdentifierType.PAN,),
        detail=DetailLevel.VERDICT,
    ),
)
CONTRIBUTORS = ("giver", "taker", "hub")
OPERATIONS = (RowOperation.ADD, RowOperation.ADD, RowOperation.AMEND, RowOperation.WITHDRAW)

IDENTITIES = st.tuples(
    st.sampled_from(REFERENCES),
    st.sampled_from(["H1", "H2", "E1"]),
    st.sampled_from([*TOKENS, *TOKENS, NO_TOKEN]),
)
# Few values, so that an ADD of an equal listing is met as often as one of another.
SAID = st.tuples(
    st.sampled_from([IdentifierType.PAN, IdentifierType.MSISDN]),
    st.sampled_from([0, 0, RowFlag.WEAK, RowFlag.ORDER, RowFlag.SUSPECT | RowFlag.ALIAS]),
    st.integers(1, 2),
    st.sampled_from(CLASSES),
    st.sampled_from([0, 0, 7]),
    st.sampled_from([0, 2, 40]),
)
WANTED = st.lists(
    st.tuples(IDENTITIES, SAID), min_size=1, max_size=4, unique_by=lambda pair: pair[0]
)
Identity = tuple[bytes, str, bytes]
Drawn = Any
"""What a row says, as drawn."""
Answer = Any
"""An answer of either RPC."""
Wanted = tuple[Identity, Drawn]


class SmallWorld(RuleBasedStateMachine):
    """A hub, two contributors and the hub's own allowlist, three callers."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FakeClock()
        self.hub = HubUnderTest(Path(self.folder.name) / "home", self.clock)
        self.minted = {}
        for name in (*CONTRIBUTORS, *(asker.name for asker in ASKERS)):
            if name != "hub":
                self.hub.create_partner(name)
            self.minted[name] = self.hub.pki.partner(name)
            self.hub.register(self.minted[name])
        for name in CONTRIBUTORS:
            self.hub.agree(name)
        for asker in ASKERS:
            self.hub.agree(asker.name, **asker.terms())
        self.connect()
        listed = self.hub.alice.operators.ListPartners(operator_pb.ListPartnersRequest())
        numbers = {partner.partner_id: partner.number for partner in listed.partners}
        self.world = World(numbers, shanghai_day(self.clock.now()))
        self.streams = {name: (secrets.token_bytes(16), 1) for name in CONTRIBUTORS}
        self.sequence = 0

    def connect(self) -> None:
        """Connects everybody, anew after a restart."""
        self.stubs: dict[str, Stubs] = {
            name: self.hub.connect(minted) for name, minted in self.minted.items()
        }

    @initialize(first=WANTED, second=WANTED)
    def begin(self, first: list[Wanted], second: list[Wanted]) -> None:
        """Both contributors have listings when the story begins."""
        self.add("giver", first)
        self.add("taker", second)

    @rule(name=st.sampled_from(CONTRIBUTORS[:2]), wanted=WANTED)
    def add(self, name: str, wanted: list[Wanted]) -> None:
        """A contributor adds listings, some of which it may have."""
        self.accept(name, [self.row(RowOperation.ADD, *each) for each in wanted])

    @rule(
        name=st.sampled_from(CONTRIBUTORS[:2]),
        operation=st.sampled_from([RowOperation.AMEND, RowOperation.AMEND, RowOperation.WITHDRAW]),
        every_token=st.booleans(),
        said=SAID,
        data=st.data(),
    )
    def change(
        self,
        *,
        name: str,
        operation: RowOperation,
        every_token: bool,
        said: Drawn,
        data: st.DataObject,
    ) -> None:
        """A contributor amends or withdraws what it has, by one token or by all of them."""
        own = [listed for listed in self.world.listings if listed.contributor == name]
        if own:
            listed = data.draw(st.sampled_from(own))
            code = TAXONOMY.by_bit(listed.bit).code
            token = NO_TOKEN if every_token else listed.token
            self.accept(name, [self.row(operation, (listed.reference, code, token), said)])

    @rule(name=st.sampled_from(CONTRIBUTORS[:2]), data=st.data())
    def add_again(self, name: str, data: st.DataObject) -> None:
        """A contributor sends a listing again as it stands, or as it no longer may."""
        own = [
            listed
            for listed in self.world.listings
            if listed.contributor == name
            and (not listed.said.expiry_day or listed.said.expiry_day >= self.world.day)
        ]
        if own:
            listed = data.draw(st.sampled_from(own))
            row = Row(
                operation=RowOperation.ADD,
                reference=listed.reference,
                category=TAXONOMY.by_bit(listed.bit).code,
                token=listed.token,
                said=listed.said,
            )
            self.accept(name, [row])

    @rule(
        name=st.sampled_from(CONTRIBUTORS[:2]),
        wanted=st.lists(
            st.tuples(st.sampled_from(OPERATIONS), IDENTITIES, SAID), min_size=1, max_size=3
        ),
    )
    def send(self, name: str, wanted: list[tuple[RowOperation, Identity, Drawn]]) -> None:
        """A contributor sends any frame, good or bad."""
        self.accept(name, [self.row(*each) for each in wanted])

    @rule(
        operation=st.sampled_from([RowOperation.ADD, RowOperation.WITHDRAW]),
        token=st.sampled_from(TOKENS),
    )
    def allow(self, operation: RowOperation, token: bytes) -> None:
        """The hub's own partner puts a token on the allowlist or takes it off."""
        said = (IdentifierType.PAN, 0, 1, SourceClass.HOST_INTERNAL, 0, 2)
        self.accept("hub", [self.row(operation, (token, "W1", token), said)])

    @rule(days=st.integers(1, 3))
    def sleep(self, days: int) -> None:
        """Some days pass; listings expire."""
        self.clock.advance(timedelta(days=days))
        self.world.day += days

    @rule(name=st.sampled_from(CONTRIBUTORS[:2]))
    def suspend_or_resume(self, name: str) -> None:
        """An operator suspends a contributor, or lets it go on."""
        operators = self.hub.alice.operators
        if name in self.world.suspended:
            operators.ResumePartner(operator_pb.ResumePartnerRequest(partner_id=name, reason="r"))
        else:
            operators.SuspendPartner(operator_pb.SuspendPartnerRequest(partner_id=name, reason="s"))
        self.world.suspended ^= {name}

    @rule(served=st.booleans())
    def refreeze(self, *, served: bool) -> None:
        """The keeper writes columns; the hub changes over to them now, or at its next start."""
        freeze(self.hub, serve=served)

    @rule()
    def restart(self) -> None:
        """The hub stops and starts: everything must be in the ledger."""
        self.hub.restart()
        self.connect()

    def row(self, operation: RowOperation, identity: Identity, said: Drawn) -> Row:
        """Makes a row whose days are counted from today."""
        reference, category, token = identity
        kind, flags, severity, source_class, original_source, days = said
        # Only changes may leave the token open, and zero days is an end today or, for E1, none.
        if operation is RowOperation.ADD and token == NO_TOKEN:
            token = TOKENS[0]
        endless = category in {"E1", "W1"} and days in {0, 2}
        return Row(
            operation=operation,
            reference=reference,
            category=category,
            token=token,
            said=Said(
                type=kind,
                flags=flags,
                severity=severity,
                evidence=Evidence.AUTHORITY_DETERMINED,
                source_class=source_class,
                original_source=original_source,
                event_day=self.world.day - 1,
                expiry_day=0 if endless else self.world.day + days,
            ),
        )

    def accept(self, name: str, rows: list[Row]) -> None:
        """Sends a frame and applies it to the model if the model accepts it."""
        expected = self.refusal_of(name, rows)
        stream_id, number = self.streams[name]
        try:
            answer = contribute(self.stubs[name], rows, stream_id=stream_id, number=number)
        except grpc.RpcError as error:
            reason: str | None = refusal(error)[1]
        else:
            reason = None
        assert reason == expected
        if reason is not None:
            return
        self.streams[name] = (stream_id, number + 1)
        self.sequence += 1
        assert (answer.frame_number, answer.sequence) == (number, self.sequence)
        counts = [self.apply(name, place, row) for place, row in enumerate(rows)]
        assert [
            answer.added_count,
            answer.unchanged_count,
            answer.amended_count,
            answer.withdrawn_count,
        ] == [sum(column) for column in zip(*counts, strict=True)]

    def named(self, name: str, row: Row) -> list[Listed]:
        """Gives the contributor's own live listings that a row names."""
        return [
            listed
            for listed in self.world.listings
            if (listed.contributor, listed.reference, listed.bit) == (name, row.reference, row.bit)
            and row.token in (listed.token, NO_TOKEN)
        ]

    def refusal_of(self, name: str, rows: list[Row]) -> str | None:
        """Says why a frame must be refused, or None."""
        giving = any(row.operation is not RowOperation.WITHDRAW for row in rows)
        if name in self.world.suspended and giving:
            return "PARTNER_SUSPENDED"
        identities = {(row.reference, row.bit, row.token) for row in rows}
        added = {(r.reference, r.bit) for r in rows if r.operation is RowOperation.ADD}
        changes = [row for row in rows if row.operation is not RowOperation.ADD]
        changed = [listed.listing_id for row in changes for listed in self.named(name, row)]
        bad = (
            len(identities) != len(rows)
            or any((row.reference, row.bit) in added for row in changes)
            or any(not self.named(name, row) for row in changes)
            or len(changed) != len(set(changed))
            or any(
                listed.said != row.said
                for row in rows
                if row.operation is RowOperation.ADD
                for listed in self.named(name, row)
            )
        )
        return "ROW_REFUSED" if bad else None

    def apply(self, name: str, place: int, row: Row) -> tuple[int, int, int, int]:
        """Applies one row; gives added, unchanged, amended and withdrawn."""
        found = self.named(name, row)
        if row.operation is RowOperation.ADD:
            if found:
                return 0, 1, 0, 0
            listed = Listed(
                listing_id=self.sequence << LISTING_ROW_BITS | place,
                contributor=name,
                reference=row.reference,
                bit=row.bit,
                token=row.token,
                said=row.said,
            )
            self.world.listings.append(listed)
            return 1, 0, 0, 0
        if row.operation is RowOperation.WITHDRAW:
            self.world.listings = [each for each in self.world.listings if each not in found]
            return 0, 0, 0, len(found)
        for listed in found:
            listed.said = replace(row.said, type=listed.said.type)
        return 0, 0, len(found), 0

    @invariant()
    def verdicts_are_the_models(self) -> None:
        """Every caller is told by both RPCs what the model says, to the last field."""
        for asker in ASKERS:
            for asked in QUESTIONS:
                terms = {"detail_level": asker.detail, "at_least_sequence": self.sequence}
                stubs = self.stubs[asker.name]
                check = ask_check(stubs, asked, request_id=secrets.token_bytes(16), **terms)
                assert ruled(check, self.sequence) == expect_check(self.world, asker, asked)
                frame = ask_frame(stubs, asked, batch_id=secrets.token_bytes(16), **terms)
                assert ruled(frame, self.sequence) == expect_frame(self.world, asker, asked)

    def teardown(self) -> None:
        """Re-derives the whole audit log at the end."""
        try:
            report = verify_log(self.hub.hub.ledger, on_progress=lambda _done, _of: None)
            assert report.fault is None
            assert report.size > 0
        finally:
            self.hub.stop()
            self.folder.cleanup()


def ruled(answer: Answer, sequence: int) -> Answer:
    """Checks what ruled an answer and takes it off, so that only the verdict is left."""
    assert answer.list_sequence == sequence
    assert (answer.epoch, answer.taxonomy_version, answer.agreement_version) == (1, 1, 1)
    assert len(answer.nonce) == 32
    for name in (
        "list_sequence",
        "epoch",
        "taxonomy_version",
        "agreement_version",
        "coverage",
        "not_granted",
        "quota_left",
        "entry_index",
        "nonce",
    ):
        answer.ClearField(name)
    return answer


def test_verdicts_of_any_history_are_the_models() -> None:
    """Contributions, days, suspensions and restarts in any order leave both RPCs right."""
    run_state_machine_as_test(
        SmallWorld,
        settings=settings(
            deadline=None, derandomize=True, database=None, max_examples=25, stateful_step_count=15
        ),
    )
