"""Row of streams: what the worker holds for as many partners as are planned to be connected."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.machine import StartError, memory_bytes
from benchmarks.many_partners import add_partners
from benchmarks.report import Family, Result, median_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.world import World

_NAME = "streams_1478_rss_mb"
PARTNERS, ACTIVE = 1_478, 200
_BUSY_SECONDS = 15.0
_MEGABYTE = 1e6


def _streams(world: World) -> list[Result]:
    partners = add_partners(world, world.scale.of(PARTNERS))
    (pid,) = world.worker_pids()
    before, _ = memory_bytes(pid)
    added, told = [], []
    for facts in _hold(world, partners):
        if facts["failures"]:
            raise StartError(f"{facts['failures']} streams failed")
        own, _ = memory_bytes(pid)
        added.append((own - before) / _MEGABYTE)
        told.append(facts)
    connect, _, busy, every = told
    note = (
        f"connections {added[0]:.0f} MB, and streams {added[1]:.0f}, and {ACTIVE} busy"
        f" {added[2]:.0f}, and a frame on every one {added[3]:.0f}; all connected at once in"
        f" {connect['seconds']:.1f} s, {connect['retries']} tried again;"
        f" {busy['frames'] / busy['seconds']:.0f} frames/s, slowest {busy['slowest_answer']:.2f} s;"
        f" every one answered in {every['seconds']:.1f} s; 0 failures"
    )
    # Streams that rest hold less than those on which a frame has been answered once.
    return [median_of(_NAME, [max(added[:3])], unit="MB", note=note)]


def _hold(world: World, partners: object) -> Iterator[dict[str, float]]:
    """Runs the partners' process; yields what each step told while its streams stand."""
    busy = world.scale.share * _BUSY_SECONDS
    words = (world.target, partners, world.asker.files.roots, world.scale.of(ACTIVE), busy)
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stream_holders", *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            for _ in range(4):
                print(file=process.stdin, flush=True)
                line = process.stdout.readline() if process.stdout else ""
                if not line:
                    raise StartError("the partners' process ended")
                yield json.loads(line)
        finally:
            process.kill()


FAMILIES = (Family((_NAME,), _streams),)
"""Its row restarts the hub."""
