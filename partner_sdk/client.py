"""The client of a hub: what a partner's program calls.

::

    credentials = Credentials.from_directory("bank-a")
    with Client("hub.example:7443", credentials) as client:
        verdict = client.check(
            [(IdentifierType.MSISDN, "138 0013 8000")],
            purpose=Purpose.ANTI_FRAUD,
            channel=Channel.MOBILE,
        )
        if verdict.state is State.LISTED: ...
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from partner_sdk.agreements import Agreement, NextEpoch, TokenEpoch, read_agreement
from partner_sdk.asking import Asking
from partner_sdk.calls import Connections
from partner_sdk.contributions import FRAME_ROWS
from partner_sdk.own_listings import OwnListing, list_own
from partner_sdk.own_tokens import OwnTokens
from partner_sdk.questions import Origin, Question
from partner_sdk.renewer import Renewer
from partner_sdk.retokens import Retokening
from partner_sdk.retry import CALL_POLICY, STREAM_POLICY, RetryPolicy
from partner_sdk.uploads import ContributionStream, Upload
from partner_sdk.usage import Usage, read_usage
from partner_sdk.verdict_frames import Batch
from rongan_share.v1.agreement_service_pb2 import GetAgreementRequest, GetUsageRequest
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.vocabulary import DetailLevel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from partner_sdk.columns import Frame, FrameAnswer, FrameMaker
    from partner_sdk.contributions import Ack, ContributionState, RowFrame
    from partner_sdk.credentials import Credentials
    from partner_sdk.retokens import RetokenAck
    from partner_sdk.sources.rows import ParsedRow
    from rongan_share.wire.taxonomy import Taxonomy
    from rongan_share.wire.tokens import Tokenizer
    from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose

TIMEOUT_SECONDS = 5.0
"""Time for one call with all its tries."""


class Client(Asking):
    """A partner's connection to a hub. Safe to share between threads; not across a fork.

    Every call has a deadline. Every failure is an `SdkError`; none is ever a verdict.
    """

    def __init__(
        self,
        target: str,
        credentials: Credentials,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retry: RetryPolicy = CALL_POLICY,
        stream_retry: RetryPolicy = STREAM_POLICY,
        connections: int = 2,
        renew: bool = True,
    ) -> None:
        """Prepares the connections; they are made with the first call.

        Args:
            target: ``host:port``; the host must be a name in the hub's certificate.
            credentials: Checked key and certificates.
            timeout_seconds: Time for one call with all its tries.
            retry: How patient single calls are.
            stream_retry: How patient streams of frames are.
            connections: How many connections, from 1.
            renew: Renew the certificate by itself, from two thirds of its life on, if it came
                from a directory. The logger ``partner_sdk`` tells of it.
        """
        dialled = Connections.dial(target, credentials, count=connections, policy=retry)
        self._use(dialled, timeout_seconds, stream_retry)
        if renew and credentials.directory is not None:
            self._keep_renewed(Renewer(dialled, credentials, target, count=connections))

    @classmethod
    def over(
        cls,
        connections: Connections,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        stream_retry: RetryPolicy = STREAM_POLICY,
    ) -> Client:
        """Makes a client over connections that exist already, such as those of a test."""
        client = cls.__new__(cls)
        cls._use(client, connections, timeout_seconds, stream_retry)
        return client

    def _use(
        self, connections: Connections, timeout_seconds: float, stream_retry: RetryPolicy
    ) -> None:
        self._stream_retry = stream_retry
        self._renewer: Renewer | None = None
        self._reach(connections, timeout_seconds)

    def _keep_renewed(self, renewer: Renewer) -> None:
        self._renewer = renewer
        renewer.start()

    def __enter__(self) -> Client:  # noqa: PYI034 - Self came with Python 3.11
        """Enters a block at whose end the client is closed."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the client."""
        self.close()

    def close(self) -> None:
        """Closes the connections; calls under way end with `UnavailableError`."""
        if self._renewer is not None:
            self._renewer.close()
        self._lanes.close()
        self._connections.close()

    def agreement(self) -> Agreement:
        """Gets the agreement in force."""
        reply = self._connections.call(
            lambda stubs: stubs.agreement.GetAgreement,
            GetAgreementRequest(),
            timeout_seconds=self._timeout_seconds,
        )
        return read_agreement(reply.agreement, self.taxonomy())

    def usage(self) -> Usage:
        """Gets what was spent of the quotas and what is left; costs nothing."""
        reply = self._connections.call(
            lambda stubs: stubs.agreement.GetUsage,
            GetUsageRequest(),
            timeout_seconds=self._timeout_seconds,
        )
        return read_usage(reply)

    def taxonomy(self) -> Taxonomy:
        """Gets the hub's categories; asked once."""
        return self._taxonomies.current()

    def token_epoch(self) -> TokenEpoch:
        """Gets the current epoch and the opening one; asked again when the hub says so."""
        return self._epochs.current()

    def opening_epoch(self) -> NextEpoch | None:
        """Gets the epoch that is opening, or None; asks the hub unless it knows of one."""
        return self._epochs.opening().next

    def tokenizer(self) -> Tokenizer:
        """Gets what makes the tokens of the current epoch."""
        return self._epochs.current().tokenizer

    def stream_verdicts(
        self,
        frames: Iterable[Frame | FrameMaker],
        *,
        purpose: Purpose,
        channel: Channel,
        categories: Iterable[str] = (),
        detail: DetailLevel = DetailLevel.CATEGORY,
        origin: Origin | None = None,
        at_least_sequence: int = 0,
        batch_id: bytes | None = None,
        first_frame: int = 1,
        identifier_type: IdentifierType | None = None,
    ) -> Iterator[FrameAnswer]:
        """Asks about frames of tokens; yields one answer a frame, in order.

        At most two frames are under way. A cut connection is made good without asking or paying
        twice. Frames that are functions go on when the epoch changes, those of ready-made tokens
        end with EPOCH_NOT_OPEN.

        Args:
            frames: Drawn in the caller's thread, as answers are taken: each the tokens of the
                current epoch, or a function that makes them (`frame_of_subjects` gives one).
            purpose: Why; one of the agreement's.
            channel: Where the question arose; one of the agreement's.
            categories: Codes asked for; empty = all that the agreement shows.
            detail: How much to show.
            origin: Who asks.
            at_least_sequence: The answer must know this sequence; 0 = any.
            batch_id: 16 bytes; with the frame number it makes a repeated frame known. None = new.
                Of functions the hub sees one of each epoch, made from it; an answer names it.
            first_frame: Number of the first frame, to go on with a batch.
            identifier_type: The type of all tokens, if frames carry no types.

        Raises:
            HubRefusalError: A frame was refused; earlier answers stand.
            AnswerMalformedError: An answer does not account for its frame.
        """
        question = Question(
            purpose=purpose,
            channel=channel,
            categories=tuple(categories),
            detail=detail,
            origin=origin,
            at_least_sequence=at_least_sequence,
        )
        asked = Batch(
            self._connections,
            (self._epochs, self._taxonomies),
            question=question,
            batch_id=batch_id or os.urandom(TOKEN_BYTES),
            identifier_type=identifier_type,
            policy=self._stream_retry,
        )
        return asked.answers(enumerate(frames, start=first_frame))

    def contribute(
        self, frames: Iterable[RowFrame], *, stream_id: bytes, legal_basis_ref: str = ""
    ) -> Iterator[Ack]:
        """Shares listings; yields one acknowledgement a frame, each of them durable.

        Frames that the hub has are passed over, so the same call after a crash goes on where it
        ended. While an epoch opens rows carry tokens of both, and when it opens or is promoted
        meanwhile the upload goes on with the frames that the hub does not have.

        Args:
            frames: All frames of the stream from the first on, the same ones every time.
            stream_id: 16 bytes made by the caller, kept with the source of the frames.
            legal_basis_ref: Reference of the consent or order behind the rows.

        Raises:
            HubRefusalError: A frame was refused whole; ``line`` in its metadata names the row's
                line.
        """
        return Upload(self._stream(stream_id, legal_basis_ref)).acks(frames)

    def retoken(
        self, rows: Iterable[ParsedRow], *, frame_rows: int = FRAME_ROWS
    ) -> Iterator[RetokenAck]:
        """Gives own listings their tokens of the epoch that is opening; yields what is done. Free.

        A listing that has it already keeps it, so rows may be sent again. A row of which the hub
        has no live listing is left out, and stops none of the others.

        Args:
            rows: Rows as they were contributed, made ready by `retoken_rows`.
            frame_rows: Most rows of a frame, 1 to 16,384.

        Raises:
            NoOpeningEpochError: No epoch is opening, or it was promoted meanwhile.
            HubRefusalError: The hub refused, or could not be reached.
        """
        stream = self._stream(os.urandom(TOKEN_BYTES), "")

        def list_own() -> OwnTokens:
            return OwnTokens(self.own_listings(), self.taxonomy())

        return Retokening(stream, list_own, frame_rows=frame_rows).acks(rows)

    def contribution_state(self, stream_id: bytes) -> ContributionState:
        """Asks how far a stream of contributions came."""
        return self._stream(stream_id, "").state()

    def own_listings(self) -> Iterator[OwnListing]:
        """Yields all own live listings, expired ones included, ordered by listing id; free."""
        return list_own(self._connections, self.taxonomy(), timeout_seconds=self._timeout_seconds)

    def _stream(self, stream_id: bytes, legal_basis_ref: str) -> ContributionStream:
        return ContributionStream(
            self._connections,
            self._epochs,
            stream_id=stream_id,
            legal_basis_ref=legal_basis_ref,
            policy=self._stream_retry,
            timeout_seconds=self._timeout_seconds,
        )
