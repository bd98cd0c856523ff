"""The running hub: opens the store, puts the walk together, listens, and stops in order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

import grpc
from cryptography.hazmat.primitives.serialization import Encoding
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from rongan_share import __version__
from rongan_share.clock import Clock, SystemClock
from rongan_share.columns.follower import Follower
from rongan_share.config import Settings
from rongan_share.errors import StartRefusedError
from rongan_share.gate.handlers import Gate
from rongan_share.gate.notes import note
from rongan_share.gate.refusals import RefusalBook
from rongan_share.gate.registries import Registries
from rongan_share.gate.table import route_table
from rongan_share.gate.walk import Walk
from rongan_share.ledger.cipher import TokenCipher, read_key
from rongan_share.ledger.committer import Committer
from rongan_share.ledger.counters import get_hub_id, get_key_check
from rongan_share.ledger.environment import Ledger
from rongan_share.ledger.side_keys import SideKeys
from rongan_share.processes.epoch_keys import EpochKeys
from rongan_share.processes.housekeeping import Housekeeping
from rongan_share.processes.listener import load_certificate, server_credentials
from rongan_share.services.hub import HubFacts
from rongan_share.wire.taxonomy import packaged_taxonomy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rongan_share.gate.routes import Route

UNARY_THREADS = 256
"""Threads beyond one for each admitted stream."""

STOP_SECONDS = 10.0
"""Grace for calls under way when the hub stops."""

SERVER_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.server_handshake_timeout_ms", 5_000),
    ("grpc.max_connection_idle_ms", 300_000),
    ("grpc.http.overload_protection", 0),
    ("grpc.server.max_pending_requests", 10_000),
)
"""Server options of gRPC.

A second hub on the port is refused; a slow reader pins 128 KiB, not megabytes; half-open and idle
connections end; calls above the pool queue instead of failing. Messages stay at gRPC's 4 MiB.
"""


class Hub:
    """One hub process. Use as a context manager: it serves from entry to exit.

    Args:
        settings: Its configuration.
        clock: Tells the time; the system's with the configured offset by default.
        table: The route table; the whole one by default.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        table: Mapping[str, Route] | None = None,
    ) -> None:
        self._clock = clock or SystemClock(settings.clock.offset_seconds)
        self._settings = settings
        routes = route_table() if table is None else table
        data = settings.data_directory
        key = read_key(settings.keys.hub_key, data_directory=data)
        epoch_keys = EpochKeys(settings.keys.epoch_keys, data_directory=data)
        self.ledger = Ledger(data)
        try:
            self.follower = Follower(self.ledger)
            self.committer = Committer(self.ledger, self._clock, self.follower.announce)
            self._refusals = RefusalBook(self.committer, self._clock)
            self._housekeeping = Housekeeping(self.ledger, self._clock)
            self.walk = Walk(
                ledger=self.ledger,
                follower=self.follower,
                committer=self.committer,
                clock=self._clock,
                hub=self._facts(key, epoch_keys),
                registries=Registries(),
            )
            self._verify_keys(epoch_keys)
            self._gate = Gate(self.walk, self._refusals, routes)
            self._health = health.HealthServicer()
            self._server = self._make_server()
            self.port = self._listen()
        except BaseException:
            self.ledger.close()
            raise
        self._ending = ExitStack()
        self._ending.callback(self.ledger.close)

    def start(self) -> None:
        """Reads the journal and begins to serve; the start stands in the audit log.

        Raises:
            RonganError: The journal cannot be read; nothing of the hub is left running.
        """
        # What was started is stopped in the opposite order, whatever fails on the way.
        with self._ending.pop_all() as ending:
            self.follower.start()
            ending.callback(self.follower.stop)
            self.committer.start()
            ending.callback(self.committer.stop)
            self._housekeeping.start()
            ending.callback(self._housekeeping.stop)
            offset = self._settings.clock.offset_seconds
            note(self.committer, "hub/start", {"version": __version__, "clock_offset": str(offset)})
            ending.callback(note, self.committer, "hub/stop", {})
            self._refusals.start()
            ending.callback(self._refusals.stop)
            self._server.start()
            self._health.set("", health_pb2.HealthCheckResponse.SERVING)
            self._ending = ending.pop_all()

    def stop(self, grace_seconds: float = STOP_SECONDS) -> None:
        """Refuses new calls, lets those under way finish, commits what is queued, closes."""
        with self._ending.pop_all():
            self._health.enter_graceful_shutdown()
            self._server.stop(grace_seconds).wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _facts(self, key: bytes, epoch_keys: EpochKeys) -> HubFacts:
        with self.ledger.read() as txn:
            hub_id = get_hub_id(txn)
        issuer = load_certificate(self._settings.tls.client_intermediate)
        return HubFacts(
            hub_id=hub_id,
            version=__version__,
            started=self._clock.now(),
            trust_domain=self._settings.trust_domain,
            clock_offset_seconds=self._settings.clock.offset_seconds,
            taxonomy=packaged_taxonomy(),
            cipher=TokenCipher(key, key_id=self._settings.keys.hub_key_id),
            side_keys=SideKeys(key),
            epoch_key=epoch_keys.read,
            client_issuer_der=issuer.public_bytes(Encoding.DER),
            used_bytes=self.ledger.used_bytes,
        )

    def _verify_keys(self, epoch_keys: EpochKeys) -> None:
        """Refuses to serve with other keys than the store's: all would read as not listed."""
        key_id = self._settings.keys.hub_key_id
        with self.ledger.read() as txn:
            known = get_key_check(txn, key_id)
            epoch = self.walk.registries.current(txn).epoch
        if known != self.walk.hub.side_keys.check_value:
            path = self._settings.keys.hub_key
            raise StartRefusedError(f"{path} is not key {key_id} of this store")
        epoch_keys.verify(epoch)

    def _make_server(self) -> grpc.Server:
        threads = self._settings.listen.max_streams + UNARY_THREADS
        server = grpc.server(
            ThreadPoolExecutor(threads, thread_name_prefix="call"),
            handlers=self._gate.handlers(),
            options=SERVER_OPTIONS,
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        return server

    def _listen(self) -> int:
        credentials = server_credentials(self._settings.tls)
        address = self._settings.listen.address
        try:
            return self._server.add_secure_port(address, credentials)
        except RuntimeError:
            raise StartRefusedError(f"cannot listen on {address}; is another hub there?") from None
