"""PostgreSQL as a peer: COPY of the same rows over mutual TLS, one durable commit a frame.

Speaks the little of its protocol that COPY needs, so that the client costs next to nothing.
Source: PostgreSQL 15 documentation, frontend/backend protocol and COPY's binary format.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.machine import Server, StartError, start_server
from benchmarks.peers import PeerMissingError, free_port
from rongan_share.ledger.journal import COLUMN_DTYPES

if TYPE_CHECKING:
    from benchmarks.world import World

_USER = "bench"
_ACCOUNT = "postgres"
"""Who runs it where we are root, which it refuses to be."""

_START_SECONDS = 30.0
_SSL_REQUEST = struct.pack(">II", 8, 80_877_103)
_VERSION = 196_608
_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = struct.pack(">h", -1)
_TABLE = """
CREATE TABLE listing (
    contributor int NOT NULL, reference bytea NOT NULL, type smallint NOT NULL,
    token bytea NOT NULL, flags smallint NOT NULL, category smallint NOT NULL,
    severity smallint NOT NULL, evidence smallint NOT NULL, source_class smallint NOT NULL,
    original_source bigint NOT NULL, legal_basis smallint NOT NULL, event_day smallint NOT NULL,
    expiry_day smallint NOT NULL,
    PRIMARY KEY (contributor, reference, category, token)
);
CREATE INDEX listing_token ON listing (token)
"""
_COLUMNS = (
    "contributor",
    "reference",
    "type",
    "token",
    "flags",
    "category",
    "severity",
    "evidence",
    "source_class",
    "original_source",
    "legal_basis",
    "event_day",
    "expiry_day",
)
_WIRE = {"contributor": ">i4", "reference": "S16", "token": "S16", "original_source": ">i8"}
_ROW = np.dtype(
    [
        ("count", ">i2"),
        *(
            part
            for name in _COLUMNS
            for part in ((f"{name}_length", ">i4"), (name, _WIRE.get(name, ">i2")))
        ),
    ]
)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A connection to a PostgreSQL on the server's core, its table empty and indexed."""

    connection: ssl.SSLSocket

    def rows_per_second(self, copies: list[bytes], row_count: int) -> float:
        """Copies batches, each with a durable commit of its own; returns rows a second."""
        began = time.perf_counter()
        for copy in copies:
            self.connection.sendall(_query("COPY listing FROM STDIN (FORMAT binary)"))
            self._until(b"G")
            self.connection.sendall(_message(b"d", copy) + _message(b"c", b""))
            self._until(b"Z")
        return row_count / (time.perf_counter() - began)

    def execute(self, statements: str) -> None:
        """Runs statements that return nothing."""
        self.connection.sendall(_query(statements))
        self._until(b"Z")

    def _until(self, wanted: bytes) -> None:
        for kind, payload in _messages(self.connection):
            if kind == b"E":
                raise StartError(f"PostgreSQL refused: {payload!r}")
            if kind == wanted:
                return


def encode_copy(columns: dict[str, bytes], contributor: int) -> bytes:
    """Encodes a frame of rows in COPY's binary format."""
    rows = np.zeros(len(columns["operation"]), _ROW)
    rows["count"] = len(_COLUMNS)
    rows["contributor"] = contributor
    for name in _COLUMNS:
        rows[f"{name}_length"] = _ROW[name].itemsize
        if name in columns:
            rows[name] = np.frombuffer(columns[name], COLUMN_DTYPES[name])
    return _COPY_HEAD + rows.tobytes() + _COPY_END


def start_postgres(world: World) -> Postgres:
    """Starts PostgreSQL with the hub's certificates.

    Raises:
        PeerMissingError: It is not installed, or there is no account that could run it.
    """
    programs = _programs()
    account = _account()
    home = Path(tempfile.mkdtemp(prefix="rongan-bench-postgres-"))
    world.stack.callback(shutil.rmtree, home, ignore_errors=True)
    for name, path in _credentials(world).items():
        target = home / name
        target.write_bytes(path.read_bytes())
        target.chmod(0o600)
    if account is not None:
        for path in (home, *home.iterdir()):
            shutil.chown(path, account)
    store = home / "store"
    _make_cluster(programs, store, account)
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(home),
        "port": str(port),
        "ssl": "on",
        "ssl_min_protocol_version": "TLSv1.3",
        "ssl_cert_file": str(home / "hub.crt"),
        "ssl_key_file": str(home / "hub.key"),
        "ssl_ca_file": str(home / "roots.pem"),
        "shared_buffers": "512MB",
        "max_wal_size": "4GB",
    }
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    server = start_server(
        [str(programs / "postgres"), "-D", str(store), *words], world.folder, user=account
    )
    world.stack.callback(server.stop)
    postgres = Postgres(_connect(server, port, world.tls_context()))
    world.stack.callback(postgres.connection.close)
    postgres.execute(_TABLE)
    return postgres


def _make_cluster(programs: Path, store: Path, account: str | None) -> None:
    """Makes an empty cluster that lets in whoever shows a good certificate."""
    command = [str(programs / "initdb"), "-D", str(store), "-U", _USER, "-A", "trust"]
    command += ["-E", "UTF8", "--locale", "C", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True, user=account, cwd=store.parent)
    (store / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust clientcert=verify-ca\n")


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    program = shutil.which("postgres") or (found[-1] if found else None)
    if program is None:
        raise PeerMissingError("PostgreSQL is not installed")
    return Path(program).resolve().parent


def _account() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_ACCOUNT).pw_name
    except KeyError:
        raise PeerMissingError("PostgreSQL does not run as root, and has no account") from None


def _credentials(world: World) -> dict[str, Path]:
    files = world.hierarchy.hub
    return {"hub.crt": files.certificate, "hub.key": files.key, "roots.pem": world.peer_roots}


def _connect(server: Server, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    end = time.monotonic() + _START_SECONDS
    while server.process.poll() is None and time.monotonic() < end:
        connection = _try_connect(port, context)
        if connection is not None:
            return connection
        time.sleep(0.05)
    raise StartError(server.complaint())


def _try_connect(port: int, context: ssl.SSLContext) -> ssl.SSLSocket | None:
    """Connects, or returns None while the server is not ready yet."""
    try:
        plain = socket.create_connection(("127.0.0.1", port))
    except OSError:
        return None
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.sendall(_SSL_REQUEST)
    if plain.recv(1) != b"S":
        plain.close()
        return None
    connection = context.wrap_socket(plain, server_hostname="localhost")
    names = b"user\0%b\0database\0postgres\0\0" % _USER.encode()
    connection.sendall(struct.pack(">II", len(names) + 8, _VERSION) + names)
    for kind, _ in _messages(connection):
        if kind == b"Z":
            return connection
        if kind == b"E":
            break
    connection.close()
    return None


def _messages(connection: ssl.SSLSocket) -> Iterator[tuple[bytes, bytes]]:
    while True:
        head = _exactly(connection, 5)
        yield head[:1], _exactly(connection, int.from_bytes(head[1:], "big") - 4)


def _exactly(connection: ssl.SSLSocket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        part = connection.recv(length - len(received))
        if not part:
            raise StartError("PostgreSQL closed the connection")
        received += part
    return received


def _query(statements: str) -> bytes:
    return _message(b"Q", statements.encode() + b"\0")


def _message(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack(">I", len(payload) + 4) + payload
