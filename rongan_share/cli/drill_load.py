"""The load of a rehearsal: paced calls and one long batch, and what became of them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partner_sdk.columns import Frame
from partner_sdk.errors import SdkError
from rongan_share.clock import monotonic_ns
from rongan_share.wire.identifiers import canonicalise
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from partner_sdk.client import Client
    from partner_sdk.columns import FrameMaker
    from rongan_share.wire.tokens import Tokenizer

FRAME_TOKENS = 16_384
"""Tokens of a frame of the batch."""

_CALLERS = 8
_FIRST_NUMBER = 13_900_000_000


def number_of(place: int) -> str:
    """Returns the mobile number in a place; those in the first places are listed."""
    return str(_FIRST_NUMBER + place)


@dataclass(slots=True)
class Calls:
    """Calls, so many a second, until they are stopped.

    Attributes:
        ask: Calls once, told which call it is, and says why it failed, if it did.
        rate: Calls a second.
        done: Calls that did not fail.
        failures: What the others came to.
        slowest_ns: The longest wait.
    """

    ask: Callable[[int], str]
    rate: int
    done: int = 0
    failures: list[str] = field(default_factory=list)
    slowest_ns: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Begins."""
        for place in range(_CALLERS):
            thread = threading.Thread(target=self._run, args=(place,), name="drill", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Ends, once the calls under way are answered."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, place: int) -> None:
        pause_ns = _CALLERS * 1_000_000_000 // self.rate
        due_ns = monotonic_ns() + place * pause_ns // _CALLERS
        while not self._stopping.wait(max(due_ns - monotonic_ns(), 0) / 1e9):
            began_ns = monotonic_ns()
            failure = self._call(place)
            with self._lock:
                self.slowest_ns = max(self.slowest_ns, monotonic_ns() - began_ns)
                if failure:
                    self.failures.append(failure)
                else:
                    self.done += 1
            place += _CALLERS
            due_ns += pause_ns

    def _call(self, place: int) -> str:
        # Whatever it is, it is no answer; a thread that died of it would tell nobody.
        try:
            return self.ask(place)
        except Exception as error:  # noqa: BLE001 - see above
            return str(error) or type(error).__name__


def asking_listed(client: Client, listed: int) -> Callable[[int], str]:
    """Makes calls that ask about listed numbers, and fail by any other verdict."""

    def ask(place: int) -> str:
        verdict = client.check(
            [(IdentifierType.MSISDN, number_of(place % listed))],
            purpose=Purpose.ANTI_FRAUD,
            channel=Channel.MOBILE,
        )
        return "" if verdict.state is State.LISTED else verdict.state.name

    return ask


@dataclass(slots=True)
class LongBatch:
    """One batch in a thread of its own: every listed number, and as many others as are asked for.

    Attributes:
        client: Who asks.
        tokens: How many in all.
        answered: Tokens that were answered.
        listed: How many of them are listed.
        epochs: Frames answered in each epoch.
        failure: Why it ended before its end.
    """

    client: Client
    tokens: int
    answered: int = 0
    listed: int = 0
    epochs: dict[int, int] = field(default_factory=dict)
    failure: str = ""
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins."""
        self._thread = threading.Thread(target=self._ask, name="drill-batch", daemon=True)
        self._thread.start()

    def await_share(self, share: float) -> None:
        """Waits until a share of it is answered, or it has ended."""
        while self.running and self.answered < share * self.tokens:
            time.sleep(0.01)

    def join(self) -> None:
        """Waits for its end."""
        if self._thread is not None:
            self._thread.join()

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread is not None and self._thread.is_alive()

    def _ask(self) -> None:
        try:
            answers = self.client.stream_verdicts(
                self._frames(), purpose=Purpose.ANTI_FRAUD, channel=Channel.BATCH
            )
            for answer in answers:
                self.answered += answer.token_count
                self.listed += len(answer.listed_index)
                self.epochs[answer.epoch] = self.epochs.get(answer.epoch, 0) + 1
        except SdkError as error:
            self.failure = str(error)

    def _frames(self) -> Iterator[FrameMaker]:
        for first in range(0, self.tokens, FRAME_TOKENS):
            yield _maker(first, min(FRAME_TOKENS, self.tokens - first))


def _maker(first: int, count: int) -> Callable[[Tokenizer], Frame]:
    texts = [
        canonicalise(IdentifierType.MSISDN, number_of(place)).text
        for place in range(first, first + count)
    ]
    return lambda tokenizer: Frame(tokens=tokenizer.tokens(texts))


def summaries(client: Client, count: int) -> bytes:
    """Returns what is said of each listed number, one after the other."""
    frames = (
        _maker(first, min(FRAME_TOKENS, count - first)) for first in range(0, count, FRAME_TOKENS)
    )
    answers = client.stream_verdicts(frames, purpose=Purpose.ANTI_FRAUD, channel=Channel.BATCH)
    return b"".join(answer.listed_summary for answer in answers)
