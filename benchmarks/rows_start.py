"""Rows of the hub's own time: from a start to the first verdict, and re-deriving the audit log."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.calls import raw_unary
from benchmarks.report import Family, Result
from benchmarks.rows_unary import CHECK, check_requests
from rongan_share.audit.verify import verify_log
from rongan_share.ledger.environment import Ledger

if TYPE_CHECKING:
    from benchmarks.world import World

_RESTARTS = 2
_ENTRIES = 4_000
_READINGS = 2
"""The log of a whole benchmark is long, and a run of this row reads all of it."""


class LogBrokenError(Exception):
    """The log that the benchmark made does not verify."""


def _start_seconds(world: World) -> list[Result]:
    seconds: list[float] = []
    for _ in range(min(_RESTARTS, world.scale.runs)):
        world.hub.stop()
        (request,) = check_requests(world, 1)
        began = time.perf_counter()
        world.start()
        with world.asker.channel(world.target) as channel:
            raw_unary(channel, CHECK)(request)
        seconds.append(time.perf_counter() - began)
    note = f"{world.scale.listing_count:,} listings"
    value = statistics.median(seconds)
    return [Result(name="start_seconds", value=value, unit="s", runs=len(seconds), note=note)]


def _audit_rate(world: World) -> list[Result]:
    _make_entries(world)
    rates: list[float] = []
    size = 0
    for _ in range(min(_READINGS, world.scale.runs)):
        with Ledger(world.settings.data_directory, writable=False) as ledger:
            began = time.perf_counter()
            report = verify_log(ledger, on_progress=lambda _done, _size: None)
            rates.append(report.size / (time.perf_counter() - began))
        if report.fault is not None:
            raise LogBrokenError(f"entry {report.fault.index}: {report.fault.rule}")
        size = report.size
    return [
        Result(
            name="audit_verify_entries_per_s",
            value=statistics.median(rates),
            unit="entries/s",
            runs=len(rates),
            note=f"{size:,} entries, on the client's core, the hub idle",
        )
    ]


def _make_entries(world: World) -> None:
    """Asks one question after the other, so that there is a log even if this row runs alone."""
    with world.asker.channel(world.target) as channel:
        call = raw_unary(channel, CHECK)
        for request in check_requests(world, world.scale.of(_ENTRIES)):
            call(request)


FAMILIES = (
    Family(("start_seconds",), _start_seconds),
    Family(("audit_verify_entries_per_s",), _audit_rate),
)
