"""The sweeper: ends open streams whose caller would not be let in any more.

TLS never looks at an open stream again, and the walk looks only at frames. So a thread asks every
second, and as soon as the generation has moved, what the walk would say of a next frame.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from rongan_share.clock import monotonic_ns
from rongan_share.errors import Reason, RonganError
from rongan_share.gate.agreement import verify_scope
from rongan_share.gate.identity import verify_caller
from rongan_share.ledger.counters import get_generation
from rongan_share.wire.days import shanghai_day

if TYPE_CHECKING:
    from datetime import datetime

    from rongan_share.clock import Clock
    from rongan_share.gate.held_streams import HeldStream, OpenStreams
    from rongan_share.gate.registries import Registries
    from rongan_share.ledger.environment import Ledger
    from rongan_share.model.registry import Registry

LOOK_SECONDS = 0.2
"""Time between looks whether the generation has moved."""

SWEEP_NS = 1_000_000_000
"""Longest time between sweeps: dates pass without a change of generation."""

PATIENCE_NS = 2_000_000_000
"""How long the registry may be too busy to be read before streams end unchecked."""

CUT_NS = 5_000_000_000
"""How long a stream that was ended may wait for its caller to read what was answered before."""

_log = logging.getLogger(__name__)


class Sweeper:
    """Owns the thread that sweeps the open streams of a process.

    Args:
        ledger: Holds the registry.
        registries: Reads it.
        clock: Tells the time.
        streams: What is swept.
    """

    def __init__(
        self, ledger: Ledger, registries: Registries, clock: Clock, *, streams: OpenStreams
    ) -> None:
        self._ledger = ledger
        self._registries = registries
        self._clock = clock
        self._streams = streams
        self._generation = -1
        self._swept_ns = self._read_ns = monotonic_ns()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._stopping.set()
        self._thread.join()

    def sweep(self) -> None:
        """Looks at every open stream, and ends those that the walk would refuse."""
        self._swept_ns = monotonic_ns()
        streams = self._streams.list()
        registry = self._read(streams)
        if registry is None:
            return
        self._generation = registry.generation
        now = self._clock.now()
        day = shanghai_day(now)
        for stream in streams:
            try:
                verify_held(stream, registry, now, day=day)
            except RonganError as refusal:
                self._end(stream, refusal)

    def _read(self, streams: list[HeldStream]) -> Registry | None:
        """Reads the registry; where that fails, no stream is trusted any longer."""
        try:
            with self._ledger.read() as txn:
                registry = self._registries.current(txn)
        except RonganError as error:
            busy = error.reason is Reason.STORE_BUSY
            if busy and self._swept_ns - self._read_ns < PATIENCE_NS:
                return None
            _log.error("the registry cannot be read, streams end reason=%s", error.reason.name)
            for stream in streams:
                self._end(stream, RonganError(Reason.STORE_FAILED))
            return None
        self._read_ns = self._swept_ns
        return registry

    def _end(self, stream: HeldStream, refusal: RonganError) -> None:
        stream.end(refusal)
        if stream.ended_ns and self._swept_ns - stream.ended_ns > CUT_NS:
            stream.cut(refusal)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                if self._is_due():
                    self.sweep()
            except Exception:  # noqa: BLE001 - whatever it was, nobody looks at the streams
                _log.exception("the sweep failed, streams end")
                for stream in self._streams.list():
                    self._end(stream, RonganError(Reason.STORE_FAILED))

    def _is_due(self) -> bool:
        if monotonic_ns() - self._swept_ns >= SWEEP_NS:
            return True
        try:
            with self._ledger.read() as txn:
                return get_generation(txn) != self._generation
        except RonganError:
            return True


def verify_held(stream: HeldStream, registry: Registry, now: datetime, *, day: int) -> None:
    """Decides whether a stream may stay open, by the rules that its next frame would meet.

    Raises:
        RonganError: What the walk would refuse it for.
    """
    caller = verify_caller(stream.claim, registry, stream.route.audience, now=now)
    if stream.scope is not None:
        verify_scope(caller, registry, stream.scope, day=day)
