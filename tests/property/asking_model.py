"""Callers, questions and what the design says they must be answered, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.wire import frames
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    Evidence,
    IdentifierType,
    Purpose,
    RowFlag,
    RowOperation,
    SourceClass,
    State,
    Suite,
    SummaryFlag,
)
from tests.property import fold_model
from tests.property.fold_model import ModelRow
from tests.support.hub import Stubs, bits

TAXONOMY = packaged_taxonomy()
PURPOSE = Purpose.DISPUTE_HANDLING
SHOWN_FLAGS = {
    RowFlag.WEAK: SummaryFlag.WEAK,
    RowFlag.ORDER: SummaryFlag.ORDER,
    RowFlag.SUSPECT: SummaryFlag.SUSPECT,
    RowFlag.ALIAS: SummaryFlag.ALIAS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a row of a contribution says besides its identity."""

    type: IdentifierType
    flags: int
    severity: int
    evidence: Evidence
    source_class: SourceClass
    original_source: int
    event_day: int
    expiry_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a contribution."""

    operation: RowOperation
    reference: bytes
    category: str
    token: bytes
    said: Said

    @property
    def bit(self) -> int:
        """The category's bit number."""
        return TAXONOMY.by_code(self.category).bit


@dataclass(slots=True, kw_only=True)
class Listed:
    """A live listing."""

    listing_id: int
    contributor: str
    reference: bytes
    bit: int
    token: bytes
    said: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A caller with the terms of its agreement."""

    name: str
    categories: tuple[str, ...]
    classes: tuple[SourceClass, ...]
    types: tuple[IdentifierType, ...]
    detail: DetailLevel

    def terms(self) -> dict[str, Any]:
        """Gives the agreement's terms."""
        return {
            "category_bits": bits(*self.categories),
            "source_class_bits": sum(1 << kind for kind in self.classes),
            "identifier_type_bits": sum(1 << kind for kind in self.types),
            "detail_level": self.detail,
        }


@dataclass(slots=True)
class World:
    """All listings, and who contributed them."""

    numbers: dict[str, int]
    day: int
    listings: list[Listed] = field(default_factory=list)
    suspended: set[str] = field(default_factory=set)

    def visible(self, asker: Asker, token: bytes, declared: IdentifierType) -> list[Listed]:
        """Gives the listings under a token that the caller may see, allowlist considered."""
        if declared not in asker.types:
            return []
        covered = TAXONOMY.bits_for_purpose(PURPOSE) & bits(*asker.categories)
        holding = [
            listed
            for listed in self.listings
            if listed.token == token
            and (listed.said.expiry_day == 0 or listed.said.expiry_day >= self.day)
        ]
        allowed = any(listed.bit == TAXONOMY.allowlist_bit for listed in holding)
        return [
            listed
            for listed in sorted(holding, key=lambda listed: listed.listing_id)
            if listed.bit != TAXONOMY.allowlist_bit
            and covered >> listed.bit & 1
            and listed.said.source_class in asker.classes
            and listed.said.type in asker.types
            and (
                not allowed
                or listed.said.flags & RowFlag.ORDER
                or TAXONOMY.by_bit(listed.bit).family == "E"
            )
        ]

    def model_row(self, listed: Listed) -> ModelRow:
        """Gives a listing as the fold wants it."""
        said = listed.said
        flags = sum(int(shown) for flag, shown in SHOWN_FLAGS.items() if said.flags & flag)
        if listed.contributor in self.suspended:
            flags |= SummaryFlag.SOURCE_SUSPENDED
        return ModelRow(
            category=listed.bit,
            source_class=said.source_class,
            severity=said.severity,
            confidence=TAXONOMY.base_confidence[said.source_class][said.evidence],
            original_source=said.original_source,
            contributor=self.numbers[listed.contributor],
            expiry_day=said.expiry_day,
            flags=flags,
            reference=listed.reference,
        )

    def detail(self, listed: Listed, index: int, level: DetailLevel) -> verdict_pb.ListingDetail:
        """Gives a listing as CheckSubject must show it."""
        row, full = self.model_row(listed), level >= DetailLevel.PROVENANCE
        shown = verdict_pb.ListingDetail(
            token_index=index,
            severity=row.severity,
            expiry_day=row.expiry_day,
            flags=row.flags,
        )
        shown.category_bit = row.category
        if full:
            shown.listing_id = listed.listing_id
            shown.source_class = row.source_class  # type: ignore[assignment]  # the same number
            shown.evidence = listed.said.evidence  # type: ignore[assignment]  # the same number
            shown.confidence = row.confidence
            shown.event_day = listed.said.event_day
        return shown


@dataclass(frozen=True, slots=True)
class Asked:
    """Tokens with declared types, and how many of them make each subject."""

    tokens: Sequence[bytes]
    types: Sequence[IdentifierType]
    subjects: Sequence[int]


def expect_check(world: World, asker: Asker, asked: Asked) -> verdict_pb.CheckSubjectResponse:
    """Gives what CheckSubject must say of all tokens as one subject."""
    pairs = [
        (index, listed)
        for index, (token, kind) in enumerate(zip(asked.tokens, asked.types, strict=True))
        for listed in world.visible(asker, token, kind)
    ]
    hit = {index for index, _ in pairs}
    states = [
        State.LISTED
        if n in hit
        else State.NOT_LISTED
        if kind in asker.types
        else State.NOT_ENTITLED
        for n, kind in enumerate(asked.types)
    ]
    answer = verdict_pb.CheckSubjectResponse(state=min(states), token_states=states)  # type: ignore[arg-type]
    if pairs:
        rows = [(index, world.model_row(listed)) for index, listed in pairs]
        summary = fold_model.fold_rows((row for _, row in rows), asker.detail)
        for name in verdict_pb.Summary.DESCRIPTOR.fields_by_name:
            setattr(answer.summary, name, getattr(summary, name))
        answer.matched_count = fold_model.matched(rows)
        if asker.detail >= DetailLevel.CATEGORY:
            answer.listings.extend(world.detail(each, index, asker.detail) for index, each in pairs)
            answer.listing_count = len(pairs)
    return answer


