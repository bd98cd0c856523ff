"""A worker: puts the walk together over an open ledger, listens, answers, drains."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health, health_pb2

from rongan_share import __version__
from rongan_share.columns import kernel
from rongan_share.columns.followers import Followers
from rongan_share.columns.following import FollowNote, all_follow
from rongan_share.columns.freeze import bring_near
from rongan_share.columns.warm_up import warm_up
from rongan_share.errors import StartRefusedError
from rongan_share.gate.admission import Admission, Limits
from rongan_share.gate.handlers import Gate
from rongan_share.gate.health import health_handlers
from rongan_share.gate.refusals import RefusalBook
from rongan_share.gate.registries import Registries
from rongan_share.gate.sweeper import Sweeper
from rongan_share.gate.table import route_table
from rongan_share.gate.walk import Walk
from rongan_share.ledger.committer import Committer
from rongan_share.ledger.counters import get_hub_id
from rongan_share.ledger.hub_keys import HubKeys
from rongan_share.ledger.objects import load_registry
from rongan_share.processes.column_folder import ColumnSets
from rongan_share.processes.enrolment_listener import EnrolmentListener
from rongan_share.processes.epoch_keys import EpochKeys
from rongan_share.processes.issuers import Issuers
from rongan_share.processes.listener import ListenerCredentials, ListenerFiles
from rongan_share.processes.signing import SignerClient
from rongan_share.processes.trust_files import revocation_lists, trust_bundle
from rongan_share.services.hub import HubFacts
from rongan_share.wire.taxonomy import packaged_taxonomy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rongan_share.clock import Clock
    from rongan_share.config import Settings
    from rongan_share.gate.routes import Route
    from rongan_share.ledger.environment import Ledger

UNARY_THREADS = 256
"""Threads beyond one for each admitted stream."""

SERVER_OPTIONS = (
    ("grpc.http2.bdp_probe", 0),
    ("grpc.server_handshake_timeout_ms", 5_000),
    ("grpc.max_connection_idle_ms", 300_000),
    ("grpc.http.overload_protection", 0),
    ("grpc.server.max_pending_requests", 10_000),
)
"""Server options of gRPC.

