"""VerdictService: one subject in full detail, and frames of tokens as columns."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np

from rongan_share.clock import nanoseconds
from rongan_share.errors import Reason, RonganError
from rongan_share.ledger.streams import REPEAT_MEMORY_NS, Claim, Repeat, StreamKey, find_repeat
from rongan_share.services.call import Call, Outcome
from rongan_share.services.lookup import Found, Judged, chargeable_count, find_rows, look_up
from rongan_share.v1 import verdict_service_pb2 as pb
from rongan_share.v1.vocabulary_pb2 import Evidence as EvidenceMessage
from rongan_share.v1.vocabulary_pb2 import SourceClass as SourceClassMessage
from rongan_share.v1.vocabulary_pb2 import State as StateMessage
from rongan_share.wire import frames
from rongan_share.wire.fold import FoldRows, count_matched, cut_to_detail, fold
from rongan_share.wire.vocabulary import DetailLevel, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rongan_share.services.questions import VerdictQuestion

Answer = pb.CheckSubjectResponse | pb.StreamVerdictsResponse
"""What is answered to a question."""

MOST_DETAILS = 1_000
"""Most listings shown one by one, so that an answer stays within a message."""

LARGE_SUBJECT = 16_384
"""Listings of a subject from which on its details are made one subject at a time.

They take some 250 bytes a listing while they are made.
"""

_ONE_LARGE = threading.Lock()
_ID_BYTES = 8

MOST_ROWS = 1_000_000
"""Rows that are multiplied out at once for the subjects of a frame."""

_LISTED, _NOT_LISTED, _NOT_ENTITLED = (
    StateMessage.ValueType(state) for state in (State.LISTED, State.NOT_LISTED, State.NOT_ENTITLED)
)
_PRECEDENCE = (_LISTED, _NOT_LISTED, _NOT_ENTITLED)

UNCHARGED_REPEATS = 3
"""How often a repeated question is answered without charge within 24 hours."""


def check_subject(call: Call, question: VerdictQuestion) -> Outcome:
    """Answers CheckSubject.

    Raises:
        RonganError: A refusal of the look-up, or FRAME_CONFLICT.
    """
    judged = look_up(call, question)
    answer = pb.CheckSubjectResponse()
    _put_ruling(answer, call, judged)
    states = [_NOT_LISTED if entitled else _NOT_ENTITLED for entitled in judged.entitled.tolist()]
    for index in judged.listed.tolist():
        states[index] = _LISTED
    answer.token_states.extend(states)
    # What may be asked about decides, listed first.
    answer.state = min(states, key=_PRECEDENCE.index)
    if judged.listed.size:
        large = len(judged.disclosure) > LARGE_SUBJECT * _ID_BYTES
        with _ONE_LARGE if large else nullcontext():
            _put_details(answer, judged, question.terms.detail_level)
    return _outcome(call, question, judged, answer=answer)


def answer_frame(call: Call, question: VerdictQuestion) -> Outcome:
    """Answers one frame of StreamVerdicts.

    Raises:
        RonganError: A refusal of the look-up, or FRAME_CONFLICT.
    """
    judged = look_up(call, question)
    detail = question.terms.detail_level
    other, other_state = _others(question, judged)
    answer = pb.StreamVerdictsResponse(
        frame_number=question.frame_number,
        token_count=question.token_count,
        listed_index=judged.listed.astype("<u4").tobytes(),
        listed_summary=cut_to_detail(judged.summaries, detail).tobytes(),
        other_index=other.astype("<u4").tobytes(),
        other_state=other_state.tobytes(),
        not_listed_count=question.token_count - judged.listed.size - other.size,
    )
    _put_ruling(answer, call, judged)
    if question.subject_end is not None and judged.listed.size:
        _put_subjects(answer, judged, detail, ends=question.subject_end)
    return _outcome(call, question, judged, answer=answer)


def _put_ruling(answer: Answer, call: Call, judged: Judged) -> None:
    """Fills in what ruled an answer."""
    answer.coverage.category_bits = judged.coverage.category_bits
    answer.coverage.source_class_bits = judged.coverage.source_class_bits
    answer.not_granted.category_bits = judged.not_granted.category_bits
    answer.not_granted.source_class_bits = judged.not_granted.source_class_bits
    answer.agreement_version = call.agreement.version
    answer.taxonomy_version = call.taxonomy.version
    answer.epoch = call.registry.epoch.number
    answer.list_sequence = judged.sequence


def _put_details(answer: pb.CheckSubjectResponse, judged: Judged, detail: DetailLevel) -> None:
    """Adds the fold over the whole subject and the listings that took part in it."""
    found = find_rows(judged)
    subject = np.zeros_like(found.query)
    _, summaries = fold(subject, found.fold_rows)
    summary = cut_to_detail(summaries, detail)[0]
    for name in summary.dtype.names:
        setattr(answer.summary, name, int(summary[name]))
    answer.matched_count = int(_matched(found, subject, np.arange(found.query.size))[0])
    if detail < DetailLevel.CATEGORY:
        # How many listings there are would tell of how many sources.
        return
    token, place = found.rows_of(judged.listed, found.place[judged.listed])
    answer.listing_count = token.size
    for index, row in zip(token[:MOST_DETAILS], place[:MOST_DETAILS], strict=True):
        _add_listing(answer, found, int(row), shown=detail >= DetailLevel.PROVENANCE)
        answer.listings[-1].token_index = int(index)


def _add_listing(answer: pb.CheckSubjectResponse, found: Found, place: int, *, shown: bool) -> None:
    """Adds one listing; where it comes from only if that is shown."""
    row = found.rows[place]
    listing = answer.listings.add(
        category_bit=int(row["category"]),
        severity=int(row["severity"]),
        expiry_day=int(row["expiry_day"]),
        flags=int(found.fold_rows.flags[place]),
    )
    if shown:
        # The id tells which listings came in one frame, so from one contributor.
        listing.listing_id = int(row["listing_id"])
        listing.source_class = SourceClassMessage.ValueType(row["source_class"])
        listing.evidence = EvidenceMessage.ValueType(row["evidence"])
        listing.confidence = int(found.fold_rows.confidence[place])
        listing.event_day = int(row["event_day"])


def _put_subjects(
    answer: pb.StreamVerdictsResponse,
    judged: Judged,
    detail: DetailLevel,
    *,
    ends: NDArray[np.uint32],
) -> None:
    """Adds the folds over whole subjects; `ends` is the index after each subject's last token."""
    found, token = find_rows(judged), judged.listed
    subject = np.searchsorted(ends, token, side="right").astype(np.int64)
    # A token that a subject has twice brings its listings once.
    pair = np.unique(np.stack((subject, found.place[token]), axis=1), axis=0)
    for part in _parts(found, pair):
        subject, place = found.rows_of(part[:, 0], part[:, 1])
        rows = FoldRows._make(column[place] for column in found.fold_rows)
        listed, summary = fold(subject, rows)
        answer.listed_subject += listed.astype("<u4").tobytes()
        answer.subject_summary += cut_to_detail(summary, detail).tobytes()
        answer.subject_matched += _matched(found, subject, place).tobytes()


