"""The enrolment listener: one RPC, for those who have no certificate yet.

A server of its own with threads of its own, so that nothing that happens at this door takes
anything from partners. Connections are few and short.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc

from rongan_share.errors import StartRefusedError
from rongan_share.gate.enrolment_door import EnrolmentDoor, Rate
from rongan_share.processes.listener import ListenerCredentials, ListenerFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from rongan_share.config import Settings
    from rongan_share.gate.handlers import Gate

THREADS = 64
"""Calls that are under way at once in one worker; others wait."""

OPTIONS = (
    ("grpc.http2.bdp_probe", 0),
    ("grpc.server_handshake_timeout_ms", 5_000),
    ("grpc.max_allowed_incoming_connections", 512),
    ("grpc.max_concurrent_streams", 4),
    ("grpc.max_connection_idle_ms", 5_000),
    ("grpc.max_connection_age_ms", 20_000),
    ("grpc.max_connection_age_grace_ms", 10_000),
    ("grpc.max_receive_message_length", 16_384),
    ("grpc.http.overload_protection", 0),
    ("grpc.server.max_pending_requests", 1_000),
)
"""Server options of gRPC: whoever never sends its message is gone in half a minute."""


class EnrolmentListener:
    """Its life: `listen`, `serve`, `drain`. A hub that is told of none does nothing at each step.

    Args:
        settings: The hub's configuration.
        make_gate: Makes the gate behind a door.
        shares_port: Whether other workers of the hub listen on the same port.

    Raises:
        StartRefusedError: A file may not be used.
    """

    def __init__(
        self,
        settings: Settings,
        make_gate: Callable[[EnrolmentDoor], Gate],
        *,
        shares_port: bool,
    ) -> None:
        listen = settings.listen
        self._address = listen.enrolment
        self._server: grpc.Server | None = None
        if not self._address:
            return
        files = ListenerFiles(
            certificate_chain=settings.tls.certificate_chain,
            private_key=settings.tls.private_key,
            # Whoever enrols knows the digest of a root alone, and finds the root itself here.
            appended=(settings.tls.hub_roots,),
        )
        self._credentials = ListenerCredentials(files)
        door = EnrolmentDoor(
            Rate(listen.enrolments_per_second, listen.enrolment_burst),
            Rate(listen.enrolments_per_address, listen.enrolment_burst_per_address),
        )
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS, thread_name_prefix="enrolment"),
            handlers=make_gate(door).handlers(),
            options=(*OPTIONS, ("grpc.so_reuseport", int(shares_port))),
        )

    def listen(self) -> int:
        """Takes connections, for `serve` to answer; returns the port, or 0.

        Raises:
            StartRefusedError: Somebody else is there.
        """
        if self._server is None:
            return 0
        try:
            return self._server.add_secure_port(self._address, self._credentials.for_server())
        except RuntimeError:
            raise StartRefusedError(
                f"cannot listen on {self._address}; is another hub there?"
            ) from None

    def serve(self) -> None:
        """Answers calls from now on."""
        if self._server is not None:
            self._server.start()

    def drain(self, grace_seconds: float) -> None:
        """Refuses new calls and waits until those under way have finished."""
        if self._server is not None:
            self._server.stop(grace_seconds).wait()
