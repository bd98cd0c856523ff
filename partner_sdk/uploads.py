"""A resumable upload: frames in, acknowledgements out, whatever cuts and epochs come between.

What a frame says depends on the epochs: in another one its tokens are others, and while one opens
it carries tokens of both. Under one number the hub takes one content. So a frame is made anew only
when the hub has refused it or one before it for its epoch, and has been asked what it has; the
hub's state is asked after the epochs, for what an earlier try still had under way cannot be
accepted any more once they have changed.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from partner_sdk.contributions import Ack, ContributionState, RowFrame
from partner_sdk.errors import (
    FailedPreconditionError,
    HubRefusalError,
    NotAllowedError,
    error_for,
)
from partner_sdk.streams import AnswerStream, FrameExchange, SentFrame
from partner_sdk.verdicts import QuotaLeft, read_quota_left
from rongan_share.v1.contribution_service_pb2 import (
    ContributeFrame,
    ContributeOpen,
    ContributeRequest,
    ContributeResponse,
    GetContributionStateRequest,
)
from rongan_share.v1.vocabulary_pb2 import Suite as SuiteMessage
from rongan_share.wire.reasons import Reason
from rongan_share.wire.vocabulary import Suite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from partner_sdk.agreements import TokenEpoch
    from partner_sdk.calls import Connections
    from partner_sdk.epochs import EpochCache
    from partner_sdk.retry import RetryPolicy
    from rongan_share.wire.identifiers import Canonical

MOST_RENEWALS = 3
"""Times in a row that frames are made anew without one being taken: an epoch may open and be
promoted between, but a hub that refuses its own epoch is not asked for ever."""

EPOCH_REASONS = (Reason.EPOCH_NOT_OPEN, Reason.NEXT_EPOCH_NEEDED)
"""Refusals that mean: read the epochs again and make the tokens anew."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How the tokens of frames are made.

    Attributes:
        epoch: The epochs; None = the partner is not given their keys now.
        refusal: Why it is not given them.
    """

    epoch: TokenEpoch | None
    refusal: NotAllowedError | None = None

    def encode(self, number: int, frame: RowFrame) -> ContributeFrame:
        """Makes the message of a frame.

        Raises:
            NotAllowedError: A row needs a token, and there are no keys.
        """
        if self.epoch is None:
            return frame.encode(number, self._refuse)
        coming = self.epoch.next
        next_token_of = coming.tokenizer.token if coming else None
        return frame.encode(number, self.epoch.tokenizer.token, next_token_of)

    def _refuse(self, _: Canonical) -> bytes:
        raise self.refusal or SystemError("neither keys nor a refusal")


class ContributionStream:
    """One stream of contributions, known to the hub by its id: what every use of one needs."""

    def __init__(
        self,
        connections: Connections,
        epochs: EpochCache,
        *,
        stream_id: bytes,
        legal_basis_ref: str,
        policy: RetryPolicy,
        timeout_seconds: float,
    ) -> None:
        self._connections = connections
        self._epochs = epochs
        self._stream_id = stream_id
        self._legal_basis_ref = legal_basis_ref
        self._policy = policy
        self._timeout_seconds = timeout_seconds

    def state(self) -> ContributionState:
        """Asks how far the stream came."""
        reply = self._connections.call(
            lambda stubs: stubs.contribution.GetContributionState,
            GetContributionStateRequest(stream_id=self._stream_id),
            timeout_seconds=self._timeout_seconds,
        )
        return ContributionState(reply.frame_number, reply.sequence, reply.entry_index)

    def terms(self, *, opening: bool = False) -> Terms:
        """Gets the epochs; who gets no keys, being suspended, can still take back by reference.

        Args:
            opening: Whether to ask the hub anew if none is known to be opening.
        """
        try:
            return Terms(self._epochs.opening() if opening else self._epochs.current())
        except NotAllowedError as error:
            return Terms(None, error)

    def renew(self, refused: Terms, error: FailedPreconditionError) -> None:
        """Drops epochs that the hub has refused.

        Raises:
            FailedPreconditionError: It refused for another reason.
        """
        if error.reason not in EPOCH_REASONS or refused.epoch is None:
            raise error
        self._epochs.forget(refused.epoch)

    def exchange(
        self, frames: Iterator[SentFrame[ContributeRequest]], terms: Terms
    ) -> FrameExchange[ContributeRequest, ContributeResponse]:
        """Prepares the exchange of frames that were made on these terms."""
        return FrameExchange(
            self._connect,
            ContributeRequest(open=self._opening(terms.epoch)),
            frames,
            policy=self._policy,
            timing=self._connections.timing,
        )

    def _opening(self, epoch: TokenEpoch | None) -> ContributeOpen:
        return ContributeOpen(
            stream_id=self._stream_id,
            suite=SuiteMessage.ValueType(epoch.suite if epoch else Suite.HMAC_SHA256),
            epoch=epoch.number if epoch else 0,
            next_epoch=epoch.next.number if epoch and epoch.next else 0,
            legal_basis_ref=self._legal_basis_ref,
        )

    def _connect(
        self, requests: Iterator[ContributeRequest], seconds: float
    ) -> AnswerStream[ContributeResponse]:
        return self._connections.stream(
            lambda stubs: stubs.contribution.Contribute, requests, timeout_seconds=seconds
        )


class Upload:
    """Frames on their way into one stream."""

    def __init__(self, stream: ContributionStream) -> None:
        self._stream = stream
        self._unacknowledged: deque[tuple[int, RowFrame]] = deque()
        self._quota_left = QuotaLeft(0, 0, 0)

    def acks(self, frames: Iterable[RowFrame]) -> Iterator[Ack]:
        """Sends the frames that the hub does not have yet.

        Args:
            frames: All frames of the stream from the first on, the same ones every time.

        Raises:
            HubRefusalError: A frame was refused, or the hub stayed unreachable.
        """
        terms = self._stream.terms()
        after = self._stream.state().frame_number
        source = ((number, frame) for number, frame in enumerate(frames, start=1) if number > after)
        renewals = 0
        while True:
            try:
                for ack in self._acks_on(terms, source):
                    renewals = 0
                    yield ack
            except FailedPreconditionError as error:
                self._stream.renew(terms, error)
                renewals += 1
                if renewals > MOST_RENEWALS:
                    raise
            else:
                return
            terms = self._stream.terms()
            yield from self._kept(self._stream.state())

    def _acks_on(self, terms: Terms, source: Iterator[tuple[int, RowFrame]]) -> Iterator[Ack]:
        exchange = self._stream.exchange(self._encoded(source, terms), terms)
        try:
            with closing(exchange.answers()) as answers:
                for sent, answer in answers:
                    yield self._read_ack(answer, len(sent))
        except HubRefusalError as error:
            raise self._with_line(error) from error

    def _encoded(
        self, source: Iterator[tuple[int, RowFrame]], terms: Terms
    ) -> Iterator[SentFrame[ContributeRequest]]:
        # Frames left over from other epochs are made anew: their tokens were of those.
        for number, frame in tuple(self._unacknowledged):
            yield _sent(number, frame, terms)
        for number, frame in source:
            self._unacknowledged.append((number, frame))
            yield _sent(number, frame, terms)

    def _kept(self, state: ContributionState) -> Iterator[Ack]:
        """Acknowledges frames that the hub has although its word of that was lost."""
        while self._unacknowledged and self._unacknowledged[0][0] <= state.frame_number:
            number, frame = self._unacknowledged.popleft()
            last = number == state.frame_number
            yield Ack(
                frame_number=number,
                sequence=state.sequence if last else 0,
                added_count=0,
                amended_count=0,
                withdrawn_count=0,
                unchanged_count=0,
                repeated=True,
                row_count=len(frame.rows),
                quota_left=self._quota_left,
                entry_index=state.entry_index if last else 0,
            )

    def _read_ack(self, answer: ContributeResponse, frame_count: int) -> Ack:
        rows = sum(len(self._unacknowledged.popleft()[1].rows) for _ in range(frame_count))
        self._quota_left = read_quota_left(answer.quota_left)
        return Ack(
            frame_number=answer.frame_number,
            sequence=answer.sequence,
            added_count=answer.added_count,
            amended_count=answer.amended_count,
            withdrawn_count=answer.withdrawn_count,
            unchanged_count=answer.unchanged_count,
            repeated=answer.repeated,
            row_count=rows,
            quota_left=self._quota_left,
            entry_index=answer.entry_index,
        )

    def _with_line(self, error: HubRefusalError) -> HubRefusalError:
        """Adds the line of the file that a refused row came from."""
        number, row = error.metadata.get("frameNumber"), error.metadata.get("row", "")
        frame = next((f for n, f in self._unacknowledged if str(n) == number), None)
        if frame is None or not row.isdecimal() or int(row) >= len(frame.rows):
            return error
        metadata = {**error.metadata, "line": str(frame.rows[int(row)].line)}
        return error_for(replace(error.refusal, metadata=metadata))


def _sent(number: int, frame: RowFrame, terms: Terms) -> SentFrame[ContributeRequest]:
    return SentFrame(number, ContributeRequest(frame=terms.encode(number, frame)))
