"""Questions about frames of tokens, one answer a frame."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from partner_sdk.columns import Frame, FrameAnswer, read_answer
from partner_sdk.errors import FailedPreconditionError
from partner_sdk.questions import Question, fill_question
from partner_sdk.retry import MOST_SENDS
from partner_sdk.streams import AnswerStream, FrameExchange, SentFrame
from rongan_share.v1.verdict_service_pb2 import (
    StreamVerdictsRequest,
    StreamVerdictsResponse,
    VerdictOpen,
)
from rongan_share.v1.vocabulary_pb2 import IdentifierType as IdentifierTypeMessage
from rongan_share.wire.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from partner_sdk.calls import Connections
    from partner_sdk.epochs import EpochCache, TaxonomyCache
    from partner_sdk.retry import RetryPolicy
    from rongan_share.wire.vocabulary import IdentifierType


def ask_frames(
    connections: Connections,
    caches: tuple[EpochCache, TaxonomyCache],
    frames: Iterable[tuple[int, Frame]],
    *,
    question: Question,
    batch_id: bytes,
    identifier_type: IdentifierType | None,
    policy: RetryPolicy,
) -> Iterator[FrameAnswer]:
    """Asks about numbered frames; yields the answers in order.

    Raises:
        HubRefusalError: A frame was refused, the hub stayed unreachable, or a frame was sent four
            times without an answer and may have been charged.
        AnswerMalformedError: An answer does not account for its frame.
    """
    epochs, taxonomies = caches
    opening = VerdictOpen(batch_id=batch_id)
    fill_question(opening, question, taxonomy=taxonomies.current(), epoch=epochs.current())
    if identifier_type is not None:
        opening.type = IdentifierTypeMessage.Value(f"IDENTIFIER_TYPE_{identifier_type.name}")

    def connect(
        requests: Iterator[StreamVerdictsRequest], seconds: float
    ) -> AnswerStream[StreamVerdictsResponse]:
        return connections.take().verdict.StreamVerdicts(requests, timeout=seconds)

    exchange: FrameExchange[StreamVerdictsRequest, StreamVerdictsResponse] = FrameExchange(
        connect,
        StreamVerdictsRequest(open=opening),
        (
            SentFrame(number, StreamVerdictsRequest(frame=frame.to_message(number)))
            for number, frame in frames
        ),
        policy=policy,
        timing=connections.timing,
        most_sends=MOST_SENDS,
    )
    try:
        with closing(exchange.answers()) as answers:
            for sent, answer in answers:
                # Verdicts are never cumulative: read_answer refuses one that skips a frame.
                asked = sent[0].request.frame
                yield read_answer(answer, asked, taxonomies.of_version(answer.taxonomy_version))
    except FailedPreconditionError as error:
        if error.reason is Reason.EPOCH_NOT_OPEN:
            epochs.forget()
        raise
