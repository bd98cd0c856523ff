"""A TCP proxy on the loopback that cuts connections, or does anything else, at a chosen byte."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial

_CHUNK_BYTES = 1 << 14
_RESET = struct.pack("ii", 1, 0)


class Way(Enum):
    """Which way bytes go."""

    UP = "to the hub"
    DOWN = "from the hub"


@dataclass(slots=True)
class _Trap:
    """What happens once so many more bytes have gone one way."""

    left: int
    action: Callable[[], object]


class Proxy:
    """Passes bytes between clients and one port of the loopback.

    Args:
        port: Where the hub listens; it need not be there yet, or all the time.
    """

    def __init__(self, port: int) -> None:
        self._upstream = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._traps: dict[Way, _Trap] = {}
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.passed = dict.fromkeys(Way, 0)
        self.connections = 0
        self._start(self._accept)

    @property
    def target(self) -> str:
        """Where clients dial."""
        return f"localhost:{self._listener.getsockname()[1]}"

    def lead_to(self, port: int) -> None:
        """Leads later connections to another port."""
        self._upstream = ("127.0.0.1", port)

    def arm(self, way: Way, count: int, action: Callable[[], object]) -> None:
        """Runs an action once, when `count` more bytes have gone one way and before the next."""
        with self._lock:
            self._traps[way] = _Trap(count, action)

    def disarm(self) -> None:
        """Forgets what was armed."""
        with self._lock:
            self._traps.clear()

    def cut(self) -> None:
        """Breaks every connection now, as a network does: with a reset."""
        with self._lock:
            ends = list(self._open)
            self._open.clear()
        for end in ends:
            _break(end)

    def close(self) -> None:
        """Stops listening, breaks what is open and waits for its threads."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.disarm()
        self.cut()
        for thread in self._threads:
            # An action may close the proxy from a thread of its own.
            if thread is not threading.current_thread():
                thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                hub = socket.create_connection(self._upstream)
            except OSError:
                _break(client)
                continue
            for end in (client, hub):
                # As ends of gRPC have it, or each handshake waits 40 ms for an acknowledgement.
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                self._open |= {client, hub}
            self._start(partial(self._pump, client, hub, way=Way.UP))
            self._start(partial(self._pump, hub, client, way=Way.DOWN))

    def _pump(self, source: socket.socket, sink: socket.socket, *, way: Way) -> None:
        with suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                self._pass(chunk, sink, way)
        with self._lock:
            self._open -= {source, sink}
        _break(source)
        _break(sink)

    def _pass(self, chunk: bytes, sink: socket.socket, way: Way) -> None:
        """Passes a chunk on, stopping at the armed byte for as long as the action takes."""
        while chunk:
            with self._lock:
                trap = self._traps.get(way)
                due = min(len(chunk), trap.left) if trap is not None else len(chunk)
                self.passed[way] += due
                if trap is not None:
                    trap.left -= due
                    trap = self._traps.pop(way) if trap.left == 0 else None
            sink.sendall(chunk[:due])
            chunk = chunk[due:]
            if trap is not None:
                trap.action()

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="proxy", daemon=True)
        self._threads.append(thread)
        thread.start()


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """Runs a proxy for a block."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()


def _break(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    # Wakes the thread that reads from it, which a mere close would not.
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
