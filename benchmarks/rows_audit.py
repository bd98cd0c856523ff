"""Rows of what the log costs: the hub beside a copy of it that neither enters nor discloses."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.http2_load import UnaryConnection
from benchmarks.machine import start_server
from benchmarks.report import Family, Result, interleave, ratio
from benchmarks.rows_frames import LARGE, LISTED, SPARSE, make_frames, tokens_per_second
from benchmarks.rows_unary import CHECK, IN_FLIGHT, check_requests
from rongan_share.ledger.entries import get_frontier
from rongan_share.ledger.environment import Ledger
from rongan_share.processes.column_folder import FOLDER

if TYPE_CHECKING:
    from benchmarks.machine import Server
    from benchmarks.world import World

_WORSE, _LISTED_ROW = "audit_on_vs_off", "audit_on_vs_off_listed"
_CALLS = 8_000
_START_SECONDS = 120.0
_PEER = "the same without entries and disclosure"


class AuditPresentError(Exception):
    """The hub that should enter nothing entered something."""


def _audit(world: World) -> list[Result]:
    home = _copy_hub(world)
    size = _log_size(world, home)
    server, port = _start(world, home)
    listed = _frames(world, port, LISTED, name=_LISTED_ROW)
    others = [_frames(world, port, SPARSE, name="frames"), _unary(world, port)]
    server.stop()
    if _log_size(world, home) != size:
        raise AuditPresentError("the hub without a log has entered something")
    shutil.rmtree(home)
    worse = min(others, key=lambda row: row.value or 0.0)
    notes = "; ".join(f"{row.name} {row.value:.3f} ({row.note})" for row in others)
    return [replace(worse, name=_WORSE, note=notes), listed]


def _copy_hub(world: World) -> Path:
    """Copies the hub, so that both can run at once; columns are read only and need no copy."""
    home = world.folder / "unaudited"

    def copy(source: str, target: str) -> None:
        columns = FOLDER in Path(source).parts[-4:-2]
        (os.link if columns else shutil.copy2)(source, target)

    world.hub.stop()
    shutil.copytree(world.home, home, copy_function=copy)
    world.start()
    return home


def _start(world: World, home: Path) -> tuple[Server, int]:
    command = [sys.executable, "-m", "benchmarks.unaudited_hub", str(home)]
    server = start_server(command, world.folder)
    world.stack.callback(server.stop)
    return server, int(server.first_line(_START_SECONDS))


def _frames(world: World, port: int, share: float, *, name: str) -> Result:
    frames = make_frames(world, LARGE, share)
    with (
        world.asker.channel(world.target) as audited,
        world.asker.channel(f"localhost:{port}") as bare,
    ):
        for channel in (audited, bare):
            tokens_per_second(channel, frames)
        on, off = interleave(
            world.scale.runs,
            partial(tokens_per_second, audited, frames),
            partial(tokens_per_second, bare, frames),
        )
    return ratio(name, on, off, peer=_PEER)


def _unary(world: World, port: int) -> Result:
    count = world.scale.of(_CALLS)
    with (
        UnaryConnection(world.port, world.tls_context(), CHECK) as audited,
        UnaryConnection(port, world.tls_context(), CHECK) as bare,
    ):
        for connection in (audited, bare):
            connection.run(check_requests(world, IN_FLIGHT), in_flight=IN_FLIGHT)
        on, off = interleave(
            world.scale.runs,
            lambda: audited.run(check_requests(world, count), in_flight=IN_FLIGHT).rate,
            lambda: bare.run(check_requests(world, count), in_flight=IN_FLIGHT).rate,
        )
    return ratio("unary calls", on, off, peer=_PEER)


def _log_size(world: World, home: Path) -> int:
    """Returns how many entries the store of a hub that is down holds."""
    data = home / world.settings.data_directory.relative_to(world.home)
    with Ledger(data, writable=False) as ledger, ledger.read() as txn:
        return get_frontier(txn).size


FAMILIES = (Family((_WORSE, _LISTED_ROW), _audit),)
