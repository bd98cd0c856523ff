"""Questions of several callers as one frame, and the frame's answer as a verdict for each. Pure."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from partner_sdk.columns import Frame, SubjectAnswer
from partner_sdk.errors import HubRefusalError, SdkError, error_for
from partner_sdk.verdicts import Verdict
from rongan_share.wire.vocabulary import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from partner_sdk.columns import FrameAnswer
    from partner_sdk.subjects import Subject
    from rongan_share.v1.verdict_service_pb2 import (
        StreamVerdictsResponse,
        VerdictFrame,
        VerdictOpen,
    )

MOST_SUBJECTS = 1_024
"""Subjects of one shared frame. Larger ones gain nothing and keep the first caller waiting."""

CHAINS = 4
"""So many callers are woken by a frame's answer itself."""


class Ask:
    """One caller's question on its way; answered once, by `answer` or `fail`.

    Attributes:
        tokens: 16 bytes each, joined.
        types: One IdentifierType byte per token.
        owners: For each token the place of the identifier that it stands for.
        business_ref: 16 bytes or empty.
        abandoned: Its caller has gone; an answer that still comes is dropped.
        after: Whom its caller wakes on waking, or None.
        woken: Somebody has woken its caller, or is about to.
        frame: The frame that answered it, or None.
        error: What it failed with, or None.
    """

    __slots__ = (
        "_done",
        "abandoned",
        "after",
        "business_ref",
        "error",
        "first",
        "frame",
        "owners",
        "place",
        "tokens",
        "types",
        "woken",
    )

    def __init__(self, subject: Subject, tokens: bytes, business_ref: bytes) -> None:
        self.tokens = tokens
        self.types = subject.types
        self.owners = subject.owners
        self.business_ref = business_ref
        self.abandoned = self.woken = False
        self.after: Ask | None = None
        self.frame: AnsweredFrame | None = None
        self.error: SdkError | None = None
        self.place = self.first = 0
        # A bare lock is the cheapest thing that a thread can wait for with a timeout.
        self._done = threading.Lock()
        self._done.acquire()

    @property
    def over(self) -> bool:
        """Whether it is answered or failed, although its caller may not know it yet."""
        return self.frame is not None or self.error is not None

    @property
    def token_count(self) -> int:
        """How many tokens it has, 1 to 16."""
        return len(self.owners)

    def fail(self, error: SdkError) -> None:
        """Hands an error to the caller."""
        self.error = error
        self._done.release()

    def wait(self, seconds: float) -> bool:
        """Waits until it is answered or failed; tells whether that happened in time."""
        if not self._done.acquire(timeout=max(seconds, 0.0)):
            return False
        if self.after is not None:
            self.after.wake()
        return True

    def wake(self) -> None:
        """Wakes the caller of an answered question, and if he has gone the one after him."""
        ask: Ask | None = self
        while ask is not None:
            ask.woken = True
            # Free: it was woken before, by one who was interrupted or did not know.
            with suppress(RuntimeError):
                ask._done.release()  # noqa: SLF001 - of one class
            # Either he that goes takes the lock in `abandon`, or we do: one of us wakes the next.
            if not ask.abandoned or not ask._done.acquire(  # noqa: SLF001
                blocking=False
            ):
                return
            ask = ask.after

    def abandon(self) -> None:
        """Says that the caller has gone; if he was woken meanwhile, wakes the one after him.

        One who is interrupted as he wakes has the lock and may have woken nobody. To wake somebody
        twice does no harm; not to wake him leaves all behind him to their deadlines.
        """
        self.abandoned = True
        if (self._done.acquire(blocking=False) or self.woken) and self.after is not None:
            self.after.wake()

    def verdict(self) -> Verdict:
        """Reads the verdict of a question that is answered or failed.

        Raises:
            SdkError: It failed.
        """
        if self.frame is not None:
            return self.frame.verdict(self.place, self.first, self.owners)
        error = self.error
        # Each caller raises one of its own: an exception collects the frames it passes through.
        if isinstance(error, HubRefusalError):
            raise error_for(error.refusal)
        raise type(error)(*error.args) if error else SdkError("neither answered nor failed")


