"""Answers to frames: what they say, and every way in which they may not add up."""

from __future__ import annotations

import struct
from datetime import date
from typing import Any, TypeAlias

import pytest

from partner_sdk import AnswerMalformedError, Frame
from partner_sdk.agreements import read_taxonomy
from partner_sdk.columns import FrameAnswer, read_answer
from rongan_share.v1.verdict_service_pb2 import StreamVerdictsResponse
from rongan_share.wire.frames import SUMMARY
from rongan_share.wire.vocabulary import SourceClass, State, SummaryFlag
from tests.sdk.doubles import E4_BIT, taxonomy

TAXONOMY = read_taxonomy(taxonomy())
Column: TypeAlias = Any
"""Bytes or a number, as the field takes."""

LISTED = SUMMARY.pack(1 << E4_BIT, 1 << 10, 3, 90, 2, 20_000, 2)


def uint32(*values: int) -> bytes:
    """Packs a column of uint32."""
    return struct.pack(f"<{len(values)}I", *values)


def good(**changes: Column) -> StreamVerdictsResponse:
    """Answers six tokens: 1 and 4 listed, 2 not entitled, 5 indeterminate; with changes."""
    fields: dict[str, Any] = {
        "frame_number": 1,
        "token_count": 6,
        "listed_index": uint32(1, 4),
        "listed_summary": LISTED * 2,
        "other_index": uint32(2, 5),
        "other_state": bytes([2, 131]),
        "not_listed_count": 2,
        "taxonomy_version": 1,
    }
    return StreamVerdictsResponse(**{**fields, **changes})


def read(message: StreamVerdictsResponse, *, subject_end: tuple[int, ...] = ()) -> FrameAnswer:
    """Reads an answer to a frame of six tokens."""
    frame = Frame(tokens=bytes(96), subject_end=subject_end)
    return read_answer(message, frame.to_message(1), TAXONOMY)


def test_each_token_has_its_state() -> None:
    """States, summaries and raw bytes stand where the columns say."""
    answer = read(good())
    assert [answer.state(index) for index in range(6)] == [
        State.NOT_LISTED,
        State.LISTED,
        State.NOT_ENTITLED,
        State.NOT_LISTED,
        State.LISTED,
        State.INDETERMINATE,
    ]
    assert answer.not_listed_count == 2
    assert [index for index, _ in answer.listed()] == [1, 4]
    assert list(answer.others()) == [
        (2, State.NOT_ENTITLED, 2),
        (5, State.INDETERMINATE, 131),
    ]
    summary = answer.summary(4)
    assert summary is not None
    assert summary.categories == ("E4",)
    assert summary.source_classes == (SourceClass.INTL_LIST,)
    assert (summary.severity, summary.confidence, summary.source_count) == (3, 90, 2)
    assert summary.expiry_date == date(2024, 10, 4)
    assert summary.flags is SummaryFlag.WEAK
    assert answer.summary(0) is None


@pytest.mark.parametrize("index", [-1, 6])
def test_token_outside_the_frame_has_no_state(index: int) -> None:
    """An index that was not asked is an error, not NOT_LISTED."""
    with pytest.raises(IndexError):
        read(good()).state(index)


def test_unknown_category_is_shown_by_its_bit() -> None:
    """A category newer than the taxonomy at hand is shown, not dropped."""
    later = SUMMARY.pack(1 << 50, 0, 3, 0, 0, 0, 0)
    summary = read(good(listed_summary=LISTED + later)).summary(4)
    assert summary is not None
    assert summary.categories == ("bit50",)
    assert summary.expiry_date is None


