"""A load generator for one unary RPC that costs little enough to saturate a server's core.

gRPC's own Python client spends more time on a call than the server does, so it would measure
itself. This one speaks just as much HTTP/2 as such a load needs: one connection, headers kept in
the server's table, requests encoded beforehand, answers counted and not decoded.

Source: RFC 9113 (HTTP/2), RFC 7541 (HPACK), gRPC over HTTP/2.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1
_FRAME = struct.Struct(">IBI")
"""Length and type in one word (length << 8 | type), flags, stream."""

_PREFIX = struct.Struct(">BI")
_WORD = struct.Struct(">I")
_WINDOW_BYTES = 65_535
_CREDIT_BYTES = 32_768
_RECEIVE_BYTES = 1 << 18
_FIRST_INDEX = 62
"""First index of HPACK's dynamic table."""

_STATIC = b"\x83\x87"
"""`:method POST` and `:scheme https` of HPACK's static table."""


class LoadError(Exception):
    """The server did not answer as it should; then its speed is worth nothing."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a load came to.

    Attributes:
        seconds: From the first request to the last answer.
        count: Calls answered with a message.
        busy: Share of that time for which this client computed.
    """

    seconds: float
    count: int
    busy: float

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.count / self.seconds


class UnaryConnection:
    """One HTTP/2 connection for one RPC; use as a context manager.

    Args:
        port: Of the server on the loopback.
        context: The client's side of mutual TLS.
        path: The RPC.
    """

    def __init__(self, port: int, context: ssl.SSLContext, path: str) -> None:
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("localhost", port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        self._authority = f"localhost:{port}"
        self._path = path
        self._stream = 1
        self._headers = b""
        self._window = _WINDOW_BYTES
        self._unread = b""
        self._credit = 0
        self._unended = 0
        self._socket.sendall(_PREFACE + _frame(_SETTINGS, 0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def run(self, requests: Sequence[bytes], *, in_flight: int) -> Load:
        """Sends encoded request messages, so many at once, and waits for every answer.

        Raises:
            LoadError: A call was refused, or the connection ended.
        """
        computed, began = time.thread_time(), time.perf_counter()
        waiting = iter([_PREFIX.pack(0, len(request)) + request for request in requests])
        started, answered = 0, 0
        while answered < len(requests):
            out = bytearray()
            while started - answered < in_flight and started < len(requests):
                if self._window < _CREDIT_BYTES // 2:
                    break
                out += self._call(next(waiting))
                started += 1
            answered += self._turn(out)
        seconds = time.perf_counter() - began
        return Load(seconds, answered, (time.thread_time() - computed) / seconds)

    def _call(self, body: bytes) -> bytes:
        headers = self._headers or self._first_headers()
        head = _frame(_HEADERS, _END_HEADERS, self._stream, payload=headers)
        self._window -= len(body)
        call = head + _frame(_DATA, _END_STREAM, self._stream, payload=body)
        self._stream += 2
        return call

    def _first_headers(self) -> bytes:
        """Encodes the headers once so that the server keeps them; later calls name them only."""
        fields = (
            (":path", self._path),
            (":authority", self._authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        )
        kept = range(_FIRST_INDEX + len(fields) - 1, _FIRST_INDEX - 1, -1)
        self._headers = _STATIC + bytes(0x80 | index for index in kept)
        literals = (b"\x40" + _text(name) + _text(value) for name, value in fields)
        return _STATIC + b"".join(literals)

    def _turn(self, out: bytearray) -> int:
        """Sends, receives once, replies to what the protocol demands; returns answers seen."""
        if self._credit >= _CREDIT_BYTES:
            out += _frame(_WINDOW, 0, 0, payload=_WORD.pack(self._credit))
            self._credit = 0
        if out:
            self._socket.sendall(out)
        received = self._socket.recv(_RECEIVE_BYTES)
        if not received:
            raise LoadError("the server closed the connection")
        answered = 0
        for kind, flags, payload in self._frames(received):
            if kind == _DATA:
                # An answer is far below HTTP/2's frame size, so it is never cut in two.
                self._credit += len(payload)
                self._unended += 1
                answered += 1
            elif kind == _HEADERS:
                # A call without a message is a refusal: only its trailers come.
                self._unended -= flags & _END_STREAM
            else:
                self._oblige(kind, flags, payload)
            if self._unended < 0:
                raise LoadError("the server refused a call")
        return answered

    def _oblige(self, kind: int, flags: int, payload: bytes) -> None:
        """Does what the protocol demands besides calls."""
        if kind in (_RESET, _GOAWAY):
            raise LoadError("the server ended a call or the connection")
        if kind == _WINDOW:
            self._window += _WORD.unpack(payload)[0]
        elif kind in (_SETTINGS, _PING) and not flags & _ACK:
            self._socket.sendall(_frame(kind, _ACK, 0, payload=payload if kind == _PING else b""))

    def _frames(self, received: bytes) -> Iterator[tuple[int, int, bytes]]:
        buffer, at = self._unread + received, 0
        while len(buffer) - at >= _FRAME.size:
            word, flags, stream = _FRAME.unpack_from(buffer, at)
            length, kind = word >> 8, word & 0xFF
            end = at + _FRAME.size + length
            if end > len(buffer):
                break
            if kind != _WINDOW or not stream:
                yield kind, flags, buffer[at + _FRAME.size : end]
            at = end
        self._unread = buffer[at:]


def _frame(kind: int, flags: int, stream: int, *, payload: bytes = b"") -> bytes:
    return _FRAME.pack(len(payload) << 8 | kind, flags, stream) + payload


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()
