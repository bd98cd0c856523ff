"""gRPC calls of encoded messages: what is sent was made beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc


def raw_stream(channel: grpc.Channel, path: str) -> grpc.StreamStreamMultiCallable[bytes, bytes]:
    """Returns a bidirectional RPC, bytes in and bytes out."""
    call: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
        path, request_serializer=None, response_deserializer=None
    )
    return call


def raw_unary(channel: grpc.Channel, path: str) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
    """Returns a unary RPC, bytes in and bytes out."""
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
        path, request_serializer=None, response_deserializer=None
    )
    return call
