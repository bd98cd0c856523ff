"""One partner under load: unary calls and streams that are answered some time later."""

from __future__ import annotations

import queue
import secrets
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import grpc
import numpy as np

from benchmarks.calls import raw_stream, raw_unary
from benchmarks.listings import UNLISTED, columns_of, tokens_of
from benchmarks.load_plan import Kind
from benchmarks.rows_contribution import CONTRIBUTE, encode_frame, encode_opening
from benchmarks.rows_frames import STREAM, opening_message
from benchmarks.rows_unary import CHECK, encode_check
from rongan_share.v1 import verdict_service_pb2 as pb

if TYPE_CHECKING:
    from benchmarks.load_plan import Event, Plan

Done = Callable[["str | None"], None]
"""Told when an operation is over: None, or what it failed with."""

_FRESH, _FRESH_BITS = 1 << 61, 56
"""Numbers of contributed rows: neither loaded nor contributed by anyone before."""

_LISTED_EVERY = 1_000


class _Stream:
    """A stream whose frames are answered in order; opened anew after it broke."""

    def __init__(
        self,
        call: grpc.StreamStreamMultiCallable[bytes, bytes],
        opening: Callable[[], bytes],
    ) -> None:
        self._call = call
        self._opening = opening
        self._lock = threading.Lock()
        self._outbox: queue.SimpleQueue[bytes | None] | None = None
        self._waiting: deque[Done] = deque()
        self._number = 0
        self._thread: threading.Thread | None = None

    def send(self, make: Callable[[int], bytes], done: Done) -> None:
        """Sends a frame that is made for its number."""
        with self._lock:
            if self._outbox is None:
                self._outbox, self._waiting, self._number = queue.SimpleQueue(), deque(), 0
                self._outbox.put(self._opening())
                self._thread = threading.Thread(
                    target=self._read, args=(self._outbox, self._waiting), daemon=True
                )
                self._thread.start()
            self._number += 1
            self._waiting.append(done)
            self._outbox.put(make(self._number))

    def close(self) -> None:
        """Sends no more, and waits until everything is answered."""
        with self._lock:
            if self._outbox is not None:
                self._outbox.put(None)
        if self._thread is not None:
            self._thread.join()

    def _read(self, outbox: queue.SimpleQueue[bytes | None], waiting: deque[Done]) -> None:
        failure = "ended early"
        try:
            for _ in self._call(iter(outbox.get, None)):
                waiting.popleft()(None)
        except grpc.RpcError as error:
            failure = _name(error)
        with self._lock:
            outbox.put(None)
            if self._outbox is outbox:
                self._outbox = None
            lost = list(waiting)
            waiting.clear()
        for done in lost:
            done(failure)


class Session:
    """Everything that one partner does.

    Args:
        channel: Its connection.
        plan: How large frames are.
        distinct_count: Listed tokens of the hub; every thousandth that is asked is one of them.
        day: Present day.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        *,
        plan: Plan,
        distinct_count: int,
        day: int,
    ) -> None:
        self._channel = channel
        self._plan = plan
        self._distinct = max(1, distinct_count)
        self._day = day
        self._next_row = _FRESH | secrets.randbits(_FRESH_BITS)
        self._check = raw_unary(channel, CHECK)
        self._frames = _Stream(raw_stream(channel, STREAM), _open_verdicts)
        self._rows = _Stream(
            raw_stream(channel, CONTRIBUTE), lambda: encode_opening(secrets.token_bytes(16))
        )

    def start(self, event: Event, done: Done) -> None:
        """Sends what an event wants; `done` is called once, from another thread."""
        if event.kind is Kind.UNARY:
            tokens = tokens_of(self._numbers(event.number, 1))
            future = self._check.future(encode_check(tokens), timeout=60)
            future.add_done_callback(lambda call: done(_failure(call)))
        elif event.kind is Kind.FRAMES:
            tokens = tokens_of(self._numbers(event.number, self._plan.frame_tokens))
            self._frames.send(lambda number: _frame(number, tokens), done)
        else:
            first, count = self._next_row, self._plan.frame_rows
            self._next_row += count
            numbers = np.arange(first, first + count, dtype=np.uint64)
            columns = columns_of(numbers, numbers, self._day)
            self._rows.send(lambda number: encode_frame(number, columns), done)

    def close(self) -> None:
        """Waits for everything under way, and disconnects."""
        self._frames.close()
        self._rows.close()
        self._channel.close()

    def _numbers(self, number: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        numbers = np.arange(number, number + count, dtype=np.uint64)
        listed = numbers % np.uint64(_LISTED_EVERY) == 0
        numbers[~listed] |= np.uint64(UNLISTED)
        numbers[listed] %= np.uint64(self._distinct)
        return numbers


def _open_verdicts() -> bytes:
    return pb.StreamVerdictsRequest(open=opening_message()).SerializeToString()


def _frame(number: int, tokens: bytes) -> bytes:
    frame = pb.VerdictFrame(frame_number=number, tokens=tokens)
    return pb.StreamVerdictsRequest(frame=frame).SerializeToString()


def _failure(call: grpc.Future[bytes]) -> str | None:
    error = call.exception()
    return None if error is None else _name(error)


def _name(error: object) -> str:
    return error.code().name if isinstance(error, grpc.RpcError) else type(error).__name__
