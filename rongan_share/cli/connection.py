"""An operator's connection to a running hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

import grpc

from partner_sdk.errors import from_rpc_error
from rongan_share.v1.operator_service_pb2_grpc import OperatorServiceStub

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from partner_sdk.credentials import Credentials

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")

DEADLINE_SECONDS = 30.0
"""Longest wait for one answer."""


class Connection:
    """A connection over mutual TLS; use as a context manager. It connects with the first call.

    Args:
        target: `HOST:PORT`; the host must be a name in the hub's certificate.
        credentials: The operator's.
    """

    def __init__(self, target: str, credentials: Credentials) -> None:
        self._channel = grpc.secure_channel(target, credentials.for_channel())
        self._stub = OperatorServiceStub(self._channel)

    def call(
        self,
        method: Callable[[OperatorServiceStub], grpc.UnaryUnaryMultiCallable[RequestT, AnswerT]],
        request: RequestT,
    ) -> AnswerT:
        """Calls once: an operator's act is never repeated unasked.

        Args:
            method: Picks the RPC.
            request: What to send.

        Raises:
            HubRefusalError: The hub refused, or could not be reached.
        """
        try:
            return method(self._stub)(request, timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._channel.close()
