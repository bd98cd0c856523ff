"""The line of one lane: who waits, which frames are unanswered. No thread, no clock."""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING

from partner_sdk.errors import AnswerMalformedError, error_for
from partner_sdk.retry import MOST_SENDS
from partner_sdk.shared.asks import MOST_SUBJECTS, Ask, count_that_fit, frame_of
from partner_sdk.streams import WINDOW, sent_too_often
from rongan_share.v1.verdict_service_pb2 import StreamVerdictsRequest
from rongan_share.wire.frames import MAX_FRAME_TOKENS
from rongan_share.wire.reasons import Reason

if TYPE_CHECKING:
    from partner_sdk.errors import Refusal, SdkError
    from partner_sdk.verdicts import QuotaLeft


class SentFrame:
    """A frame that waits for its answer.

    Attributes:
        number: Its number, never used twice.
        asks: The questions in it, in order.
        token_count: Tokens of all of them.
        sends: Streams that it was on and may have been charged on, though no answer came.
    """

    def __init__(self, number: int, asks: list[Ask]) -> None:
        self.number = number
        self.asks = asks
        self.token_count = sum(ask.token_count for ask in asks)
        self.sends = 0
        self._request: StreamVerdictsRequest | None = None

    @property
    def request(self) -> StreamVerdictsRequest:
        """The message that carries it, the same every time."""
        if self._request is None:
            message = frame_of(self.asks).to_message(self.number)
            self._request = StreamVerdictsRequest(frame=message)
        return self._request

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for its answer."""
        return not all(ask.abandoned for ask in self.asks)


class Line:
    """Questions in order of arrival, and the frames made of them. Guarded by its lane's lock.

    Attributes:
        unanswered: Frames that are under way, at most two, by number.
    """

    def __init__(self) -> None:
        self.unanswered: deque[SentFrame] = deque()
        self._waiting: deque[Ask] = deque()
        self._next_number = 1
        self._most_subjects = MOST_SUBJECTS
        self._tokens_left = MAX_FRAME_TOKENS

    def __len__(self) -> int:
        """How many are in line and in no frame yet."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether nobody is in line or waits for an answer."""
        return not self._waiting and not self.unanswered

    @property
    def ready(self) -> bool:
        """Whether a frame can be sent now."""
        return bool(self._waiting) and len(self.unanswered) < WINDOW

    def put(self, ask: Ask) -> None:
        """Adds a question at the end."""
        self._waiting.append(ask)

    def leave(self, ask: Ask) -> bool:
        """Takes a question out whose caller has gone.

        Returns:
            Whether it was still in line, and so will never be asked.
        """
        ask.abandon()
        try:
            self._waiting.remove(ask)
        except ValueError:
            return False
        return True

    def take(self) -> SentFrame:
        """Makes the next frame of what waits; `ready` must be true."""
        under_way = sum(sent.token_count for sent in self.unanswered)
        count = count_that_fit(
            self._waiting,
            most_subjects=self._most_subjects,
            # What the hub says is left is a hint: it may have grown, so the first goes in any case.
            most_tokens=min(MAX_FRAME_TOKENS, self._tokens_left - under_way),
        )
        sent = SentFrame(self._next_number, [self._waiting.popleft() for _ in range(count)])
        self._next_number += 1
        self.unanswered.append(sent)
        return sent

    def first(self, number: int) -> SentFrame:
        """Returns the frame that an answer must be for.

        Raises:
            AnswerMalformedError: Another was answered.
        """
        if not self.unanswered or self.unanswered[0].number != number:
            raise AnswerMalformedError("the hub answered a frame that was not waiting")
        return self.unanswered[0]

    def settle(self, sent: SentFrame, left: QuotaLeft) -> bool:
        """Takes out a frame that was answered; tells whether it was still waiting for that."""
        if not self.unanswered or self.unanswered[0] is not sent:
            return False
        self.unanswered.popleft()
        self._most_subjects = MOST_SUBJECTS
        self._tokens_left = min(left.burst_count, left.day_count, left.month_count)
        return True

    def drop_unwanted(self) -> None:
        """Forgets the first frames if nobody waits for their answers any more."""
        while self.unanswered and not self.unanswered[0].wanted:
            self.unanswered.popleft()

    def refuse(self, error: SdkError, number: str = "") -> None:
        """Fails the frame that a refusal names, or all of the stream if it names none.

        Frames behind the one that is named were neither evaluated nor charged, and go again.

        Args:
            error: What to tell.
            number: As the refusal's metadata has it, or empty.
        """
        known = number.isdecimal() and 0 < int(number) < self._next_number
        for sent in list(self.unanswered):
            # A frame that nobody waits for any more is no longer here, and its refusal is nobody's.
            if not known or number == str(sent.number):
                self.unanswered.remove(sent)
                _fail(sent.asks, error)

    def refuse_sent_too_often(self) -> None:
        """Fails the first frames that the hub would charge if they went out once more."""
        # None was sent more often than the one before it.
        while self.unanswered and self.unanswered[0].sends >= MOST_SENDS:
            sent = self.unanswered.popleft()
            _fail(sent.asks, error_for(sent_too_often(sent.number)))

    def refuse_quota(self, refusal: Refusal) -> None:
        """Makes smaller frames of one that the quota cannot pay, lest neighbours pay for it.

        What was refused for its quota was not charged, and neither was any frame behind it, so all
        of them become other frames, under other numbers, in the same order. A question that is
        refused alone speaks for all in line that cost the same: the hub has just said that so much
        cannot be paid now.
        """
        first, error = self.unanswered[0], error_for(refusal)
        sent = chain.from_iterable(sent.asks for sent in self.unanswered)
        line = deque(ask for ask in chain(sent, self._waiting) if not ask.abandoned)
        self.unanswered.clear()
        self._waiting = line
        self._most_subjects = max(1, len(first.asks) // 2)
        if len(first.asks) > 1:
            return
        types = first.asks[0].types
        if refusal.reason is Reason.QUOTA_EXCEEDED:
            refused = [ask for ask in line if ask.types == types]
            self._waiting = deque(ask for ask in line if ask.types != types)
        else:
            refused = [line.popleft()] if line and line[0] is first.asks[0] else []
        _fail(refused, error)

    def fail_all(self, error: SdkError) -> None:
        """Fails everything that waits."""
        asks = [ask for sent in self.unanswered for ask in sent.asks]
        asks += self._waiting
        self.unanswered.clear()
        self._waiting.clear()
        _fail(asks, error)


def _fail(asks: list[Ask], error: SdkError) -> None:
    for ask in asks:
        if not ask.abandoned:
            ask.fail(error)
