"""Frames of questions and their answers: columns of bytes, read in place.

Tokens are never turned into an object each. An answer is a view over the columns that came; what
is asked of it is looked up there. Layouts: ``verdict_service.proto``. Wants no numpy, and gives
it the columns gladly.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from operator import lt
from typing import TYPE_CHECKING, TypeAlias

from partner_sdk.agreements import source_classes_of
from partner_sdk.errors import AnswerMalformedError
from partner_sdk.verdicts import (
    Coverage,
    QuotaLeft,
    Summary,
    merge_summaries,
    read_coverage,
    read_date,
    read_quota_left,
)
from rongan_share.v1.verdict_service_pb2 import VerdictFrame
from rongan_share.wire.frames import (
    OTHER_INDETERMINATE,
    OTHER_NOT_ENTITLED_COVERAGE,
    OTHER_NOT_ENTITLED_TYPE,
    SUMMARY,
    TOKEN_BYTES,
)
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.tokens import Tokenizer
from rongan_share.wire.vocabulary import State, SummaryFlag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rongan_share.v1.verdict_service_pb2 import StreamVerdictsResponse
    from rongan_share.wire.taxonomy import Taxonomy

_NOT_ENTITLED = (OTHER_NOT_ENTITLED_COVERAGE, OTHER_NOT_ENTITLED_TYPE)
_PRECEDENCE = (State.INDETERMINATE, State.NOT_LISTED, State.NOT_ENTITLED)
"""Which state a subject without a listing has, as the hub decides it in CheckSubject."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Many tokens asked at once.

    Attributes:
        tokens: 16 bytes each, 1 to 65,536 of them.
        types: One IdentifierType byte each, or empty.
        business_refs: 16 bytes per token, or per subject where there are subjects, or empty.
        subject_end: Ascending: the index after each subject's last token; empty = every token is
            a subject.
    """

    tokens: bytes = field(repr=False)
    types: bytes = b""
    business_refs: bytes = field(default=b"", repr=False)
    subject_end: tuple[int, ...] = ()

    @property
    def token_count(self) -> int:
        """How many tokens are asked."""
        return len(self.tokens) // TOKEN_BYTES

    def to_message(self, number: int) -> VerdictFrame:
        """Makes the message of the wire."""
        return VerdictFrame(
            frame_number=number,
            tokens=self.tokens,
            types=self.types,
            business_ref=self.business_refs,
            subject_end=_encode_uint32(self.subject_end),
        )


FrameMaker: TypeAlias = Callable[[Tokenizer], Frame]
"""Makes a frame with the tokens of an epoch, and if need be once more with those of another."""


@dataclass(frozen=True, slots=True)
class SubjectAnswer:
    """What is said of one subject of a frame.

    Attributes:
        state: LISTED if any of its tokens is; else as the hub folds states.
        summary: The fold of all its listings; None unless LISTED.
        other_state: The raw byte behind NOT_ENTITLED or INDETERMINATE; 0 otherwise.
        matched_count: Most tokens that met in one contributor's record; 0 unless LISTED.
    """

    state: State
    summary: Summary | None
    other_state: int = 0
    matched_count: int = 0


@dataclass(frozen=True, slots=True)
class FrameAnswer:
    """The answer to one frame; every token is listed, other, or counted not listed.

    Attributes:
        frame_number: The frame that is answered.
        token_count: How many tokens were asked.
        listed_index: Ascending indices of the listed tokens.
        listed_summary: 16 bytes for each of them, laid out as in ``verdict_service.proto``.
        listed_subject: Ascending indices of the listed subjects; empty without subjects.
        subject_summary: 16 bytes for each of them.
        subject_matched: For each of them, most tokens meeting in one contributor's record.
        other_index: Ascending indices of tokens that are neither listed nor not listed.
        other_state: One byte for each of them: 1, 2 NOT_ENTITLED, 128 and above INDETERMINATE.
        coverage: What was consulted; the answer says nothing beyond it.
        not_granted: What was asked for and is not in the coverage.
        agreement_version: The agreement that ruled.
        taxonomy_version: The taxonomy that ruled.
        epoch: The epoch that was consulted.
        list_sequence: The answer knows every accepted change up to this one.
        quota_left: What the agreement still allows.
        entry_index: Place of the entry in the hub's audit log.
        nonce: Opens the entry's commitments.
        batch_id: Under which the hub knows the frame, with its number.
    """

    frame_number: int
    token_count: int
    listed_index: Sequence[int] = field(repr=False)
    listed_summary: bytes = field(repr=False)
    listed_subject: Sequence[int] = field(repr=False)
    subject_summary: bytes = field(repr=False)
    subject_matched: bytes = field(repr=False)
    other_index: Sequence[int] = field(repr=False)
    other_state: bytes = field(repr=False)
    coverage: Coverage
    not_granted: Coverage
    agreement_version: int
    taxonomy_version: int
    epoch: int
    list_sequence: int
    quota_left: QuotaLeft
    entry_index: int
    nonce: bytes = field(repr=False)
    _subject_end: Sequence[int] = field(repr=False)
    _taxonomy: Taxonomy = field(repr=False)
    batch_id: bytes = field(default=b"", repr=False)

    @property
    def not_listed_count(self) -> int:
        """How many tokens are not listed."""
        return self.token_count - len(self.listed_index) - len(self.other_index)

    def state(self, index: int) -> State:
        """What is said of one token."""
        if not 0 <= index < self.token_count:
            raise IndexError(f"the frame has {self.token_count} tokens")
        if _find(self.listed_index, index) is not None:
            return State.LISTED
        place = _find(self.other_index, index)
        return State.NOT_LISTED if place is None else _state_of(self.other_state[place])

    def summary(self, index: int) -> Summary | None:
        """What the listings of one token say together; None unless it is listed."""
        place = _find(self.listed_index, index)
        return None if place is None else self._summary(self.listed_summary, place)

    def subject(self, index: int) -> SubjectAnswer:
        """What is said of one subject; without subjects in the frame, of one token."""
        ends = self._subject_end
        if not ends:
            return self.identifier((index,))
        place = _find(self.listed_subject, index)
        if place is not None:
            summary = self._summary(self.subject_summary, place)
            return SubjectAnswer(State.LISTED, summary, 0, self.subject_matched[place])
        return self.identifier(range(ends[index - 1] if index else 0, ends[index]))

    def identifier(self, tokens: Sequence[int]) -> SubjectAnswer:
        """What is said of one identifier of a subject, by the tokens of all its forms.

        Args:
            tokens: Their indices, one or more.
        """
        summaries = [said for said in map(self.summary, tokens) if said is not None]
        if summaries:
            return SubjectAnswer(State.LISTED, merge_summaries(summaries), 0, 1)
        bytes_by_state = {self.state(token): self._other_byte(token) for token in tokens}
        state = next(state for state in _PRECEDENCE if state in bytes_by_state)
        return SubjectAnswer(state, None, bytes_by_state[state])

    def listed(self) -> Iterator[tuple[int, Summary]]:
        """Yields index and summary of each listed token, ascending."""
        for place, index in enumerate(self.listed_index):
            yield index, self._summary(self.listed_summary, place)

    def listed_subjects(self) -> Iterator[tuple[int, Summary, int]]:
        """Yields index, summary and matched count of each listed subject, ascending."""
        for place, index in enumerate(self.listed_subject):
            yield index, self._summary(self.subject_summary, place), self.subject_matched[place]

    def others(self) -> Iterator[tuple[int, State, int]]:
        """Yields index, state and raw state byte of each token neither listed nor not listed."""
        for index, byte in zip(self.other_index, self.other_state, strict=True):
            yield index, _state_of(byte), byte

    def _other_byte(self, index: int) -> int:
        place = _find(self.other_index, index)
        return 0 if place is None else self.other_state[place]

    def _summary(self, column: bytes, place: int) -> Summary:
        values = SUMMARY.unpack_from(column, place * SUMMARY.size)
        categories, classes, severity, confidence, sources, expiry, flags = values
        return Summary(
            severity=severity,
            categories=self._taxonomy.codes_of(categories),
            source_classes=source_classes_of(classes),
            confidence=confidence,
            source_count=sources,
            expiry_date=read_date(expiry),
            flags=SummaryFlag(flags),
        )


def read_answer(
    message: StreamVerdictsResponse, asked: VerdictFrame, taxonomy: Taxonomy
) -> FrameAnswer:
    """Reads the answer to a frame and checks that every token is accounted for.

    Args:
        message: What the hub sent.
        asked: The frame that it answers.
        taxonomy: Names the categories.

    Raises:
        AnswerMalformedError: A column does not fit, or a token is missing or counted twice.
    """
    try:
        answer = _view(message, asked, taxonomy)
    except MalformedError as error:
        raise AnswerMalformedError(f"the hub's answer cannot be used: {error}") from None
    _verify_tokens(answer, message, asked)
    _verify_subjects(answer)
    return answer


def _view(message: StreamVerdictsResponse, asked: VerdictFrame, taxonomy: Taxonomy) -> FrameAnswer:
    return FrameAnswer(
        frame_number=message.frame_number,
        token_count=message.token_count,
        listed_index=_read_uint32(message.listed_index),
        listed_summary=message.listed_summary,
        listed_subject=_read_uint32(message.listed_subject),
        subject_summary=message.subject_summary,
        subject_matched=message.subject_matched,
        other_index=_read_uint32(message.other_index),
        other_state=message.other_state,
        coverage=read_coverage(message.coverage, taxonomy),
        not_granted=read_coverage(message.not_granted, taxonomy),
        agreement_version=message.agreement_version,
        taxonomy_version=message.taxonomy_version,
        epoch=message.epoch,
        list_sequence=message.list_sequence,
        quota_left=read_quota_left(message.quota_left),
        entry_index=message.entry_index,
        nonce=message.nonce,
        _subject_end=_read_uint32(asked.subject_end),
        _taxonomy=taxonomy,
    )


def _verify_tokens(
    answer: FrameAnswer, message: StreamVerdictsResponse, asked: VerdictFrame
) -> None:
    count = answer.token_count
    listed, other = answer.listed_index, answer.other_index
    _demand(message.frame_number == asked.frame_number, "another frame than was asked")
    _demand(count * TOKEN_BYTES == len(asked.tokens), "another number of tokens than was asked")
    _demand(_ascends(listed, count), "listed_index does not ascend within the frame")
    _demand(_ascends(other, count), "other_index does not ascend within the frame")
    _demand(len(answer.listed_summary) == SUMMARY.size * len(listed), "listed_summary does not fit")
    _demand(len(answer.other_state) == len(other), "other_state does not fit")
    _demand(set(listed).isdisjoint(other), "a token has two states")
    _demand(message.not_listed_count == answer.not_listed_count, "a token is not accounted for")
    for byte in set(answer.other_state):
        _state_of(byte)


def _verify_subjects(answer: FrameAnswer) -> None:
    ends, subjects = answer._subject_end, answer.listed_subject  # noqa: SLF001 - one module
    count = len(ends)
    _demand(_ascends(subjects, count), "listed_subject does not ascend within the frame")
    _demand(len(answer.subject_summary) == SUMMARY.size * len(subjects), "subject_summary unfit")
    _demand(len(answer.subject_matched) == len(subjects), "subject_matched does not fit")
    if count:
        # The subject of a token is the first whose end lies behind it.
        expected = sorted(set(map(partial(bisect_right, ends), answer.listed_index)))
        _demand(expected == list(subjects), "listed subjects contradict the listed tokens")


def _demand(truth: bool, rule: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not truth:
        raise AnswerMalformedError(f"the hub's answer cannot be used: {rule}")


def _ascends(column: Sequence[int], bound: int) -> bool:
    values = list(column)
    return all(map(lt, values, values[1:])) and (not values or values[-1] < bound)


def _find(column: Sequence[int], value: int) -> int | None:
    place = bisect_left(column, value)
    return place if place < len(column) and column[place] == value else None


def _state_of(byte: int) -> State:
    if byte in _NOT_ENTITLED:
        return State.NOT_ENTITLED
    _demand(byte >= OTHER_INDETERMINATE, "a state that does not exist")
    return State.INDETERMINATE


def _read_uint32(column: bytes) -> Sequence[int]:
    _demand(len(column) % 4 == 0, "a column of uint32 is cut off")
    if sys.byteorder == "little":
        return memoryview(column).cast("I")
    swapped = array("I", column)
    swapped.byteswap()
    return swapped


def _encode_uint32(values: Iterable[int]) -> bytes:
    column = array("I", values)
    if sys.byteorder != "little":
        column.byteswap()
    return column.tobytes()
