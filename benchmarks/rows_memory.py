"""Rows of room: what a worker holds in memory, what a listing takes on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.machine import memory_bytes
from benchmarks.report import Family, Result, median_of
from benchmarks.rows_frames import LARGE, LISTED, SPARSE, make_frames, tokens_per_second
from rongan_share.processes.column_folder import FOLDER

if TYPE_CHECKING:
    from benchmarks.world import World

_MEGABYTE = 1e6


def _memory(world: World) -> list[Result]:
    with world.asker.channel(world.target) as channel:
        for share in (SPARSE, LISTED):
            tokens_per_second(channel, make_frames(world, LARGE, share))
        (pid,) = world.worker_pids()
        own, mapped = memory_bytes(pid)
    note = f"after two streams of frames; {mapped / _MEGABYTE:.0f} MB of mapped files beside it"
    return [median_of("worker_memory_mb", [own / _MEGABYTE], unit="MB", note=note)]


def _disk(world: World) -> list[Result]:
    both, store = disk_bytes(world)
    note = f"journal and log {store:.1f}, columns {both - store:.1f}"
    return [median_of("disk_bytes_per_listing", [both], unit="bytes", note=note)]


def disk_bytes(world: World) -> tuple[float, float]:
    """Returns the bytes on disk for each loaded listing: all, and without the columns."""
    folder = world.settings.data_directory
    columns = sum(path.stat().st_size for path in (folder / FOLDER).rglob("*") if path.is_file())
    # The file of the store is sparse at its end, so blocks are counted.
    store = sum(path.stat().st_blocks * 512 for path in folder.iterdir() if path.is_file())
    count = world.scale.listing_count
    return (columns + store) / count, store / count


FAMILIES = (
    Family(("disk_bytes_per_listing",), _disk),
    Family(("worker_memory_mb",), _memory),
)
