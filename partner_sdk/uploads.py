"""A resumable upload: frames in, acknowledgements out, whatever cuts and epochs come between."""

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
from partner_sdk.verdicts import read_quota_left
from rongan_share.v1.contribution_service_pb2 import (
    ContributeOpen,
    ContributeRequest,
    ContributeResponse,
    GetContributionStateRequest,
)
from rongan_share.v1.vocabulary_pb2 import Suite as SuiteMessage
from rongan_share.wire.reasons import Reason
from rongan_share.wire.vocabulary import Suite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from partner_sdk.calls import Connections
    from partner_sdk.epochs import EpochCache
    from partner_sdk.retry import RetryPolicy
    from rongan_share.wire.identifiers import Canonical


@dataclass(frozen=True, slots=True)
class _Terms:
    """How the tokens of an upload are made."""

    number: int
    suite: Suite
    token_of: Callable[[Canonical], bytes]


class Upload:
    """One stream of contributions, known to the hub by its id."""

    def __init__(
        self,
        connections: Connections,
        epochs: EpochCache,
        *,
        stream_id: bytes,
        legal_basis_ref: str,
        policy: RetryPolicy,
    ) -> None:
        self._connections = connections
        self._epochs = epochs
        self._stream_id = stream_id
        self._legal_basis_ref = legal_basis_ref
        self._policy = policy
        self._unacknowledged: deque[tuple[int, RowFrame]] = deque()

    def state(self, *, timeout_seconds: float) -> ContributionState:
        """Asks how far the stream came."""
        reply = self._connections.call(
            lambda stubs: stubs.contribution.GetContributionState,
            GetContributionStateRequest(stream_id=self._stream_id),
            timeout_seconds=timeout_seconds,
        )
        return ContributionState(reply.frame_number, reply.sequence, reply.entry_index)

    def acks(self, frames: Iterable[RowFrame], *, after: int) -> Iterator[Ack]:
        """Sends the frames that the hub does not have yet.

        Args:
            frames: All frames of the stream from the first on, the same ones every time.
            after: The highest frame that the hub has; it and those before are passed over.

        Raises:
            HubRefusalError: A frame was refused, or the hub stayed unreachable.
        """
        source = ((number, frame) for number, frame in enumerate(frames, start=1) if number > after)
        refreshed = False
        while True:
            try:
                for ack in self._acks_of_epoch(source):
                    refreshed = False
                    yield ack
            except FailedPreconditionError as error:
                if error.reason is not Reason.EPOCH_NOT_OPEN or refreshed:
                    raise
                refreshed = True
                self._epochs.forget()
            else:
                return

    def _acks_of_epoch(self, source: Iterator[tuple[int, RowFrame]]) -> Iterator[Ack]:
        epoch = self._terms()
        exchange: FrameExchange[ContributeRequest, ContributeResponse] = FrameExchange(
            self._connect,
            ContributeRequest(open=self._opening(epoch)),
            self._encoded(source, epoch),
            policy=self._policy,
            timing=self._connections.timing,
        )
        try:
            with closing(exchange.answers()) as answers:
                for sent, answer in answers:
                    yield self._read_ack(answer, len(sent))
        except HubRefusalError as error:
            raise self._with_line(error) from error

    def _terms(self) -> _Terms:
        """Gets the epoch; a suspended partner gets no key, but can still take back by reference."""
        try:
            epoch = self._epochs.current()
        except NotAllowedError as error:
            refusal = error

            def refuse(_: Canonical) -> bytes:
                raise refusal

            return _Terms(0, Suite.HMAC_SHA256, refuse)
        return _Terms(epoch.number, epoch.suite, epoch.tokenizer.token)

    def _opening(self, epoch: _Terms) -> ContributeOpen:
        return ContributeOpen(
            stream_id=self._stream_id,
            suite=SuiteMessage.ValueType(epoch.suite),
            epoch=epoch.number,
            legal_basis_ref=self._legal_basis_ref,
        )

    def _connect(
        self, requests: Iterator[ContributeRequest], seconds: float
    ) -> AnswerStream[ContributeResponse]:
        return self._connections.take().contribution.Contribute(requests, timeout=seconds)

    def _encoded(
        self, source: Iterator[tuple[int, RowFrame]], epoch: _Terms
    ) -> Iterator[SentFrame[ContributeRequest]]:
        # Frames left over from another epoch are made anew: their tokens were of that epoch.
        for number, frame in tuple(self._unacknowledged):
            yield _sent(number, frame, epoch)
        for number, frame in source:
            self._unacknowledged.append((number, frame))
            yield _sent(number, frame, epoch)

    def _read_ack(self, answer: ContributeResponse, frame_count: int) -> Ack:
        rows = sum(len(self._unacknowledged.popleft()[1].rows) for _ in range(frame_count))
        return Ack(
            frame_number=answer.frame_number,
            sequence=answer.sequence,
            added_count=answer.added_count,
            amended_count=answer.amended_count,
            withdrawn_count=answer.withdrawn_count,
            unchanged_count=answer.unchanged_count,
            repeated=answer.repeated,
            row_count=rows,
            quota_left=read_quota_left(answer.quota_left),
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


def _sent(number: int, frame: RowFrame, epoch: _Terms) -> SentFrame[ContributeRequest]:
    return SentFrame(number, ContributeRequest(frame=frame.encode(number, epoch.token_of)))
