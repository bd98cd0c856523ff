"""``python -m benchmarks.large``: what a hub costs as its list grows, up to a hundred million.

For each size a hub of its own is made, filled by `rongan-hub import`, asked, contributed to until
its keeper makes new columns, killed and started again. Prints a table and JSON lines, the rows with
a floor for the largest size; ``--plots DIR`` draws the curves.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.large_world import NEW_ROWS, ImportedWorld, kill_and_restart, wait_for_new_columns
from benchmarks.machine import load_average, memory_bytes, pin_client
from benchmarks.report import Result, json_line, short, table
from benchmarks.rows_frames import LARGE, LISTED, SPARSE, make_frames, tokens_per_second
from benchmarks.rows_memory import disk_bytes
from benchmarks.size_curves import Point, write_curves
from benchmarks.world import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.world import World

ROWS = (
    "rate_100m_vs_1m",
    "import_100m_rows_per_s",
    "freeze_100m_s",
    "restart_100m_s",
    "disk_bytes_per_listing",
    "worker_rss_100m_mb",
)
"""The rows that it measures."""

SIZES = (1_000_000, 10_000_000, 100_000_000)
_RUNS = 5
_STARTS = 3
_MILLION = 1e6
_MEGABYTE = 1e6


def measure_size(listing_count: int, *, share: float) -> Point:
    """Makes a hub of a size and measures all that depends on it."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rongan-large-"))
        scale = Scale(listing_count=listing_count, runs=_RUNS, share=share)
        world = ImportedWorld(Path(folder), scale, stack)
        _say(f"{listing_count:,} listings: imported, load average {load_average()}")
        freeze_seconds, beside = wait_for_new_columns(world)
        _say(f"{listing_count:,} listings: new columns after {freeze_seconds:.1f} s")
        # Before anything is asked that leaves disclosures behind.
        disk, journal = disk_bytes(world)
        imported = listing_count / (listing_count + NEW_ROWS)
        sparse = _rate(world, SPARSE)
        listed = _rate(world, LISTED)
        (pid,) = world.worker_pids()
        own, mapped = memory_bytes(pid)
        restarts = sorted(kill_and_restart(world) for _ in range(_STARTS))
        return Point(
            listings=listing_count,
            import_rows_per_s=world.import_rows_per_s,
            freeze_s=freeze_seconds,
            sparse_per_s=sparse,
            sparse_beside_freeze_per_s=beside,
            listed_per_s=listed,
            worker_rss_mb=own / _MEGABYTE,
            mapped_mb=mapped / _MEGABYTE,
            disk_bytes_per_listing=disk * imported,
            journal_bytes_per_listing=journal * imported,
            restart_s=restarts[len(restarts) // 2],
        )


def rows_of(points: Sequence[Point]) -> list[Result]:
    """Makes the rows that have a floor: of the largest size, and against the smallest."""
    small, large = points[0], points[-1]
    note = f"{large.listings:,} listings"
    return [
        Result(
            name="rate_100m_vs_1m",
            value=large.sparse_per_s / small.sparse_per_s,
            unit="ratio",
            peer=f"{small.listings:,} listings",
            peer_value=small.sparse_per_s,
            runs=_RUNS,
            note=f"{note}: {short(large.sparse_per_s)} tokens/s",
        ),
        _row("import_100m_rows_per_s", large.import_rows_per_s, "rows/s", note=note),
        _row(
            "freeze_100m_s",
            large.freeze_s,
            "s",
            note=f"{note}; {short(large.sparse_beside_freeze_per_s)} tokens/s meanwhile",
        ),
        _row("restart_100m_s", large.restart_s, "s", note=f"{note}; median of {_STARTS}"),
        _row("disk_bytes_per_listing", large.disk_bytes_per_listing, "bytes", note=note),
        _row("worker_rss_100m_mb", large.worker_rss_mb, "MB", note=note),
    ]


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="listings, ascending")
    parser.add_argument("--share", type=float, default=1.0, help="part of each run's full length")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draws the curves there")
    arguments = parser.parse_args()
    if not pin_client():
        _say("cores 0 and 1 are not both here: client and servers share, figures are too low")
    points = []
    for size in map(int, arguments.sizes.split(",")):
        points.append(measure_size(size, share=arguments.share))
        print(json.dumps({"name": "size", **points[-1].rounded()}), flush=True)
    results = rows_of(points)
    print(table(results))
    for result in results:
        print(json_line(result))
    if arguments.plots is not None:
        write_curves(arguments.plots, points)


def _rate(world: World, share: float) -> float:
    frames = make_frames(world, LARGE, share)
    with world.asker.channel(world.target) as channel:
        tokens_per_second(channel, frames)
        rates = sorted(tokens_per_second(channel, frames) for _ in range(_RUNS))
    return rates[len(rates) // 2]


def _row(name: str, value: float, unit: str, *, note: str) -> Result:
    return Result(name=name, value=value, unit=unit, runs=1, note=note)


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
