"""The channels of one pair of credentials, and when they may be closed.

Credentials change while calls go on. New calls take the new channels; the old ones are closed once
the last call on them has ended, which every call does by its deadline.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

import grpc

from rongan_share.v1.agreement_service_pb2_grpc import AgreementServiceStub
from rongan_share.v1.certificate_service_pb2_grpc import CertificateServiceStub
from rongan_share.v1.contribution_service_pb2_grpc import ContributionServiceStub
from rongan_share.v1.verdict_service_pb2_grpc import VerdictServiceStub

if TYPE_CHECKING:
    from collections.abc import Sequence

    from partner_sdk.credentials import Credentials
    from partner_sdk.streams import AnswerStream

AnswerT = TypeVar("AnswerT")

_CHANNEL_OPTIONS = (
    # Without a pool of its own each channel would share one connection, and so one worker of the
    # hub. With one, new credentials cannot find themselves on a connection of the old ones either.
    ("grpc.use_local_subchannel_pool", 1),
    # The default of 1 s is longer than all waits of a call together: its later tries would never
    # dial.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Retries are decided in retry.py alone.
    ("grpc.enable_retries", 0),
)


class Stubs:
    """The services of a hub over one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.verdict = VerdictServiceStub(channel)
        self.contribution = ContributionServiceStub(channel)
        self.agreement = AgreementServiceStub(channel)
        self.certificate = CertificateServiceStub(channel)


class ChannelSet:
    """Channels that are used alike; calls take turns on them.

    Attributes:
        closed: Nothing is under way any more, and nothing will be.
    """

    def __init__(self, channels: Sequence[grpc.Channel]) -> None:
        self._channels = tuple(channels)
        self._turn = itertools.cycle([Stubs(channel) for channel in channels])
        self._lock = threading.Lock()
        self._under_way = 0
        self._retired = False
        self.closed = False

    @property
    def retired(self) -> bool:
        """Whether new calls go elsewhere."""
        return self._retired

    def hold(self) -> Stubs | None:
        """Takes the channel whose turn it is for one call; `release` must follow.

        Returns:
            Its services, or None: the set was retired.
        """
        with self._lock:
            if self._retired:
                return None
            self._under_way += 1
            return next(self._turn)

    def release(self) -> None:
        """Gives back what `hold` took; the last one to do so closes what was retired."""
        with self._lock:
            self._under_way -= 1
            last = self._retired and not self._under_way
        if last:
            # Closing waits for gRPC's threads, and whoever ended a stream may hold a lock.
            threading.Thread(target=self.close, name="close-channels", daemon=True).start()

    def retire(self) -> None:
        """Takes no more calls, and closes once those under way have ended."""
        with self._lock:
            self._retired = True
            idle = not self._under_way
        if idle:
            self.close()

    def close(self) -> None:
        """Closes every channel; calls under way end with UNAVAILABLE."""
        for channel in self._channels:
            channel.close()
        self.closed = True


class HeldStream(Generic[AnswerT]):
    """The answers of a stream, which holds its channel until it ends or is cancelled."""

    def __init__(self, answers: AnswerStream[AnswerT], channels: ChannelSet) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self._held: ChannelSet | None = channels

    def __next__(self) -> AnswerT:
        """Waits for the next answer."""
        try:
            return next(self._answers)
        except (StopIteration, grpc.RpcError):
            self._let_go()
            raise

    def cancel(self) -> bool:
        """Ends the stream from this side; nothing happens if it has ended."""
        cancelled = self._answers.cancel()
        self._let_go()
        return cancelled

    def _let_go(self) -> None:
        with self._lock:
            held, self._held = self._held, None
        if held is not None:
            held.release()


def dial_channels(target: str, credentials: Credentials, *, count: int) -> list[grpc.Channel]:
    """Makes channels to a hub over mutual TLS; they connect with the first call.

    Args:
        target: ``host:port``; the host must be a name in the hub's certificate.
        credentials: What to prove oneself with.
        count: How many, from 1.
    """
    secret = credentials.for_channel()
    return [grpc.secure_channel(target, secret, options=_CHANNEL_OPTIONS) for _ in range(count)]
