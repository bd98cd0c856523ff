"""Row of a second worker: what a call costs the hub's processes with two of them, and with one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks.http2_load import Load, UnaryConnection
from benchmarks.machine import cpu_seconds, on_all_cores
from benchmarks.report import Family, Result, ratio
from benchmarks.rows_unary import CHECK, IN_FLIGHT, check_requests

if TYPE_CHECKING:
    from benchmarks.world import World

_NAME = "workers_2_vs_1"
_CALLS = 9_600
_CONNECTIONS = 16
"""Enough of them that the kernel, which deals them out by hash, gives each worker some."""

_RUNS = 3
_LEAST_SHARE = 0.2
_MICROSECONDS = 1e6


def _two_vs_one(world: World) -> list[Result]:
    costs: dict[int, list[float]] = {1: [], 2: []}
    rates: dict[int, list[float]] = {1: [], 2: []}
    least = 1.0
    for _ in range(min(_RUNS, world.scale.runs)):
        for workers in (1, 2):
            world.hub.stop()
            with on_all_cores():
                world.start(workers=workers)
                cost, rate, share = _call_cost(world)
            costs[workers].append(cost)
            rates[workers].append(rate)
            if workers > 1:
                least = min(least, share)
    world.hub.stop()
    world.start()
    spans = ", ".join(f"{n} workers {min(r):.0f} to {max(r):.0f} calls/s" for n, r in rates.items())
    note = f"{spans}; the less busy worker did {least:.0%}"
    result = ratio(_NAME, costs[2], costs[1], peer="one worker", unit=" us a call", note=note)
    if least < _LEAST_SHARE:
        return [Result(name=_NAME, value=None, unit="ratio", note=f"void: {result.note}")]
    return [result]


def _call_cost(world: World) -> tuple[float, float, float]:
    """Returns microseconds a call, calls a second, and the part of the less busy worker."""
    count = world.scale.of(_CALLS) // _CONNECTIONS + 1
    with ExitStack() as stack:
        connections = [
            stack.enter_context(UnaryConnection(world.port, world.tls_context(), CHECK))
            for _ in range(_CONNECTIONS)
        ]
        pool = stack.enter_context(ThreadPoolExecutor(_CONNECTIONS))

        def load(count: int) -> list[Load]:
            runs = [
                pool.submit(
                    connection.run,
                    check_requests(world, count),
                    in_flight=IN_FLIGHT // _CONNECTIONS,
                )
                for connection in connections
            ]
            return [run.result() for run in runs]

        load(IN_FLIGHT)
        pids = world.worker_pids()
        before = [cpu_seconds(pid) for pid in pids]
        loads = load(count)
        used = [cpu_seconds(pid) - start for pid, start in zip(pids, before, strict=True)]
    calls = sum(each.count for each in loads)
    seconds = max(each.seconds for each in loads)
    return sum(used) / calls * _MICROSECONDS, calls / seconds, min(used) / (sum(used) or 1.0)


FAMILIES = (Family((_NAME,), _two_vs_one),)
"""Its row restarts the hub."""
