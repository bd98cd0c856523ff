"""A TLS server that shows a chosen certificate and remembers what it was sent."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.pki import Minted

Answer = Callable[[ssl.SSLSocket], object]


@dataclass(slots=True)
class TlsServer:
    """What a server is reached by, and what came.

    Attributes:
        port: On the loopback.
        received: All bytes that clients sent inside TLS.
        handshakes: How many came about.
    """

    port: int
    received: bytearray = field(default_factory=bytearray)
    handshakes: int = 0

    @property
    def target(self) -> str:
        """Where clients dial."""
        return f"localhost:{self.port}"


def context_for(folder: Path, minted: Minted) -> ssl.SSLContext:
    """Makes the context of a server that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])
    certificate, key = folder / "server.crt.pem", folder / "server.key.pem"
    certificate.write_bytes(minted.certificate_chain_pem)
    key.write_bytes(minted.key_pem)
    context.load_cert_chain(certificate, key)
    return context


@contextmanager
def tls_server(context: ssl.SSLContext, answer: Answer | None = None) -> Iterator[TlsServer]:
    """Runs a server for a block.

    Args:
        context: What it shows and demands.
        answer: What it does on each connection after the handshake; None = reads to the end.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = TlsServer(listener.getsockname()[1])

        def serve(plain: socket.socket) -> None:
            plain.settimeout(10)
            with suppress(OSError), context.wrap_socket(plain, server_side=True) as secure:
                server.handshakes += 1
                if answer is not None:
                    answer(secure)
                while chunk := secure.recv(1 << 14):
                    server.received += chunk

        def accept() -> None:
            with suppress(OSError):
                while True:
                    plain, _ = listener.accept()
                    threading.Thread(target=serve, args=(plain,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
