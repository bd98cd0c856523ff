"""The gate's first line: how much each certificate may have under way at once in this process.

Decided by the certificate alone, before a message is read or anything looked up, so that whoever
floods the hub takes its own place and nobody else's: not even that of the partner whose stolen and
revoked certificate it shows.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from rongan_share.errors import Reason, RonganError

if TYPE_CHECKING:
    from rongan_share.model.caller import ClaimedCaller

RETRY_SECONDS = 0.1
"""When a place is likely to be free again."""

WAIT_SECONDS = 30.0
"""How long a frame waits for those ahead of it to be answered and read."""


TURNS = 4
"""Calls of one certificate that are decided at the same time; its others wait for their turn, so
that a burst of one partner's calls does not stand before everybody else's."""


class Limits(NamedTuple):
    """What one certificate may have under way.

    Attributes:
        calls: Unary calls.
        streams: Open streams.
        bytes: Bytes of frames that are received and not yet answered, over all its streams.
    """

    calls: int
    streams: int
    bytes: int


class StreamPlace:
    """The place of one open stream, and the frames of it that are under way."""

    def __init__(self, admission: Admission, name: bytes) -> None:
        self._admission = admission
        self._name = name
        self._sizes: deque[int] = deque()
        self._over = False

    def take(self, size: int) -> None:
        """Waits until a frame of so many bytes may be under way.

        Raises:
            RonganError: TOO_MANY_CALLS, the frames ahead of it were not answered and read in time.
        """
        admission, key = self._admission, ("bytes", self._name)
        with admission.changed:
            # One frame may always be under way, however large.
            free = admission.changed.wait_for(
                lambda: (
                    self._over
                    or not admission.under_way[key]
                    or admission.under_way[key] + size <= admission.limits.bytes
                ),
                WAIT_SECONDS,
            )
            if self._over or not free:
                raise _too_many("bytes", admission.limits.bytes)
            admission.under_way[key] += size
            self._sizes.append(size)

    def give(self) -> None:
        """Says that the frame that was taken first is answered and read."""
        with self._admission.changed:
            self._admission.forget("bytes", self._name, self._sizes.popleft())

    def close(self) -> None:
        """Gives everything back; a frame that waits is refused."""
        with self._admission.changed:
            self._over = True
            self._admission.forget("bytes", self._name, sum(self._sizes))
            self._sizes.clear()


class Admission:
    """Counts what each certificate has under way; those that cannot be read share their places.

    Attributes:
        limits: What one may have.
        under_way: What each has, by limit and certificate; guarded by `changed`.
        changed: Notified whenever something is given back.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.under_way: Counter[tuple[str, bytes]] = Counter()
        self._turns: dict[bytes, threading.Semaphore] = {}
        self.changed = threading.Condition()

    @contextmanager
    def call(self, claim: ClaimedCaller | None) -> Iterator[threading.Semaphore]:
        """Takes a place for a unary call.

        Yields:
            What lets it have its turn to be decided.

        Raises:
            RonganError: TOO_MANY_CALLS.
        """
        name = _name_of(claim)
        with self.changed:
            self._take("calls", name, self.limits.calls)
            turns = self._turns.setdefault(name, threading.Semaphore(TURNS))
        try:
            yield turns
        finally:
            with self.changed:
                self.forget("calls", name, 1)
                if not self.under_way["calls", name]:
                    del self._turns[name]

    @contextmanager
    def stream(self, claim: ClaimedCaller | None) -> Iterator[StreamPlace]:
        """Takes a place for a stream.

        Raises:
            RonganError: TOO_MANY_CALLS.
        """
        name = _name_of(claim)
        with self.changed:
            self._take("streams", name, self.limits.streams)
        place = StreamPlace(self, name)
        try:
            yield place
        finally:
            place.close()
            with self.changed:
                self.forget("streams", name, 1)

    def forget(self, limit: str, name: bytes, amount: int) -> None:
        """Gives something back; the caller holds `changed`."""
        left = self.under_way[limit, name] - amount
        self.under_way[limit, name] = left
        if not left:
            # Certificates come and go, registered or not.
            del self.under_way[limit, name]
        self.changed.notify_all()

    def _take(self, limit: str, name: bytes, most: int) -> None:
        """Takes a place; the caller holds `changed`."""
        if self.under_way[limit, name] >= most:
            raise _too_many(limit, most)
        self.under_way[limit, name] += 1


def _name_of(claim: ClaimedCaller | None) -> bytes:
    return b"" if claim is None else claim.fingerprint


def _too_many(limit: str, most: int) -> RonganError:
    return RonganError(
        Reason.TOO_MANY_CALLS, retry_after_seconds=RETRY_SECONDS, limit=limit, most=most
    )
