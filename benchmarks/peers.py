"""Peers over mutual TLS: Redis, asked with packed MGET, two in flight; and our bare transport."""

from __future__ import annotations

import shutil
import socket
import ssl
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.listings import tokens_of
from benchmarks.machine import Server, StartError, start_server

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.world import World

MGET_KEYS = 4_096
KEY_BYTES = 16
_IN_FLIGHT = 2
_START_SECONDS = 20.0
_BUFFER_BYTES = 1 << 20
_ITEM = b"$16\r\n"


class PeerMissingError(Exception):
    """A peer is not installed here; its rows are left out."""


@dataclass(frozen=True, slots=True)
class Redis:
    """A running Redis on the server's core.

    Attributes:
        server: The process.
        port: Its TLS port; there is no other.
        context: The client's side of mutual TLS.
    """

    server: Server
    port: int
    context: ssl.SSLContext

    def fill(self, tokens: bytes) -> None:
        """Stores each token with itself as value, and reads each once.

        Redis moves keys to its grown table step by step, one with each key it is asked for; until
        then it looks in two tables and is half as fast as it can be.
        """
        buffer = bytearray(_BUFFER_BYTES)
        with self._connect() as connection:
            for at in range(0, len(tokens), MGET_KEYS * KEY_BYTES):
                keys = _split(tokens[at : at + MGET_KEYS * KEY_BYTES])
                pairs = [key for key in keys for _ in range(2)]
                connection.sendall(_command(b"MSET", pairs))
                _read(connection, len(b"+OK\r\n"), buffer)
            for at in range(0, len(tokens), MGET_KEYS * KEY_BYTES):
                keys = _split(tokens[at : at + MGET_KEYS * KEY_BYTES])
                connection.sendall(_command(b"MGET", keys))
                _read(connection, _reply_bytes(len(keys), found=True), buffer)

    def keys_per_second(self, requests: Sequence[bytes], *, found: bool) -> float:
        """Sends packed requests of `MGET_KEYS` keys, two in flight; replies are not decoded."""
        reply = _reply_bytes(MGET_KEYS, found=found)
        buffer = bytearray(_BUFFER_BYTES)
        with self._connect() as connection:
            connection.sendall(requests[0])
            _read(connection, reply, buffer)
            began = time.perf_counter()
            for request in requests[:_IN_FLIGHT]:
                connection.sendall(request)
            for request in requests[_IN_FLIGHT:]:
                _read(connection, reply, buffer)
                connection.sendall(request)
            for _ in requests[:_IN_FLIGHT]:
                _read(connection, reply, buffer)
            seconds = time.perf_counter() - began
        return len(requests) * MGET_KEYS / seconds

    def _connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("localhost", self.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(plain, server_hostname="localhost")


def start_redis(world: World) -> Redis:
    """Starts Redis with the hub's certificates and every listed token.

    Raises:
        PeerMissingError: There is no redis-server here.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise PeerMissingError("redis-server is not installed; make system installs it")
    port = free_port()
    server = start_server([program, *_options(port, world)], world.folder)
    world.stack.callback(server.stop)
    redis = Redis(server, port, world.tls_context())
    _wait(redis)
    redis.fill(tokens_of(world.population.token_numbers(0, world.population.distinct_count)))
    return redis


@dataclass(frozen=True, slots=True)
class Transport:
    """The hub's server without the hub, see `transport_server.py`.

    Attributes:
        server: The process.
        port: Where it listens.
    """

    server: Server
    port: int

    @property
    def target(self) -> str:
        """Where it listens."""
        return f"localhost:{self.port}"


def start_transport(world: World) -> Transport:
    """Starts the bare transport with the hub's certificates."""
    files = world.hierarchy.hub
    paths = [str(path) for path in (files.certificate, files.key, files.roots)]
    command = [sys.executable, "-m", "benchmarks.transport_server", *paths]
    server = start_server(command, world.folder)
    world.stack.callback(server.stop)
    return Transport(server, int(server.first_line(_START_SECONDS)))


def mget_requests(numbers: NDArray[np.uint64]) -> list[bytes]:
    """Packs requests for the tokens of numbers, `MGET_KEYS` each."""
    keys = _split(tokens_of(numbers))
    return [_command(b"MGET", keys[at : at + MGET_KEYS]) for at in range(0, len(keys), MGET_KEYS)]


def free_port() -> int:
    """Returns a port of the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _options(port: int, world: World) -> list[str]:
    files = world.hierarchy.hub
    options = {
        "bind": "127.0.0.1",
        "port": "0",
        "tls-port": str(port),
        "tls-cert-file": str(files.certificate),
        "tls-key-file": str(files.key),
        "tls-ca-cert-file": str(world.peer_roots),
        "tls-auth-clients": "yes",
        "tls-protocols": "TLSv1.3",
        "save": "",
        "appendonly": "no",
        "dir": str(world.folder),
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def _wait(redis: Redis) -> None:
    end = time.monotonic() + _START_SECONDS
    while redis.server.process.poll() is None and time.monotonic() < end:
        try:
            with redis._connect() as connection:  # noqa: SLF001 - one module
                connection.sendall(_command(b"PING", []))
                _read(connection, len(b"+PONG\r\n"), bytearray(_BUFFER_BYTES))
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise StartError(redis.server.complaint())


def _command(name: bytes, words: Sequence[bytes]) -> bytes:
    head = b"*%d\r\n$%d\r\n%b\r\n" % (len(words) + 1, len(name), name)
    return head + b"".join(_ITEM + word + b"\r\n" for word in words)


def _reply_bytes(count: int, *, found: bool) -> int:
    """Returns the length of the reply to an MGET of so many keys."""
    item = len(_ITEM) + KEY_BYTES + 2 if found else len(b"$-1\r\n")
    return len(f"*{count}\r\n") + count * item


def _split(tokens: bytes) -> list[bytes]:
    return [tokens[at : at + KEY_BYTES] for at in range(0, len(tokens), KEY_BYTES)]


def _read(connection: ssl.SSLSocket, length: int, buffer: bytearray) -> None:
    """Reads exactly one reply, whose length is known."""
    view = memoryview(buffer)[:length]
    while view:
        count = connection.recv_into(view)
        if not count:
            raise ConnectionError("the peer closed the connection")
        view = view[count:]
