"""A client over a fake channel whose time stands still, and makers of what a hub sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
import grpc_testing
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from partner_sdk.calls import Connections, Timing
from partner_sdk.client import Client
from partner_sdk.retry import RetryPolicy
from rongan_share.v1 import (
    agreement_service_pb2,
    contribution_service_pb2,
    verdict_service_pb2,
    vocabulary_pb2,
)
from rongan_share.wire.reasons import DOMAIN, Reason

SERVICES = [
    file.DESCRIPTOR.services_by_name[name]
    for file, name in (
        (agreement_service_pb2, "AgreementService"),
        (contribution_service_pb2, "ContributionService"),
        (verdict_service_pb2, "VerdictService"),
    )
]
METHODS = {method.name: method for service in SERVICES for method in service.methods}

Sent: TypeAlias = Any
"""A request of whatever kind the method takes."""

KEY = bytes(range(32))
NEXT_KEY = bytes(range(32, 64))
E4_BIT = 19


@dataclass
class FakeHub:
    """The hub's side of a fake channel.

    Attributes:
        client: A client over it.
        time: Stands still unless slept on.
        waits: What the client slept between its tries.
    """

    channel: grpc_testing.Channel
    time: grpc_testing.Time
    client: Client = field(init=False)
    waits: list[float] = field(default_factory=list)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4))

    def __post_init__(self) -> None:
        timing = Timing(sleep=self._sleep, monotonic=self.time.time, random=lambda: 0.5)
        connections = Connections([self.channel], policy=RetryPolicy(), timing=timing)
        self.client = Client.over(connections, timeout_seconds=5.0)

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time.sleep_for(seconds)

    def start(self, call: Callable[[], Any]) -> Future[Any]:
        """Runs a call of the client in a thread."""
        return self._pool.submit(call)

    def take(self, method: str) -> tuple[Sent, grpc_testing.UnaryUnaryChannelRpc]:
        """Takes the next unary call: its request and the means to answer it."""
        _, request, rpc = self.channel.take_unary_unary(METHODS[method])
        return request, rpc

    def take_stream(self, method: str) -> grpc_testing.StreamStreamChannelRpc:
        """Takes the next stream."""
        _, rpc = self.channel.take_stream_stream(METHODS[method])
        return rpc

    def answer(self, method: str, response: object) -> Sent:
        """Answers the next unary call and returns its request."""
        request, rpc = self.take(method)
        rpc.terminate(response, (), grpc.StatusCode.OK, "")
        return request

    def refuse(self, method: str, status: status_pb2.Status) -> Sent:
        """Refuses the next unary call and returns its request."""
        request, rpc = self.take(method)
        rpc.terminate(None, *trailer(status))
        return request

    def tell_rules(self) -> None:
        """Answers the questions for taxonomy and epoch that come before the first verdict."""
        self.answer("GetTaxonomy", taxonomy())
        self.answer("GetTokenEpoch", epoch())

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(wait=False)


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Opens a fake hub and the client that calls it."""
    time = grpc_testing.strict_fake_time(0.0)
    hub = FakeHub(grpc_testing.channel(SERVICES, time), time)
    try:
        yield hub
    finally:
        hub.close()


def trailer(status: status_pb2.Status) -> tuple[tuple[Any, ...], grpc.StatusCode, str]:
    """Gives trailing metadata, code and details that carry a status."""
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    return (("grpc-status-details-bin", status.SerializeToString()),), code, status.message


def refusal(
    reason: Reason, *, retry_seconds: float | None = None, **metadata: str
) -> status_pb2.Status:
    """Makes the status of a hub's refusal."""
    info = error_details_pb2.ErrorInfo(
        reason=reason.name, domain=DOMAIN, metadata={"callId": "c0ffee", **metadata}
    )
    details = [info]
    if retry_seconds is not None:
        delay = duration_pb2.Duration(nanos=int(retry_seconds * 1e9) % 10**9)
        delay.seconds = int(retry_seconds)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    packed = []
    for detail in details:
        message = any_pb2.Any()
        message.Pack(detail)
        packed.append(message)
    code = grpc.StatusCode[reason.refusal.status].value[0]
    return status_pb2.Status(code=code, message=reason.refusal.text, details=packed)


def taxonomy(version: int = 1) -> agreement_service_pb2.GetTaxonomyResponse:
    """Makes a taxonomy of one category."""
    category = agreement_service_pb2.Category(
        code="E4",
        bit=E4_BIT,
        name_zh="境外制裁",
        name_en="Foreign sanctions",
        default_severity=3,
        maximum_severity=4,
        expiry_optional=True,
        evidence_required=vocabulary_pb2.EVIDENCE_VERIFIED,
    )
    return agreement_service_pb2.GetTaxonomyResponse(version=version, categories=[category])


def epoch(
    number: int = 1, *, key: bytes = KEY, opening: bool = False
) -> agreement_service_pb2.GetTokenEpochResponse:
    """Makes the current epoch, with the key of the golden tokens, and one that is opening."""
    reply = agreement_service_pb2.GetTokenEpochResponse(
        epoch=number,
        suite=vocabulary_pb2.SUITE_HMAC_SHA256,
        state=agreement_service_pb2.EPOCH_STATE_CURRENT,
        key=key,
    )
    if opening:
        reply.next.epoch = number + 1
        reply.next.suite = vocabulary_pb2.SUITE_HMAC_SM3
        reply.next.key = NEXT_KEY
    return reply


def not_listed(token_count: int = 1) -> verdict_service_pb2.CheckSubjectResponse:
    """Makes the verdict on a subject that is not listed."""
    return verdict_service_pb2.CheckSubjectResponse(
        state=vocabulary_pb2.STATE_NOT_LISTED,
        token_states=[vocabulary_pb2.STATE_NOT_LISTED] * token_count,
        coverage=verdict_service_pb2.Coverage(category_bits=1 << E4_BIT, source_class_bits=1 << 10),
        taxonomy_version=1,
        epoch=1,
    )
