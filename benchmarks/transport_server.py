"""The bare transport: the hub's gRPC server and TLS with handlers that do nothing.

``python -m benchmarks.transport_server CERTIFICATE KEY ROOTS`` writes its port on standard output
and serves until standard input ends. What it does not do is what the hub is compared with.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from rongan_share.processes.tls_policy import force_tls13

if TYPE_CHECKING:
    import grpc

SERVICE = "rongan_share.bench.Transport"
READ = f"/{SERVICE}/Read"
"""Path of the stream that is read to its end and answered with nothing."""

EMPTY = f"/{SERVICE}/Empty"
"""Path of the call that is answered with an empty message."""


def _read(requests: Iterator[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
    for _request in requests:
        pass
    return iter(())


def _empty(_request: bytes, _: grpc.ServicerContext) -> bytes:
    return b""


def main(arguments: list[str]) -> None:
    """Serves until standard input ends."""
    force_tls13()
    import grpc  # noqa: PLC0415 - it reads the TLS policy once, at import

    from rongan_share.processes.interpreter import settle_interpreter  # noqa: PLC0415
    from rongan_share.processes.worker import SERVER_OPTIONS, UNARY_THREADS  # noqa: PLC0415

    certificate, key, roots = (Path(path).read_bytes() for path in arguments)
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Read": grpc.stream_stream_rpc_method_handler(_read),
        "Empty": grpc.unary_unary_rpc_method_handler(_empty),
    }
    server = grpc.server(
        ThreadPoolExecutor(UNARY_THREADS),
        handlers=[grpc.method_handlers_generic_handler(SERVICE, handlers)],
        options=SERVER_OPTIONS,
    )
    credentials = grpc.ssl_server_credentials([(key, certificate)], roots, require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    settle_interpreter()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop(grace=0).wait()


if __name__ == "__main__":
    main(sys.argv[1:])
