"""A gRPC server over mutual TLS that answers each call with its own request.

Run as a program because the TLS suites are read from the environment once in the life of a process:
``python -m tests.support.echo_server CERTIFICATE KEY ROOTS``. It writes its port on standard output
and serves until standard input ends.
"""

from __future__ import annotations

import sys
from concurrent import futures
from pathlib import Path

import grpc

METHOD = "/rongan_share.test.Echo/Echo"
"""Path of its only method, bytes in and the same bytes out."""


def _echo(request: bytes, _context: grpc.ServicerContext) -> bytes:
    return request


def main(arguments: list[str]) -> None:
    """Serves until standard input ends."""
    certificate, key, roots = (Path(path).read_bytes() for path in arguments)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    _, service, method = METHOD.split("/")
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(_echo)
    generic = grpc.method_handlers_generic_handler(service, {method: handler})
    server.add_generic_rpc_handlers((generic,))
    credentials = grpc.ssl_server_credentials([(key, certificate)], roots, require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop(grace=0).wait()


if __name__ == "__main__":
    main(sys.argv[1:])
