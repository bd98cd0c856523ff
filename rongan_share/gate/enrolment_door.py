"""The door of the enrolment listener: how much may be asked there, and from where.

Nobody there shows a certificate, so the address is all that callers are told apart by. What is
refused here costs no more than its entry in the log, and those are counted.
Source: generic cell rate algorithm, ITU-T I.371.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import unquote

from rongan_share.clock import monotonic_ns
from rongan_share.errors import Reason, RonganError

UNDER_WAY_PER_ADDRESS = 16
"""Calls of one address that one worker has under way at once."""

DECIDED_AT_ONCE = 8
"""Calls that are decided at the same time, over all addresses."""

_SECOND_NS = 1_000_000_000
_KEPT_ADDRESSES = 1_024
_NETWORK_BITS = 64


class Rate(NamedTuple):
    """How often something may happen.

    Attributes:
        per_second: Restored a second.
        burst: At once.
    """

    per_second: int
    burst: int


class EnrolmentDoor:
    """Lets calls of the enrolment listener in, at a rate for each address and one for all.

    Args:
        in_all: Over all addresses.
        per_address: From one address.
        ticks: A clock that never goes back, in nanoseconds.
    """

    def __init__(
        self, in_all: Rate, per_address: Rate, *, ticks: Callable[[], int] = monotonic_ns
    ) -> None:
        self._ticks = ticks
        self._in_all = in_all
        self._per_address = per_address
        self._whole_ns = 0
        self._whole_ns_of: dict[str, int] = {}
        self._under_way: Counter[str] = Counter()
        self._turns = threading.Semaphore(DECIDED_AT_ONCE)
        self._lock = threading.Lock()

    @contextmanager
    def call(self, address: str) -> Iterator[threading.Semaphore]:
        """Takes a place for a call.

        Yields:
            What lets it have its turn to be decided.

        Raises:
            RonganError: TOO_MANY_CALLS.
        """
        name = network_of(address)
        with self._lock:
            if self._under_way[name] >= UNDER_WAY_PER_ADDRESS:
                raise _too_many("calls", UNDER_WAY_PER_ADDRESS, 0.1)
            self._spend(name, self._ticks())
            self._under_way[name] += 1
        try:
            yield self._turns
        finally:
            with self._lock:
                self._under_way[name] -= 1
                if not self._under_way[name]:
                    del self._under_way[name]

    def _spend(self, name: str, now_ns: int) -> None:
        """Spends both rates, or neither; the caller holds the lock."""
        of_address = _spent(
            self._per_address, self._whole_ns_of.get(name, 0), now_ns, name="address"
        )
        self._whole_ns = _spent(self._in_all, self._whole_ns, now_ns, name="enrolments")
        self._whole_ns_of[name] = of_address
        if len(self._whole_ns_of) > _KEPT_ADDRESSES:
            # Whose burst is whole again is as good as unknown. Others are few: both rates bound
            # them, for none is kept longer than its burst takes to come back.
            kept = {each: whole for each, whole in self._whole_ns_of.items() if whole > now_ns}
            self._whole_ns_of = kept


def network_of(address: str) -> str:
    """Names where a call comes from, of gRPC's `ipv4:HOST:PORT` or `ipv6:[HOST]:PORT`.

    A host has 2^64 addresses of IPv6 to itself, so those count as one.
    """
    _, _, rest = unquote(address).partition(":")
    host = rest.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return "?"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _NETWORK_BITS), strict=False))
    return str(parsed)


def _spent(rate: Rate, whole_ns: int, now_ns: int, *, name: str) -> int:
    """Returns when the burst is whole again after one more; refuses if there is none left."""
    each_ns = _SECOND_NS // rate.per_second
    after = max(whole_ns, now_ns) + each_ns
    late_ns = after - now_ns - each_ns * rate.burst
    if late_ns > 0:
        raise _too_many(name, rate.burst, late_ns / _SECOND_NS)
    return after


def _too_many(limit: str, most: int, wait_seconds: float) -> RonganError:
    return RonganError(
        Reason.TOO_MANY_CALLS, retry_after_seconds=wait_seconds, limit=limit, most=most
    )
