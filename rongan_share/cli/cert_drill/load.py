"""What goes on while certificates change: calls, streams, and what a revocation meets."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partner_sdk.calls import Connections
from partner_sdk.channels import Stubs, dial_channels
from partner_sdk.client import Client
from partner_sdk.columns import Frame
from partner_sdk.errors import HubRefusalError, SdkError, from_rpc_error
from partner_sdk.retry import RetryPolicy
from rongan_share.cli.drill_load import number_of
from rongan_share.clock import monotonic_ns
from rongan_share.v1 import verdict_service_pb2 as pb
from rongan_share.v1 import vocabulary_pb2
from rongan_share.v1.certificate_service_pb2 import GetTrustBundleRequest
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.identifiers import canonicalise
from rongan_share.wire.reasons import Reason
from rongan_share.wire.vocabulary import Channel, DetailLevel, IdentifierType, Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from partner_sdk.columns import FrameMaker
    from partner_sdk.credentials import Credentials
    from rongan_share.wire.tokens import Tokenizer

import grpc

CALL_SECONDS = 5.0
"""Time for one call."""

ONCE = RetryPolicy(tries=1)
"""A call that fails once has failed: nothing is covered up by another try."""

REVOKED_SECONDS = 10.0
"""Within this nothing may be answered any more."""

_FRAME_TOKENS = 256
_FRAME_PAUSE = 0.05
_PROBE_PAUSE = 0.05


def asking(client: Client, connections: Connections, *, agreed: bool) -> Callable[[int], str]:
    """Makes calls: questions, or where there is no agreement the trust bundle."""

    def ask(place: int) -> str:
        client.check(
            [(IdentifierType.MSISDN, number_of(place))],
            purpose=Purpose.ANTI_FRAUD,
            channel=Channel.MOBILE,
        )
        return ""

    def fetch(_place: int) -> str:
        connections.call(
            lambda stubs: stubs.certificate.GetTrustBundle,
            GetTrustBundleRequest(),
            timeout_seconds=CALL_SECONDS,
        )
        return ""

    return ask if agreed else fetch


@dataclass(slots=True)
class RunningStream:
    """Frames of questions, one after the other, until they are stopped.

    Attributes:
        client: Who asks.
        frames: Frames that were answered.
        failure: Why it ended before it was stopped.
        longest_ns: The longest time between two answers.
    """

    client: Client
    frames: int = 0
    failure: str = ""
    longest_ns: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins."""
        self._thread = threading.Thread(target=self._ask, name="drill-stream", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends, once the frames under way are answered; nothing happens if it did not begin."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _ask(self) -> None:
        before_ns = monotonic_ns()
        try:
            for _ in ask_frames(self.client, self._stopping):
                now_ns = monotonic_ns()
                self.longest_ns = max(self.longest_ns, now_ns - before_ns)
                before_ns = now_ns
                self.frames += 1
        # Whatever it is, it is no answer; a thread that died of it would tell nobody.
        except Exception as error:  # noqa: BLE001 - see above
            self.failure = str(error) or type(error).__name__


def ask_frames(client: Client, stopping: threading.Event) -> Iterator[object]:
    """Yields answers to frames until it is told to stop."""

    def frames() -> Iterator[FrameMaker]:
        while not stopping.wait(_FRAME_PAUSE):
            yield _frame

    return iter(client.stream_verdicts(frames(), purpose=Purpose.ANTI_FRAUD, channel=Channel.BATCH))


def _frame(tokenizer: Tokenizer) -> Frame:
    texts = [
        canonicalise(IdentifierType.MSISDN, number_of(place)).text for place in range(_FRAME_TOKENS)
    ]
    return Frame(tokens=tokenizer.tokens(texts))


class RevocationProbe:
    """Everything that a certificate can be used for, until the hub refuses it.

    Args:
        target: Address of the hub.
        credentials: What is going to be revoked.
        agreed: Whether questions are allowed; else there are unary calls alone.
    """

    def __init__(self, target: str, credentials: Credentials, *, agreed: bool) -> None:
        self.ended: dict[str, tuple[int, str]] = {}
        self._stopping = threading.Event()
        self._connections = Connections.dial(target, credentials, count=1, policy=ONCE)
        self._client = Client.over(self._connections, stream_retry=ONCE)
        self._idle = dial_channels(target, credentials, count=1)[0]
        ways = {"unary": self._call}
        if agreed:
            ways |= {"frames": self._send, "idle_stream": self._rest}
        self._begun = {name: threading.Event() for name in ways}
        self._threads = [
            threading.Thread(target=self._run, args=(name, way), name=f"drill-{name}", daemon=True)
            for name, way in ways.items()
        ]

    def start(self) -> bool:
        """Begins; returns whether the hub answers everything."""
        for thread in self._threads:
            thread.start()
        return all(begun.wait(CALL_SECONDS) for begun in self._begun.values()) and not self.ended

    def await_end(self) -> None:
        """Waits until all was refused, or much more time than that may take has passed."""
        until_ns = monotonic_ns() + int(1.5 * REVOKED_SECONDS * 1e9)
        for thread in self._threads:
            thread.join(max(until_ns - monotonic_ns(), 0) / 1e9)

    def close(self) -> None:
        """Ends what the hub has not ended."""
        self._stopping.set()
        self._client.close()
        self._idle.close()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def seconds(self, since_ns: int) -> dict[str, float | None]:
        """Says how long each was still answered; None = it was not refused as revoked."""
        refused = Reason.CERTIFICATE_REVOKED.name
        told: dict[str, float | None] = {}
        for name in self._begun:
            at_ns, cause = self.ended.get(name, (0, ""))
            told[name] = max(0.0, (at_ns - since_ns) / 1e9) if cause == refused else None
        return told

    def _run(self, name: str, way: Callable[[threading.Event], None]) -> None:
        try:
            way(self._begun[name])
        except HubRefusalError as error:
            cause = error.refusal.reason_name or str(error)
        except (SdkError, ValueError) as error:
            cause = str(error)
        else:
            return
        self.ended[name] = (monotonic_ns(), cause)

    def _call(self, begun: threading.Event) -> None:
        while not self._stopping.wait(_PROBE_PAUSE):
            self._connections.call(
                lambda stubs: stubs.certificate.GetTrustBundle,
                GetTrustBundleRequest(),
                timeout_seconds=CALL_SECONDS,
            )
            begun.set()

    def _send(self, begun: threading.Event) -> None:
        for _ in ask_frames(self._client, self._stopping):
            begun.set()

    def _rest(self, begun: threading.Event) -> None:
        epoch = self._client.token_epoch()
        opening = pb.VerdictOpen(
            purpose=vocabulary_pb2.Purpose.ValueType(Purpose.ANTI_FRAUD),
            channel=vocabulary_pb2.Channel.ValueType(Channel.BATCH),
            suite=vocabulary_pb2.Suite.ValueType(epoch.suite),
            epoch=epoch.number,
            detail_level=vocabulary_pb2.DetailLevel.ValueType(DetailLevel.CATEGORY),
            batch_id=os.urandom(TOKEN_BYTES),
        )

        def requests() -> Iterator[pb.StreamVerdictsRequest]:
            yield pb.StreamVerdictsRequest(open=opening)
            # The message above is on its way, and none follows.
            begun.set()
            self._stopping.wait()

        try:
            for _ in Stubs(self._idle).verdict.StreamVerdicts(requests()):
                pass
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