class AnsweredFrame:
    """A frame with its answer: what proves every verdict in it. Shared by all of them.

    The hub's entry commits to the whole frame, so whoever wants to prove one verdict of it needs
    all of this. It holds the tokens of others who asked at the same moment.

    Attributes:
        opening: What opened the stream; purpose, channel, origin and `batch_id` stand in it.
        asked: The frame.
        answered: The hub's answer.
        answer: The same, as columns.
    """

    __slots__ = ("_clear", "answer", "answered", "asked", "opening")

    def __init__(
        self,
        opening: VerdictOpen,
        asked: VerdictFrame,
        *,
        answered: StreamVerdictsResponse,
        answer: FrameAnswer,
    ) -> None:
        self.opening = opening
        self.asked = asked
        self.answered = answered
        self.answer = answer
        self._clear: dict[int, Verdict] = {}

    @property
    def batch_id(self) -> bytes:
        """Under which the hub knows the frame, with its number."""
        return self.opening.batch_id

    @property
    def frame_number(self) -> int:
        """The frame's number."""
        return self.answer.frame_number

    def verdict(self, place: int, first: int, owners: Sequence[int]) -> Verdict:
        """Reads the verdict on one subject.

        Args:
            place: Which subject of the frame, from 0.
            first: Where its tokens begin.
            owners: For each of its tokens the place of the identifier that it stands for.
        """
        answer = self.answer
        if answer.not_listed_count == answer.token_count:
            # Nearly every frame is like this. What is said is the same for all its callers then,
            # and a verdict never changes, so they share it.
            count = max(owners) + 1
            verdict = self._clear.get(count)
            if verdict is None:
                said = SubjectAnswer(State.NOT_LISTED, None)
                verdict = self._verdict(said, (State.NOT_LISTED,) * count)
                self._clear[count] = verdict
            return verdict
        return self._verdict(answer.subject(place), _states_of(answer, first, owners))

    def _verdict(self, said: SubjectAnswer, states: tuple[State, ...]) -> Verdict:
        answer = self.answer
        return Verdict(
            state=said.state,
            token_states=states,
            summary=said.summary,
            matched_count=said.matched_count,
            listings=(),
            coverage=answer.coverage,
            not_granted=answer.not_granted,
            agreement_version=answer.agreement_version,
            taxonomy_version=answer.taxonomy_version,
            epoch=answer.epoch,
            list_sequence=answer.list_sequence,
            quota_left=answer.quota_left,
            entry_index=answer.entry_index,
            nonce=answer.nonce,
            request_id=b"",
            frame=self,
        )


def _states_of(answer: FrameAnswer, first: int, owners: Sequence[int]) -> tuple[State, ...]:
    tokens: list[list[int]] = [[] for _ in range(max(owners) + 1)]
    for place, owner in enumerate(owners):
        tokens[owner].append(first + place)
    return tuple(answer.identifier(own).state for own in tokens)


def count_that_fit(asks: Sequence[Ask], *, most_subjects: int, most_tokens: int) -> int:
    """Decides how many of the questions in line go into the next frame.

    Args:
        asks: The line, first come first.
        most_subjects: Of one frame, from 1.
        most_tokens: Of one frame; the first question goes in any case.

    Returns:
        How many from the front, at least one if there is one.
    """
    count = tokens = 0
    for ask in asks:
        tokens += len(ask.owners)
        if count and (tokens > most_tokens or count >= most_subjects):
            break
        count += 1
    return count


def frame_of(asks: Sequence[Ask]) -> Frame:
    """Joins questions into a frame, in their order; all have a business reference or none has."""
    ends: list[int] = []
    total = 0
    for ask in asks:
        total += len(ask.owners)
        ends.append(total)
    return Frame(
        tokens=b"".join([ask.tokens for ask in asks]),
        types=b"".join([ask.types for ask in asks]),
        business_refs=b"".join([ask.business_ref for ask in asks]),
        # A frame of single tokens is shorter, and its answer too.
        subject_end=() if total == len(asks) else tuple(ends),
    )


def hand_out(asks: Sequence[Ask], frame: AnsweredFrame) -> None:
    """Gives each caller its part of the answer, and wakes a few of them, who wake the others.

    A hundred threads that wake at once stand in line for the interpreter's lock, and each looks
    again every 5 ms whether it is its turn. Woken one by the other they take half the time.

    Args:
        asks: The questions that `frame_of` joined, in the same order.
        frame: The frame and its answer.
    """
    first = 0
    for place, ask in enumerate(asks):
        ask.place, ask.first, ask.frame = place, first, frame
        first += len(ask.owners)
    for ask, after in zip(asks, asks[CHAINS:], strict=False):
        ask.after = after
    for ask in asks[:CHAINS]:
        ask.wake()
