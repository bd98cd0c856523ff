"""The line of a shared stream: whoever asks is answered or refused once, with what is his."""

from __future__ import annotations

import grpc
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from partner_sdk.errors import Refusal, SdkError, error_for
from partner_sdk.shared.asks import MOST_SUBJECTS, Ask, frame_of, hand_out
from partner_sdk.shared.line import Line
from partner_sdk.streams import WINDOW
from partner_sdk.subjects import Subject
from partner_sdk.verdicts import QuotaLeft
from rongan_share.wire.frames import MAX_FRAME_TOKENS, TOKEN_BYTES
from rongan_share.wire.reasons import Reason

OVER = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.QUOTA_EXCEEDED)
BROKEN = Refusal(grpc.StatusCode.UNAVAILABLE)


class _Frame:
    """Stands for an answered frame; nobody reads a verdict here."""


class LineMachine(RuleBasedStateMachine):
    """Puts, takes, answers, refuses and leaves in any order, beside a list of who came when."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line()
        self.came: list[Ask] = []
        self.numbers: list[int] = []
        self.done: set[int] = set()

    @rule(tokens=st.integers(1, 16), kind=st.integers(1, 3))
    def put(self, tokens: int, kind: int) -> None:
        """Somebody asks."""
        number = len(self.came)
        subject = Subject((), tuple(range(tokens)), bytes([kind]) * tokens)
        ask = Ask(subject, number.to_bytes(TOKEN_BYTES, "big") * tokens, b"")
        self.came.append(ask)
        self.line.put(ask)

    @rule(count=st.integers(2, 400))
    def put_many(self, count: int) -> None:
        """Many ask at once."""
        for _ in range(count):
            self.put(1 + count % 16, 1)

    @precondition(lambda self: self.line.ready)
    @rule()
    def take(self) -> None:
        """A frame leaves: the next in line, in order, within bounds, under a new number."""
        waiting = list(self.line._waiting)
        sent = self.line.take()
        assert sent.asks == waiting[: len(sent.asks)]
        assert 1 <= len(sent.asks) <= MOST_SUBJECTS
        assert sent.token_count <= MAX_FRAME_TOKENS
        assert not self.numbers or sent.number > self.numbers[-1]
        self.numbers.append(sent.number)
        frame = frame_of(sent.asks)
        assert frame.token_count == sent.token_count
        assert not frame.subject_end or frame.subject_end[-1] == sent.token_count

    @precondition(lambda self: self.line.unanswered)
    @rule(left=st.integers(0, 10_000))
    def answer(self, left: int) -> None:
        """The first frame is answered: each caller finds his own tokens at his place."""
        sent = self.line.first(self.line.unanswered[0].number)
        asks, frame = sent.asks, frame_of(sent.asks)
        assert self.line.settle(sent, QuotaLeft(left, left, left))
        hand_out(asks, _Frame())  # type: ignore[arg-type]
        for ask in asks:
            at = ask.first * TOKEN_BYTES
            assert frame.tokens[at : at + len(ask.tokens)] == ask.tokens
            if frame.subject_end:
                assert frame.subject_end[ask.place] == ask.first + ask.token_count
        self.wake_all(asks)

    @precondition(lambda self: self.line.unanswered)
    @rule(named=st.sampled_from(("first", "none", "gone")))
    def refuse(self, named: str) -> None:
        """A frame is refused by name, or the stream without one: others go on or are refused."""
        sent = list(self.line.unanswered)
        if named == "gone" and sent[0].number == 1:
            # No frame went before it, and 0 is no number.
            named = "none"
        numbers = {"first": str(sent[0].number), "none": "", "gone": str(sent[0].number - 1)}
        self.line.refuse(error_for(BROKEN), numbers[named])
        refused = {"first": sent[:1], "none": sent, "gone": []}[named]
        self.wake_all([ask for each in refused for ask in each.asks])
        assert list(self.line.unanswered) == sent[len(refused) :]

    @precondition(lambda self: self.line.unanswered)
    @rule()
    def refuse_quota(self) -> None:
        """The quota cannot pay: nobody is refused but one alone and those who cost the same."""
        first = self.line.unanswered[0].asks
        before = [ask for sent in self.line.unanswered for ask in sent.asks]
        before += list(self.line._waiting)
        self.line.refuse_quota(OVER)
        refused = [ask for ask in before if ask.error is not None]
        assert len(first) == 1 or not refused
        assert all(ask.types == first[0].types for ask in refused)
        kept = [ask for ask in before if ask.error is None and not ask.abandoned]
        assert list(self.line._waiting) == kept
        self.wake_all(refused)

    @precondition(lambda self: self.came)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Somebody goes, at whatever moment."""
        ask = data.draw(st.sampled_from(self.came))
        if id(ask) not in self.done and not ask.abandoned:
            self.line.leave(ask)

    @invariant()
    def bounded(self) -> None:
        """No more frames are under way than the hub works on."""
        assert len(self.line.unanswered) <= WINDOW

    def wake_all(self, asks: list[Ask]) -> None:
        """Every caller that has not gone wakes, once, though each is woken by another."""
        for ask in asks:
            if not ask.abandoned:
                assert id(ask) not in self.done
                assert ask.wait(0), "nobody woke him"
                assert not ask.wait(0)
                self.done.add(id(ask))

    def teardown(self) -> None:
        """At the end everyone has been answered, was refused, or has gone."""
        self.line.fail_all(SdkError("closed"))
        for ask in self.came:
            if id(ask) not in self.done and not ask.abandoned:
                assert ask.wait(0)


TestLine = LineMachine.TestCase
TestLine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