@pytest.mark.parametrize(
    "changes",
    [
        {"frame_number": 2},
        {"token_count": 5, "not_listed_count": 1},
        {"token_count": 7, "not_listed_count": 3},
        {"not_listed_count": 1},
        {"not_listed_count": 3},
        {"listed_index": uint32(1, 4)[:-1]},
        {"listed_index": uint32(4, 1)},
        {"listed_index": uint32(1, 1)},
        {"listed_index": uint32(1, 6)},
        {"listed_index": uint32(1, 2)},
        {"listed_summary": LISTED},
        {"listed_summary": LISTED * 2 + b"\0"},
        {"other_index": uint32(5, 2)},
        {"other_state": bytes([2])},
        {"other_state": bytes([0, 131])},
        {"other_state": bytes([3, 131])},
        {"other_state": bytes([127, 131])},
        {"listed_subject": uint32(0)},
        {"subject_summary": LISTED},
        {"subject_matched": b"\1"},
    ],
    ids=str,
)
def test_answer_that_does_not_add_up_is_an_error(changes: dict[str, Any]) -> None:
    """A column cut, out of order, out of range, doubled or left over is an error."""
    with pytest.raises(AnswerMalformedError):
        read(good(**changes))


def test_empty_answer_accounts_for_nothing() -> None:
    """An empty message is an error, not a frame of unlisted tokens."""
    with pytest.raises(AnswerMalformedError):
        read(StreamVerdictsResponse())


def test_subjects_have_their_states() -> None:
    """With subjects the fold of each stands beside those of its tokens."""
    message = good(listed_subject=uint32(0, 2), subject_summary=LISTED * 2, subject_matched=b"\1\2")
    answer = read(message, subject_end=(2, 4, 6))
    assert [answer.subject(index).state for index in range(3)] == [
        State.LISTED,
        State.NOT_LISTED,
        State.LISTED,
    ]
    assert answer.subject(0).summary is not None
    assert [(index, matched) for index, _, matched in answer.listed_subjects()] == [(0, 1), (2, 2)]


def test_subject_that_cannot_be_told_is_indeterminate() -> None:
    """A subject of which one token cannot be told is INDETERMINATE, with its reason."""
    message = good(listed_subject=uint32(0, 2), subject_summary=LISTED * 2, subject_matched=b"\1\1")
    answer = read(message, subject_end=(2, 3, 5, 6))
    assert answer.subject(1).state is State.NOT_ENTITLED
    assert answer.subject(3).state is State.INDETERMINATE
    assert answer.subject(3).other_state == 131


@pytest.mark.parametrize("subjects", [uint32(), uint32(0), uint32(0, 1), uint32(0, 1, 2)])
def test_subjects_must_agree_with_their_tokens(subjects: bytes) -> None:
    """A listed token whose subject is not listed, or the reverse, is an error."""
    count = len(subjects) // 4
    message = good(
        listed_subject=subjects, subject_summary=LISTED * count, subject_matched=bytes(count)
    )
    with pytest.raises(AnswerMalformedError):
        read(message, subject_end=(2, 4, 6))


def test_frame_shows_no_token() -> None:
    """Tokens are personal data: no repr holds one."""
    assert "deadbeef" not in repr(Frame(tokens=bytes.fromhex("deadbeef" * 4)))


def test_forms_of_an_identifier_are_merged() -> None:
    """What the forms of one identifier say is joined as the hub folds listings."""
    weak_order = SUMMARY.pack(1 << E4_BIT, 1 << 9, 2, 95, 1, 0, 2 | 4)
    weak = SUMMARY.pack(1 << 40, 1 << 10, 3, 90, 2, 20_000, 2)
    plain = SUMMARY.pack(1 << E4_BIT, 1 << 10, 1, 10, 1, 20_001, 0)
    answer = read(
        good(
            listed_index=uint32(1, 3, 4),
            listed_summary=weak_order + weak + plain,
            not_listed_count=1,
        )
    )
    both = answer.identifier((0, 1, 3)).summary
    assert both is not None
    assert (both.severity, both.confidence, both.source_count) == (3, 95, 2)
    assert (both.categories, both.expiry_date) == (("E4", "bit40"), None)
    assert both.flags == SummaryFlag.WEAK | SummaryFlag.ORDER
    later = answer.identifier((3, 4))
    assert later.state is State.LISTED
    assert later.summary is not None
    assert (later.summary.expiry_date, later.summary.flags) == (date(2024, 10, 5), SummaryFlag(0))
    assert answer.identifier((0, 2)).state is State.NOT_LISTED
    assert answer.identifier((2, 5)) == answer.subject(5)
