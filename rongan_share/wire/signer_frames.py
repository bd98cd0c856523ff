"""What workers and the signer say to each other over a Unix socket: a request, an answer, the end.

A frame is its length, 4 bytes little-endian, and so many bytes. A request is the name of what is
asked for and no more: what is to be signed, the signer reads in the ledger itself.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

REVOCATION_LIST = b"crl"
"""Asks for a list of what was revoked."""

REQUEST_BYTES_MAX = 64
"""Bytes of a request."""

ANSWER_BYTES_MAX = 8 << 20
"""Bytes of an answer: a list of 100,000 revoked certificates is about 5 MiB."""

GIVEN, REFUSED = b"+", b"-"
"""First byte of an answer: then follows DER, or why not."""

ISSUANCE_ID = re.compile(rb"[0-9a-f]{32}")
"""Asks for the certificate of an issuance."""

_LENGTH_BYTES = 4


class FrameError(ConnectionError):
    """The other side sent no frame, too long a one, or not in time."""


def send_frame(link: socket.socket, content: bytes) -> None:
    """Sends a frame.

    Raises:
        OSError: The other side is gone or does not read.
    """
    link.sendall(len(content).to_bytes(_LENGTH_BYTES, "little") + content)


def receive_frame(link: socket.socket, *, most: int, within_seconds: float) -> bytes:
    """Receives a frame.

    Args:
        link: The connection.
        most: Bytes that it may have.
        within_seconds: Time until it must be there whole, however steadily bytes drop in.

    Raises:
        FrameError: There is none.
        OSError: The connection is broken.
    """
    deadline = monotonic() + within_seconds
    length = int.from_bytes(_receive(link, _LENGTH_BYTES, deadline), "little")
    if length > most:
        raise FrameError("a frame that is too long")
    return _receive(link, length, deadline)


@contextmanager
def short_name(path: Path) -> Iterator[str]:
    """Gives a socket's path a name that is short enough: Unix sockets have 107 bytes of it."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _receive(link: socket.socket, count: int, deadline: float) -> bytes:
    content = b""
    while len(content) < count:
        left = deadline - monotonic()
        if left <= 0:
            raise FrameError("a frame that came too slowly")
        link.settimeout(left)
        piece = link.recv(count - len(content))
        if not piece:
            raise FrameError("half a frame")
        content += piece
    return content
