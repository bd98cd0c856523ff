"""gRPC's health service behind the gate's first line: any certificate may ask, none may flood.

Leaves no entry in the audit log: whoever probes a hub does so every few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2

from rongan_share.errors import RonganError
from rongan_share.gate.handlers import peer_of
from rongan_share.gate.replies import abort, status_of

if TYPE_CHECKING:
    from grpc_health.v1 import health

    from rongan_share.gate.admission import Admission
    from rongan_share.gate.walk import Peer
    from rongan_share.model.caller import ClaimedCaller

SERVICE = "grpc.health.v1.Health"

Request = health_pb2.HealthCheckRequest
Answer = health_pb2.HealthCheckResponse


def health_handlers(
    servicer: health.HealthServicer,
    admission: Admission,
    claim: Callable[[Peer], ClaimedCaller | None],
) -> grpc.GenericRpcHandler:
    """Returns the handlers of Check and Watch.

    Args:
        servicer: Knows how the hub is.
        admission: Holds each certificate to its places.
        claim: Reads whose a certificate is.
    """

    @contextmanager
    def admitted(context: grpc.ServicerContext, place: Any) -> Iterator[None]:  # noqa: ANN401 - one of two methods
        peer = peer_of(context)()
        try:
            with place(claim(peer)):
                yield
        except RonganError as refused:
            abort(context, status_of(refused.noting(callId=peer.call_id), caller_id=""))

    def check(requests: Iterator[Request], context: grpc.ServicerContext) -> Answer:
        with admitted(context, admission.call):
            answer: Answer = servicer.Check(next(requests, Request()), context)
            return answer

    def follow(requests: Iterator[Request], context: grpc.ServicerContext) -> Iterator[Answer]:
        with admitted(context, admission.stream):
            yield from servicer.Watch(next(requests, Request()), context)

    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Check": grpc.stream_unary_rpc_method_handler(
                check, Request.FromString, Answer.SerializeToString
            ),
            "Watch": grpc.stream_stream_rpc_method_handler(
                follow, Request.FromString, Answer.SerializeToString
            ),
        },
    )
