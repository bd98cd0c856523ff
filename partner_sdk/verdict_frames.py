"""Questions about frames of tokens, one answer a frame, across a change of the epoch."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from partner_sdk.columns import Frame, FrameAnswer, FrameMaker, read_answer
from partner_sdk.errors import FailedPreconditionError
from partner_sdk.questions import Question, fill_question, id_in_epoch
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

    from partner_sdk.agreements import TokenEpoch
    from partner_sdk.calls import Connections
    from partner_sdk.epochs import EpochCache, TaxonomyCache
    from partner_sdk.retry import RetryPolicy
    from rongan_share.wire.vocabulary import IdentifierType


class Batch:
    """Numbered frames of one question.

    A frame that makes its tokens itself outlives a change of the epoch: what was not answered is
    made anew and asked under the batch's id in the new epoch. The hub charged none of it, for it
    answers frames in order and refuses the first of another epoch.
    """

    def __init__(
        self,
        connections: Connections,
        caches: tuple[EpochCache, TaxonomyCache],
        *,
        question: Question,
        batch_id: bytes,
        identifier_type: IdentifierType | None,
        policy: RetryPolicy,
    ) -> None:
        self._connections = connections
        self._epochs, self._taxonomies = caches
        self._question = question
        self._batch_id = batch_id
        self._identifier_type = identifier_type
        self._policy = policy
        self._unanswered: deque[tuple[int, Frame | FrameMaker]] = deque()

    def answers(self, frames: Iterable[tuple[int, Frame | FrameMaker]]) -> Iterator[FrameAnswer]:
        """Asks about the frames; yields the answers in order.

        Raises:
            HubRefusalError: A frame was refused, the hub stayed unreachable, or a frame was sent
                four times without an answer and may have been charged.
            AnswerMalformedError: An answer does not account for its frame.
        """
        source = iter(frames)
        self._draw(source)
        refused = False
        while self._unanswered:
            self._taxonomies.current()
            epoch = self._epochs.current()
            try:
                for answer in self._answers_in(epoch, source):
                    refused = False
                    yield answer
            except FailedPreconditionError as error:
                if error.reason is not Reason.EPOCH_NOT_OPEN:
                    raise
                self._epochs.forget(epoch)
                # Tokens that the caller has made are of the epoch that was refused.
                if refused or any(isinstance(given, Frame) for _, given in self._unanswered):
                    raise
                refused = True

    def _answers_in(
        self, epoch: TokenEpoch, source: Iterator[tuple[int, Frame | FrameMaker]]
    ) -> Iterator[FrameAnswer]:
        """Asks until all is answered or the epoch is refused."""
        opening = self._opening(epoch)
        exchange: FrameExchange[StreamVerdictsRequest, StreamVerdictsResponse] = FrameExchange(
            self._connect,
            StreamVerdictsRequest(open=opening),
            self._sent(epoch, source),
            policy=self._policy,
            timing=self._connections.timing,
            most_sends=MOST_SENDS,
        )
        with closing(exchange.answers()) as answers:
            for sent, answer in answers:
                # Verdicts are never cumulative: read_answer refuses one that skips a frame.
                asked = sent[0].request.frame
                taxonomy = self._taxonomies.of_version(answer.taxonomy_version)
                told = read_answer(answer, asked, taxonomy)
                self._unanswered.popleft()
                yield replace(told, batch_id=opening.batch_id)

    def _opening(self, epoch: TokenEpoch) -> VerdictOpen:
        """Makes the opening; the first frame decides under which id the batch goes on."""
        made = isinstance(self._unanswered[0][1], Frame)
        own = self._batch_id if made else id_in_epoch(self._batch_id, epoch.number)
        opening = VerdictOpen(batch_id=own)
        taxonomy = self._taxonomies.current()
        fill_question(opening, self._question, taxonomy=taxonomy, epoch=epoch)
        if self._identifier_type is not None:
            name = f"IDENTIFIER_TYPE_{self._identifier_type.name}"
            opening.type = IdentifierTypeMessage.Value(name)
        return opening

    def _connect(
        self, requests: Iterator[StreamVerdictsRequest], seconds: float
    ) -> AnswerStream[StreamVerdictsResponse]:
        return self._connections.stream(
            lambda stubs: stubs.verdict.StreamVerdicts, requests, timeout_seconds=seconds
        )

    def _sent(
        self, epoch: TokenEpoch, source: Iterator[tuple[int, Frame | FrameMaker]]
    ) -> Iterator[SentFrame[StreamVerdictsRequest]]:
        # What is left over from another epoch first; its tokens are made anew.
        for number, given in tuple(self._unanswered):
            yield _send(number, given, epoch)
        while self._draw(source):
            yield _send(*self._unanswered[-1], epoch)

    def _draw(self, source: Iterator[tuple[int, Frame | FrameMaker]]) -> bool:
        drawn = next(source, None)
        if drawn is not None:
            self._unanswered.append(drawn)
        return drawn is not None


def _send(
    number: int, given: Frame | FrameMaker, epoch: TokenEpoch
) -> SentFrame[StreamVerdictsRequest]:
    frame = given if isinstance(given, Frame) else given(epoch.tokenizer)
    return SentFrame(number, StreamVerdictsRequest(frame=frame.to_message(number)))
