"""The port of a hub: reserved by the supervisor, shared by its workers and by nobody else.

Linux lets sockets share a port if each of them allows it. The supervisor binds without that, so a
second hub is refused; only then does it allow it, and only then do workers bind. It never listens
itself, so no connection waits where nobody would take it.
"""

from __future__ import annotations

import errno
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from rongan_share.errors import StartRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

BIND_TRIES = 10
"""How often a port is tried: the kernel closes what a killed hub had open after its last lock."""

BIND_PAUSE_SECONDS = 0.05
"""Time between two tries."""

_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - recognised here as gRPC does
_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class ReservedPort:
    """Holds a port until it is closed.

    Args:
        address: Host and port; port 0 takes a free one.

    Raises:
        StartRefusedError: Somebody else is there, or there is no such address.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        with ExitStack() as sockets:
            try:
                self._bind_all(sockets, host.strip("[]"), _port_of(port))
            except (OSError, ValueError):
                msg = f"cannot listen on {address}; is another hub there?"
                raise StartRefusedError(msg) from None
            self._sockets = sockets.pop_all()
        self.address = f"{host}:{self._port}"

    def close(self) -> None:
        """Lets the port go."""
        self._sockets.close()

    def _bind_all(self, sockets: ExitStack, host: str, port: int) -> None:
        """Binds every address of a host, all to one port."""
        self._port, fault = port, OSError()
        bound = False
        for family, where in _addresses(host):
            try:
                opened = sockets.enter_context(_bind(family, where, port=self._port))
            except OSError as error:
                # As gRPC does: one address of several may be missing on this machine.
                if error.errno not in _NO_SUCH_ADDRESS:
                    raise
                fault = error
                continue
            bound, self._port = True, opened.getsockname()[1]
        if not bound:
            raise fault


def _port_of(text: str) -> int:
    port = int(text)
    if not 0 <= port < 1 << 16:
        raise ValueError("expected a port")
    return port


def _addresses(host: str) -> Iterator[tuple[socket.AddressFamily, str]]:
    """Lists where gRPC listens for a host; everywhere is one socket for both families."""
    if host in _EVERYWHERE:
        yield (socket.AF_INET6, "::") if socket.has_dualstack_ipv6() else (socket.AF_INET, "")
        return
    if host == "localhost":
        # RFC 6761: whatever the system's own table of hosts says.
        yield from ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1"))
        return
    for family, _, _, _, where in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
        yield family, str(where[0])


def _bind(family: socket.AddressFamily, host: str, *, port: int) -> socket.socket:
    for left in reversed(range(BIND_TRIES)):
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            # Connections of a hub that ended a moment ago do not keep the next one waiting.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
            opened.bind((host, port))
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            # Else another supervisor could bind beside this one until a worker listens.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        except OSError as error:
            opened.close()
            if error.errno != errno.EADDRINUSE or not left:
                raise
            time.sleep(BIND_PAUSE_SECONDS)
        else:
            return opened
    raise OSError(errno.EADDRINUSE, host)