def expect_frame(world: World, asker: Asker, asked: Asked) -> verdict_pb.StreamVerdictsResponse:
    """Gives what one frame of StreamVerdicts must say."""
    answer = verdict_pb.StreamVerdictsResponse(frame_number=1, token_count=len(asked.tokens))
    by_token = [
        world.visible(asker, token, kind)
        for token, kind in zip(asked.tokens, asked.types, strict=True)
    ]
    barred = [n for n, kind in enumerate(asked.types) if kind not in asker.types]
    answer.other_index = column(barred)
    answer.other_state = bytes([frames.OTHER_NOT_ENTITLED_TYPE]) * len(barred)
    hits = [index for index, found in enumerate(by_token) if found]
    answer.listed_index = column(hits)
    answer.not_listed_count = len(asked.tokens) - len(barred) - len(hits)
    for index in hits:
        rows = [world.model_row(listed) for listed in by_token[index]]
        answer.listed_summary += frames.SUMMARY.pack(
            *fold_model.fold_rows(rows, asker.detail).as_tuple()
        )
    begin = 0
    for number, size in enumerate(asked.subjects):
        pairs = [
            (index, world.model_row(listed))
            for index in range(begin, begin + size)
            for listed in by_token[index]
        ]
        begin += size
        if pairs:
            summary = fold_model.fold_rows((row for _, row in pairs), asker.detail)
            answer.listed_subject += column([number])
            answer.subject_summary += frames.SUMMARY.pack(*summary.as_tuple())
            answer.subject_matched += bytes([fold_model.matched(pairs)])
    return answer


def column(numbers: Sequence[int]) -> bytes:
    """Packs u32 numbers."""
    return b"".join(number.to_bytes(4, "little") for number in numbers)


def ask_check(
    stubs: Stubs, asked: Asked, *, request_id: bytes, **terms: int
) -> verdict_pb.CheckSubjectResponse:
    """Asks CheckSubject about all tokens as one subject."""
    answer: verdict_pb.CheckSubjectResponse = stubs.verdicts.CheckSubject(
        verdict_pb.CheckSubjectRequest(
            request_id=request_id,
            tokens=b"".join(asked.tokens),
            types=bytes(asked.types),
            **_terms(terms),
        ),
        timeout=10,
    )
    return answer


def ask_frame(
    stubs: Stubs, asked: Asked, *, batch_id: bytes, **terms: int
) -> verdict_pb.StreamVerdictsResponse:
    """Asks one frame of StreamVerdicts."""
    ends = [sum(asked.subjects[: n + 1]) for n in range(len(asked.subjects))]
    opening = verdict_pb.VerdictOpen(batch_id=batch_id, **_terms(terms))
    frame = verdict_pb.VerdictFrame(
        frame_number=1,
        tokens=b"".join(asked.tokens),
        types=bytes(asked.types),
        subject_end=column(ends),
    )
    messages = [
        verdict_pb.StreamVerdictsRequest(open=opening),
        verdict_pb.StreamVerdictsRequest(frame=frame),
    ]
    (answer,) = stubs.verdicts.StreamVerdicts(iter(messages), timeout=10)
    return answer


def _terms(terms: dict[str, int]) -> dict[str, Any]:
    return {
        "purpose": PURPOSE,
        "channel": Channel.OUTLET,
        "suite": Suite.HMAC_SHA256,
        "epoch": 1,
    } | terms


def contribute(
    stubs: Stubs, rows: Sequence[Row], *, stream_id: bytes, number: int
) -> contribution_pb.ContributeResponse:
    """Sends one frame of rows and gives its acknowledgement."""
    widths = dict(frames.CONTRIBUTE_COLUMNS)
    giving = [row.operation is not RowOperation.WITHDRAW for row in rows]
    columns: dict[str, Sequence[int]] = {
        name: [
            int(getattr(row.said, name)) * gives for row, gives in zip(rows, giving, strict=True)
        ]
        for name in ("severity", "evidence", "source_class", "original_source", "expiry_day")
    }
    columns["operation"] = [row.operation for row in rows]
    columns["type"] = [int(row.said.type) * any(row.token) for row in rows]
    columns["flags"] = [row.said.flags for row in rows]
    columns["category"] = [row.bit for row in rows]
    columns["legal_basis"] = [4 * gives for gives in giving]
    columns["event_day"] = [row.said.event_day for row in rows]
    packed = {
        name: b"".join(number.to_bytes(widths[name], "little") for number in values)
        for name, values in columns.items()
    }
    frame = contribution_pb.ContributeFrame(
        frame_number=number,
        reference=b"".join(row.reference for row in rows),
        token=b"".join(row.token for row in rows),
        **packed,
    )
    opening = contribution_pb.ContributeOpen(
        stream_id=stream_id,
        suite=Suite.HMAC_SHA256,  # type: ignore[arg-type]  # the same number
        epoch=1,
    )
    messages = [
        contribution_pb.ContributeRequest(open=opening),
        contribution_pb.ContributeRequest(frame=frame),
    ]
    (answer,) = stubs.contributions.Contribute(iter(messages), timeout=10)
    return answer
