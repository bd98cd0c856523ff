"""Questions about one subject: over shared streams, or a call each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from partner_sdk.epochs import EpochCache, TaxonomyCache
from partner_sdk.questions import Origin, Question
from partner_sdk.shared import Lanes
from partner_sdk.subjects import Subject, ask_subject, subject_of
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.vocabulary import DetailLevel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from partner_sdk.calls import Connections
    from partner_sdk.verdicts import Verdict
    from rongan_share.wire.identifiers import Canonical
    from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose


class Asking:
    """The part of a client that asks about single subjects."""

    def _reach(self, connections: Connections, timeout_seconds: float) -> None:
        self._connections = connections
        self._timeout_seconds = timeout_seconds
        self._epochs = EpochCache(connections, timeout_seconds=timeout_seconds)
        self._taxonomies = TaxonomyCache(connections, timeout_seconds=timeout_seconds)
        caches = self._epochs, self._taxonomies
        self._lanes = Lanes(connections, caches, policy=connections.policy)

    def check(
        self,
        identifiers: Sequence[tuple[IdentifierType, str] | Canonical],
        *,
        purpose: Purpose,
        channel: Channel,
        categories: Iterable[str] = (),
        detail: DetailLevel | bool = False,
        level: DetailLevel = DetailLevel.CATEGORY,
        origin: Origin | None = None,
        business_ref: bytes = b"",
        request_id: bytes | None = None,
        at_least_sequence: int = 0,
        timeout_seconds: float | None = None,
    ) -> Verdict:
        """Asks about one subject, known by its identifiers; their aliases are asked along.

        Threads that ask the same way (purpose, channel, categories, level, origin) at the same time
        share a stream and its frames: the verdict has the summary, and no listings. With `detail`,
        `request_id` or `at_least_sequence` the question is a call of its own.

        A question whose time passes while it is under way may have been answered at the hub:
        charged, entered and disclosed.

        Args:
            identifiers: Type and text each (parts of a composite joined by ``|``), or canonical
                forms. With aliases 1 to 16 tokens, each of which counts against the quota.
            purpose: Why; one of the agreement's.
            channel: Where the question arose; one of the agreement's.
            categories: Codes asked for; empty = all that the agreement shows.
            detail: Every listing too, in a call of its own: True = at `level`, or a level itself.
            level: How much to show.
            origin: Who asks.
            business_ref: 16 bytes, your pseudonym of the case, or empty.
            request_id: 16 bytes; the same question under the same id is not charged again. None =
                new.
            at_least_sequence: The answer must know this sequence; 0 = any.
            timeout_seconds: Time for this question with all its tries; None = the client's.

        Raises:
            MalformedError: An identifier or category is not one; nothing was sent.
            HubRefusalError: The hub refused, could not be reached, or gave no answer in time.
            ClientBusyError: Too many questions of this client wait already.
            AnswerMalformedError: The answer does not account for what was asked.
        """
        alone = detail is not False or request_id is not None or at_least_sequence > 0
        question = Question(
            purpose=purpose,
            channel=channel,
            categories=tuple(categories),
            detail=level if isinstance(detail, bool) else detail,
            origin=origin,
            at_least_sequence=at_least_sequence,
        )
        seconds = self._timeout_seconds if timeout_seconds is None else timeout_seconds
        subject = subject_of(identifiers)
        verdict = None
        if not alone:
            verdict = self._lanes.ask(
                subject, question, business_ref=business_ref, timeout_seconds=seconds
            )
        if verdict is not None:
            return verdict
        return self._ask(
            subject,
            question,
            request_id,
            business_ref=business_ref,
            timeout_seconds=seconds,
        )

    def check_tokens(
        self,
        tokens: Sequence[bytes],
        *,
        purpose: Purpose,
        channel: Channel,
        categories: Iterable[str] = (),
        detail: DetailLevel = DetailLevel.CATEGORY,
        origin: Origin | None = None,
        at_least_sequence: int = 0,
        types: Sequence[IdentifierType] = (),
        request_id: bytes | None = None,
    ) -> Verdict:
        """Asks about one subject by tokens of the current epoch that the caller has made.

        Args:
            tokens: 1 to 16 tokens of 16 bytes.
            purpose: Why; one of the agreement's.
            channel: Where the question arose; one of the agreement's.
            categories: Codes asked for; empty = all that the agreement shows.
            detail: How much to show.
            origin: Who asks.
            at_least_sequence: The answer must know this sequence; 0 = any.
            types: The type of each token; mandatory if the agreement limits types.
            request_id: 16 bytes, as for `check`.

        Raises:
            HubRefusalError: As `check`; EPOCH_NOT_OPEN = make the tokens anew with `tokenizer`.
        """
        question = Question(
            purpose=purpose,
            channel=channel,
            categories=tuple(categories),
            detail=detail,
            origin=origin,
            at_least_sequence=at_least_sequence,
        )
        return self._ask(Subject.of_tokens(tokens, types), question, request_id)

    def _ask(
        self,
        subject: Subject,
        question: Question,
        request_id: bytes | None,
        *,
        business_ref: bytes = b"",
        timeout_seconds: float | None = None,
    ) -> Verdict:
        return ask_subject(
            self._connections,
            (self._epochs, self._taxonomies),
            subject,
            question=question,
            request_id=request_id or os.urandom(TOKEN_BYTES),
            business_ref=business_ref,
            timeout_seconds=timeout_seconds or self._timeout_seconds,
        )