def _parts(found: Found, pair: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Cuts (subject, distinct token) pairs between subjects, so that no part has too many rows."""
    counts = np.bincount(found.query, minlength=int(pair[:, 1].max(initial=-1)) + 1)
    reached = np.cumsum(counts[pair[:, 1]])
    begin = 0
    while begin < len(pair):
        before = int(reached[begin - 1]) if begin else 0
        end = int(np.searchsorted(reached, before + MOST_ROWS, side="right"))
        # Up to where a subject ends, and never less than one subject.
        subject = pair[min(end, len(pair) - 1), 0]
        cut = int(np.searchsorted(pair[:, 0], subject, side="left"))
        if end == len(pair):
            cut = end
        elif cut <= begin:
            cut = int(np.searchsorted(pair[:, 0], pair[begin, 0], side="right"))
        yield pair[begin:cut]
        begin = cut


def _matched(
    found: Found, subject: NDArray[np.int64], place: NDArray[np.int64]
) -> NDArray[np.uint8]:
    return count_matched(
        subject=subject,
        contributor=found.rows["contributor"][place],
        reference=found.rows["reference"][place],
        token=found.query[place],
    )


def _others(
    question: VerdictQuestion, judged: Judged
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Returns the tokens that may not be asked about, and why."""
    if judged.coverage.empty:
        everything = np.arange(question.token_count)
        return everything, np.full(everything.size, frames.OTHER_NOT_ENTITLED_COVERAGE, np.uint8)
    barred = np.flatnonzero(~judged.entitled)
    return barred, np.full(barred.size, frames.OTHER_NOT_ENTITLED_TYPE, np.uint8)


def _outcome(call: Call, question: VerdictQuestion, judged: Judged, *, answer: Answer) -> Outcome:
    """Adds what the answer costs and leaves behind."""
    stream = StreamKey(call.partner.number, question.batch_id)
    # Almost no question is a repeated one, and the commit tells those that are.
    seen = None if call.first_try else find_repeat(call.read, stream, question.frame_number)
    remembered, charged = _remember(call, question, seen)
    listed_count = int(judged.listed.size)
    entitled_count = int(np.count_nonzero(judged.entitled))
    return Outcome(
        answer=answer,
        counts={
            "tokens": question.token_count,
            "listed": listed_count,
            "not_listed": entitled_count - listed_count,
            "not_entitled": question.token_count - entitled_count,
            "charged": entitled_count if charged else 0,
        },
        purpose=question.terms.purpose,
        origin=question.terms.origin,
        snapshot_sequence=judged.sequence,
        disclosure=judged.disclosure,
        business_refs=question.business_refs,
        cost=entitled_count if charged else 0,
        claim=Claim(stream, question.frame_number, seen, remembered),
    )


def question_cost(call: Call, question: VerdictQuestion) -> int:
    """Returns what a question will cost, 0 for one that is repeated within the free number.

    Raises:
        RonganError: FRAME_CONFLICT for a known id with other content.
    """
    stream = StreamKey(call.partner.number, question.batch_id)
    seen = find_repeat(call.read, stream, question.frame_number)
    _, charged = _remember(call, question, seen)
    return chargeable_count(call, question) if charged else 0


def _remember(call: Call, question: VerdictQuestion, seen: Repeat | None) -> tuple[Repeat, bool]:
    """Decides how a question is remembered and whether it is charged."""
    digest = call.blind(question.content)
    if seen is None or nanoseconds(call.now) - seen.time_ns >= REPEAT_MEMORY_NS:
        return Repeat(digest, 0, 0), True
    if seen.digest != digest:
        raise RonganError(Reason.FRAME_CONFLICT)
    if seen.uncharged_count >= UNCHARGED_REPEATS:
        return seen, True
    return Repeat(seen.digest, seen.time_ns, seen.uncharged_count + 1), False
