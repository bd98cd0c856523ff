"""Verdicts as a partner's program sees them: typed, frozen, and never true or false.

A verdict has four states and says nothing beyond its coverage. An answer that does not account
for every token, or holds a state that does not exist, is an exception: no error can read as "not
listed".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, NoReturn, TypeVar

from partner_sdk.agreements import known_members, source_classes_of
from partner_sdk.errors import AnswerMalformedError
from rongan_share.v1 import verdict_service_pb2
from rongan_share.wire.days import date_of_day
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.taxonomy import BIT_COUNT
from rongan_share.wire.vocabulary import Evidence, SourceClass, State, SummaryFlag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from partner_sdk.shared.asks import AnsweredFrame
    from rongan_share.wire.taxonomy import Taxonomy

WordT = TypeVar("WordT", str, SourceClass)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was consulted, or what was asked for and was not.

    Attributes:
        categories: Category codes.
        source_classes: Source classes known to this SDK.
    """

    categories: tuple[str, ...]
    source_classes: tuple[SourceClass, ...]


@dataclass(frozen=True, slots=True)
class QuotaLeft:
    """What the agreement still allows: at once, today, this month (dates of Asia/Shanghai)."""

    burst_count: int
    day_count: int
    month_count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What the listings of one token or subject say together.

    Attributes:
        severity: 1 LOW to 4 PROHIBITED.
        categories: Codes; empty below detail CATEGORY.
        source_classes: Empty below detail PROVENANCE.
        confidence: 0 to 100; 0 below detail PROVENANCE.
        source_count: Distinct original sources; 0 below detail PROVENANCE.
        expiry_date: The last day it holds; None = no end set.
        flags: What is true of the listings together.
    """

    severity: int
    categories: tuple[str, ...]
    source_classes: tuple[SourceClass, ...]
    confidence: int
    source_count: int
    expiry_date: date | None
    flags: SummaryFlag


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing that took part in a verdict; none is shown at detail VERDICT.

    Attributes:
        listing_id: The hub's number of the listing; 0 below detail PROVENANCE.
        token_index: Which identifier of the question it was found under, from 0.
        severity: 1 LOW to 4 PROHIBITED.
        category: Code.
        source_class: None below detail PROVENANCE, or newer than this SDK.
        evidence: None below detail PROVENANCE.
        confidence: 0 to 100; 0 below detail PROVENANCE.
        event_date: When it happened, or None.
        expiry_date: The last day it holds; None = no end set.
        flags: What is true of this listing.
    """

    listing_id: int
    token_index: int
    severity: int
    category: str
    source_class: SourceClass | None
    evidence: Evidence | None
    confidence: int
    event_date: date | None
    expiry_date: date | None
    flags: SummaryFlag


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer on one subject.

    Attributes:
        state: What is said of the subject.
        token_states: What is said of each identifier, in the order asked.
        summary: The fold of all listings; None unless LISTED.
        matched_count: Most identifiers that met in one contributor's record.
        listings: Every listing that took part, for a call of its own; of a shared frame the hub
            tells none, and the summary is all.
        coverage: What was consulted; the verdict says nothing beyond it.
        not_granted: What was asked for and is not in the coverage.
        agreement_version: The agreement that ruled.
        taxonomy_version: The taxonomy that ruled.
        epoch: The epoch that was consulted.
        list_sequence: The answer knows every accepted change up to this one.
        quota_left: What the agreement still allows.
        entry_index: Place of the entry in the hub's audit log.
        nonce: Opens the entry's commitments; keep it to prove this answer later.
        request_id: The id of the question; asking again under it is not charged. Empty for a
            verdict of a shared frame.
        frame: The shared frame that the question went in, with its answer: `nonce` opens the
            entry's commitments to these. None for a call of its own.
    """

    state: State
    token_states: tuple[State, ...]
    summary: Summary | None
    matched_count: int
    listings: tuple[Listing, ...]
    coverage: Coverage
    not_granted: Coverage
    agreement_version: int
    taxonomy_version: int
    epoch: int
    list_sequence: int
    quota_left: QuotaLeft
    entry_index: int
    nonce: bytes = field(repr=False)
    request_id: bytes = field(repr=False)
    frame: AnsweredFrame | None = field(default=None, repr=False)

    def __bool__(self) -> NoReturn:
        """Refuses: four states do not fit into true and false."""
        raise TypeError("a verdict is neither true nor false; compare its state")


def merge_summaries(summaries: Sequence[Summary]) -> Summary:
    """Says what the summaries of several forms of one identifier say together.

    The listings behind them are not known here, so the number of sources is the largest that one
    form has; everything else is as the hub folds it.

    Args:
        summaries: One or more.
    """
    if len(summaries) == 1:
        return summaries[0]
    ends = [summary.expiry_date for summary in summaries]
    flags = [summary.flags for summary in summaries]
    in_all = reduce(and_, flags) & ~SummaryFlag.ORDER
    return Summary(
        severity=max(summary.severity for summary in summaries),
        categories=_union(summary.categories for summary in summaries),
        source_classes=_union(summary.source_classes for summary in summaries),
        confidence=max(summary.confidence for summary in summaries),
        source_count=max(summary.source_count for summary in summaries),
        expiry_date=None if None in ends else max(end for end in ends if end is not None),
        flags=in_all | (reduce(or_, flags) & SummaryFlag.ORDER),
    )


def _union(groups: Iterable[tuple[WordT, ...]]) -> tuple[WordT, ...]:
    """Joins tuples that are each in an order of their own into one, sorted, without doubles."""
    return tuple(sorted({word for group in groups for word in group}))


def read_coverage(message: verdict_service_pb2.Coverage, taxonomy: Taxonomy) -> Coverage:
    """Reads what was consulted."""
    return Coverage(
        taxonomy.codes_of(message.category_bits), source_classes_of(message.source_class_bits)
    )


def read_quota_left(message: verdict_service_pb2.QuotaLeft) -> QuotaLeft:
    """Reads what the agreement still allows."""
    return QuotaLeft(message.burst_count, message.day_count, message.month_count)


def read_date(day: int) -> date | None:
    """Reads a day number; 0 = none."""
    return date_of_day(day) if day else None


def read_verdict(
    reply: verdict_service_pb2.CheckSubjectResponse,
    taxonomy: Taxonomy,
    *,
    token_count: int,
    request_id: bytes,
) -> Verdict:
    """Reads the answer of CheckSubject and checks that it accounts for what was asked.

    Raises:
        AnswerMalformedError: A state is missing or unknown, states and listings contradict, or a
            number is out of its range.
    """
    try:
        return _read_verdict(reply, taxonomy, token_count=token_count, request_id=request_id)
    except MalformedError as error:
        raise AnswerMalformedError(f"the hub's answer cannot be used: {error}") from None


def _read_verdict(
    reply: verdict_service_pb2.CheckSubjectResponse,
    taxonomy: Taxonomy,
    *,
    token_count: int,
    request_id: bytes,
) -> Verdict:
    token_states = tuple(_read_state(state) for state in reply.token_states)
    state = _read_state(reply.state)
    _verify_states(state, token_states, token_count, has_summary=reply.HasField("summary"))
    if any(listing.token_index >= token_count for listing in reply.listings):
        raise AnswerMalformedError("a listing belongs to no token that was asked about")
    return Verdict(
        state=state,
        token_states=token_states,
        summary=_read_summary(reply.summary, taxonomy) if state is State.LISTED else None,
        matched_count=reply.matched_count,
        listings=tuple(_read_listing(listing, taxonomy) for listing in reply.listings),
        coverage=read_coverage(reply.coverage, taxonomy),
        not_granted=read_coverage(reply.not_granted, taxonomy),
        agreement_version=reply.agreement_version,
        taxonomy_version=reply.taxonomy_version,
        epoch=reply.epoch,
        list_sequence=reply.list_sequence,
        quota_left=read_quota_left(reply.quota_left),
        entry_index=reply.entry_index,
        nonce=reply.nonce,
        request_id=request_id,
    )


def _read_state(number: int) -> State:
    try:
        return State(number)
    except ValueError:
        raise AnswerMalformedError("the hub's answer holds a state that does not exist") from None


def _verify_states(
    state: State, token_states: tuple[State, ...], token_count: int, *, has_summary: bool
) -> None:
    if len(token_states) != token_count:
        raise AnswerMalformedError(
            f"asked about {token_count} tokens, answered for {len(token_states)}"
        )
    listed = State.LISTED in token_states
    if listed != (state is State.LISTED) or listed != has_summary:
        raise AnswerMalformedError("the subject's state contradicts the states of its tokens")


def _read_summary(message: verdict_service_pb2.Summary, taxonomy: Taxonomy) -> Summary:
    return Summary(
        severity=message.severity,
        categories=taxonomy.codes_of(message.category_bits),
        source_classes=source_classes_of(message.source_class_bits),
        confidence=message.confidence,
        source_count=message.source_count,
        expiry_date=read_date(message.expiry_day),
        flags=SummaryFlag(message.flags),
    )


def _read_listing(message: verdict_service_pb2.ListingDetail, taxonomy: Taxonomy) -> Listing:
    return Listing(
        listing_id=message.listing_id,
        token_index=message.token_index,
        severity=message.severity,
        category=category_of(message.category_bit, taxonomy),
        source_class=next(iter(known_members(SourceClass, [message.source_class])), None),
        evidence=next(iter(known_members(Evidence, [message.evidence])), None),
        confidence=message.confidence,
        event_date=read_date(message.event_day),
        expiry_date=read_date(message.expiry_day),
        flags=SummaryFlag(message.flags),
    )


def category_of(bit: int, taxonomy: Taxonomy) -> str:
    """Names the category with a bit.

    Raises:
        AnswerMalformedError: No category can have this bit.
    """
    if bit >= BIT_COUNT:
        raise AnswerMalformedError("a category bit that does not exist")
    return taxonomy.codes_of(1 << bit)[0]