A slow reader pins 128 KiB, not megabytes; half-open and idle connections end; calls above the pool
queue instead of failing. Messages stay at gRPC's 4 MiB.
"""

_log = logging.getLogger(__name__)


class Worker:
    """Everything of a hub that answers calls, in one process.

    Its life: `prepare`, `listen`, `serve`, `drain`, `close`.

    Args:
        settings: The hub's configuration.
        ledger: The open store; whoever opened it closes it.
        clock: Tells the time.
        table: The route table; the whole one by default.
        started: When the hub began.
        shares_port: Whether other workers of the hub listen on the same port. If not, a second
            hub there is refused.

    Attributes:
        port: Where it listens; 0 until then.
        enrolment_port: Where its enrolment listener does; 0 until then, or if it has none.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        *,
        clock: Clock,
        started: datetime,
        table: Mapping[str, Route] | None = None,
        shares_port: bool = False,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._tls = ListenerCredentials(ListenerFiles.of_main(settings.tls))
        data = settings.data_directory
        hub_keys = HubKeys.of(settings, ledger)
        epoch_keys = EpochKeys(settings.keys.epoch_keys, data_directory=data)
        _verify_keys(ledger, hub_keys, epoch_keys)
        self._sets = ColumnSets(settings, ledger, hub_keys)
        self._clock = clock
        self._following = FollowNote(data)
        self.followers = Followers(ledger, self._sets.of, self._following.say)
        self.committer = Committer(ledger, clock, self.followers.announce)
        self._refusals = RefusalBook(self.committer, clock)
        self.walk = Walk(
            ledger=ledger,
            followers=self.followers,
            committer=self.committer,
            clock=clock,
            hub=self._facts(hub_keys, epoch_keys=epoch_keys, started=started),
            registries=Registries(lambda registry: hub_keys.forget_unused(registry.hub_key)),
        )
        make_gate = partial(
            Gate,
            self.walk,
            self._refusals,
            route_table() if table is None else table,
            admission=self._admission(),
        )
        gate = make_gate()
        self._streams = gate.streams
        self._sweeper = Sweeper(ledger, self.walk.registries, clock, streams=gate.streams)
        self._health = health.HealthServicer()
        self._server = self._make_server(gate, shares_port=shares_port)
        self._enrolment = EnrolmentListener(
            settings, lambda door: make_gate(door=door), shares_port=shares_port
        )
        self.port = self.enrolment_port = 0
        self._ending = ExitStack()

    def prepare(self) -> None:
        """Reads the journal and begins to commit; no call is answered yet.

        Raises:
            RonganError: The journal cannot be read.
        """
        if not kernel.COMPILED:
            _log.warning("look-ups are not compiled")
        warm_up()
        # What was started is stopped in the opposite order, whatever fails on the way.
        with self._ending.pop_all() as ending:
            for target in self._sets.targets():
                bring_near(self._ledger, self._sets.of(target), self._clock)
            ending.callback(self._following.close)
            self.followers.start()
            ending.callback(self.followers.stop)
            self.committer.start()
            ending.callback(self.committer.stop)
            self._ending = ending.pop_all()

    def listen(self) -> None:
        """Takes connections, for `serve` to answer: before it is prepared they would only wait.

        Raises:
            StartRefusedError: Somebody else is there.
        """
        address = self._settings.listen.address
        try:
            self.port = self._server.add_secure_port(address, self._tls.for_server())
        except RuntimeError:
            raise StartRefusedError(f"cannot listen on {address}; is another hub there?") from None
        self.enrolment_port = self._enrolment.listen()

    def serve(self) -> None:
        """Answers calls from now on."""
        self._refusals.start()
        self._sweeper.start()
        self._server.start()
        self._enrolment.serve()
        self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    def drain(self, grace_seconds: float) -> None:
        """Refuses new calls, lets those under way finish, enters the refusals that are counted."""
        self._health.enter_graceful_shutdown()
        stopped = self._server.stop(grace_seconds)
        self._streams.end()
        self._enrolment.drain(grace_seconds)
        stopped.wait()
        self._sweeper.stop()
        self._refusals.stop()

    def close(self) -> None:
        """Commits what is queued and ends what `prepare` began."""
        self._ending.close()

    def _facts(self, hub_keys: HubKeys, *, epoch_keys: EpochKeys, started: datetime) -> HubFacts:
        with self._ledger.read() as txn:
            hub_id, key_id = get_hub_id(txn), load_registry(txn).hub_key.key_id
        signer = self._settings.signer
        return HubFacts(
            hub_id=hub_id,
            version=__version__,
            started=started,
            trust_domain=self._settings.trust_domain,
            clock_offset_seconds=self._settings.clock.offset_seconds,
            taxonomy=packaged_taxonomy(),
            hub_keys=hub_keys,
            side_keys=hub_keys.side_keys(key_id),
            epoch_key=epoch_keys.read,
            issuers=Issuers(self._settings).of,
            sign=SignerClient(signer.socket).sign,
            used_bytes=self._ledger.used_bytes,
            all_follow=partial(all_follow, self._settings.data_directory),
            tls=self._tls.refresh,
            trust_bundle=trust_bundle(self._settings),
            revocation_lists=revocation_lists(self._settings),
        )

    def _make_server(self, gate: Gate, *, shares_port: bool) -> grpc.Server:
        threads = self._settings.listen.max_streams + UNARY_THREADS
        probes = health_handlers(self._health, gate.admission, gate.claim)
        return grpc.server(
            ThreadPoolExecutor(threads, thread_name_prefix="call"),
            handlers=[*gate.handlers(), probes],
            options=(*SERVER_OPTIONS, ("grpc.so_reuseport", int(shares_port))),
        )

    def _admission(self) -> Admission:
        listen = self._settings.listen
        return Admission(
            Limits(
                calls=listen.calls_per_caller,
                streams=listen.streams_per_caller,
                bytes=listen.bytes_per_caller,
            )
        )


def _verify_keys(ledger: Ledger, hub_keys: HubKeys, epoch_keys: EpochKeys) -> None:
    """Refuses to serve with other keys than the store's: all would read as not listed."""
    with ledger.read() as txn:
        registry = load_registry(txn)
    hub_keys.verify(registry.hub_key)
    epoch_keys.verify(registry.epoch)
    if registry.opening is not None:
        epoch_keys.verify(registry.opening)
