"""What is measured: a hub on one core, its worker a process of its own, full of seeded listings."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.enrolment import OPERATORS, Identity, enrol
from benchmarks.listings import Population, load_journal
from benchmarks.machine import Server, children, cpu_seconds, start_server
from benchmarks.peers import Redis, Transport, start_redis, start_transport
from rongan_share.ca import Hierarchy
from rongan_share.cli.founding import Plan, found_hub
from rongan_share.clock import Clock, SystemClock, nanoseconds
from rongan_share.columns.freeze import Freezer
from rongan_share.config import Settings, load_settings
from rongan_share.ledger.environment import Ledger
from rongan_share.ledger.hub_keys import HubKeys
from rongan_share.ledger.objects import load_registry
from rongan_share.processes.column_folder import FOLDER, frozen_columns
from rongan_share.wire.days import shanghai_day

if TYPE_CHECKING:
    from contextlib import ExitStack

TRUST_DOMAIN = "bench.test"
CONTRIBUTORS = ("bank-a", "bank-b")
ASKER = "bank-c"
_START_SECONDS = 600.0
_WORKER, _KEEPER = "worker-", "keeper-1"
_FIRST_FRESH, _FRESH_BITS = 1 << 50, 32
"""Numbers of contributed tokens and references: neither loaded nor asked for elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is measured.

    Attributes:
        listing_count: Listings in the hub.
        runs: Runs of each side of a row.
        share: Part of the full length of a run; 1 for figures worth keeping.
    """

    listing_count: int
    runs: int = 5
    share: float = 1.0

    def of(self, count: int) -> int:
        """Returns the length of a run whose full length is given."""
        return max(2, int(count * self.share))


@dataclass
class World:
    """The hub and those who call it.

    Attributes:
        folder: Everything that is written lies below it.
        scale: How much is measured.
        stack: Ends what was started, peers too.
        enrolment: Where the hub enrols; empty for nowhere.
    """

    folder: Path
    scale: Scale
    stack: ExitStack
    clock: Clock = field(default_factory=SystemClock)
    hub: Server = field(init=False)
    port: int = field(init=False)
    enrolment: str = field(init=False)
    _fresh: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.home = self.folder / "hub"
        found_hub(self.home, Plan(trust_domain=TRUST_DOMAIN, address="127.0.0.1:0"), self.clock)
        self.hierarchy = Hierarchy(self.home)
        self.start()
        self.stack.callback(self._stop)
        now = self.clock.now()
        self.partners: dict[str, Identity] = {
            name: enrol(self.hierarchy, self.target, name, now=now)
            for name in (*CONTRIBUTORS, ASKER)
        }
        self.hub.stop()
        self._load()
        self._freeze()
        self.start()

    @property
    def settings(self) -> Settings:
        """The hub's configuration."""
        return load_settings(self.home)

    @property
    def target(self) -> str:
        """Where the hub listens."""
        return f"localhost:{self.port}"

    @cached_property
    def population(self) -> Population:
        """What is listed."""
        return Population(self.scale.listing_count, shanghai_day(self.clock.now()))

    @property
    def asker(self) -> Identity:
        """The partner that asks."""
        return self.partners[ASKER]

    @property
    def operator(self) -> Identity:
        """An operator."""
        return Identity(self.hierarchy.operator(OPERATORS[0]))

    @cached_property
    def peer_roots(self) -> Path:
        """What peers trust for clients: OpenSSL alone wants the whole chain up to the root."""
        path = self.folder / "peer-roots.pem"
        roots = (self.hierarchy.hub.roots, self.hierarchy.hub_roots)
        path.write_bytes(b"".join(root.read_bytes() for root in roots))
        return path

    @cached_property
    def redis(self) -> Redis:
        """Redis beside the hub, with every listed token; started when first wanted.

        Raises:
            PeerMissingError: It is not installed.
        """
        return start_redis(self)

    @cached_property
    def transport(self) -> Transport:
        """The bare transport beside the hub; started when first wanted."""
        return start_transport(self)

    @property
    def frozen_sequence(self) -> int:
        """Up to where the listings are in frozen columns."""
        folder = self.settings.data_directory / FOLDER
        return max(int(path.name) for path in folder.glob("*/*") if path.name.isdecimal())

    def start(self, *, workers: int = 1) -> None:
        """Starts the hub and waits until it serves.

        Raises:
            StartError: It did not come up.
        """
        command = [sys.executable, "-m", "rongan_share.cli.main", "--home", str(self.home)]
        command += ["--json", "serve", "--workers", str(workers)]
        self.hub = start_server(command, self.folder)
        said = json.loads(self.hub.first_line(_START_SECONDS))
        self.port = int(said["serving"].rpartition(":")[2])
        port = said.get("enrolment", "").rpartition(":")[2]
        self.enrolment = f"localhost:{port}" if port else ""

    def refreeze(self) -> None:
        """Puts every listing into frozen columns while the hub is down, and starts it again."""
        self.hub.stop()
        self._freeze()
        self.start()

    def worker_pids(self) -> list[int]:
        """Lists the processes of the hub that answer calls."""
        named = children(self.hub.process.pid).items()
        return [pid for name, pid in named if name.startswith(_WORKER)]

    def cpu_seconds(self) -> float:
        """Returns the processor time of those processes so far."""
        return sum(map(cpu_seconds, self.worker_pids()))

    def keeper_seconds(self) -> float:
        """Returns the processor time of the keeper so far: it works while nobody asks it to."""
        return cpu_seconds(children(self.hub.process.pid)[_KEEPER])

    def fresh_numbers(self) -> int:
        """Returns the first of 4 billion numbers of tokens that nobody had before."""
        self._fresh += 1
        return _FIRST_FRESH + (self._fresh << _FRESH_BITS)

    def tls_context(self) -> ssl.SSLContext:
        """Makes the asker's side of mutual TLS 1.3 for clients that are not gRPC."""
        files = self.asker.files
        context = ssl.create_default_context(cafile=str(files.roots))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(files.certificate, files.key)
        return context

    def _stop(self) -> None:
        self.hub.stop()

    def _freeze(self) -> None:
        """Makes columns as the keeper would, sooner or later."""
        settings = self.settings
        with Ledger(settings.data_directory) as ledger:
            Freezer(ledger, frozen_columns(settings, ledger), self.clock).freeze(threading.Event())

    def _load(self) -> None:
        settings = self.settings
        with Ledger(settings.data_directory) as ledger:
            with ledger.read() as txn:
                registry = load_registry(txn)
            partners = registry.partners
            load_journal(
                ledger,
                self.population,
                HubKeys.of(settings, ledger).cipher(registry.hub_key.key_id),
                contributors=[partners[name].number for name in CONTRIBUTORS],
                time_ns=nanoseconds(self.clock.now()),
            )
