"""A hub that was filled by bulk import, is contributed to while it serves, and killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from benchmarks.calls import raw_unary
from benchmarks.enrolment import OPERATORS
from benchmarks.listings import write_packed
from benchmarks.machine import StartError, children, on_all_cores
from benchmarks.rows_contribution import FRAME_ROWS, Batches, rows_per_second
from benchmarks.rows_frames import LARGE, SPARSE, make_frames, tokens_per_second
from benchmarks.rows_unary import CHECK, check_requests
from benchmarks.world import CONTRIBUTORS, World
from rongan_share.columns.freeze import LEAST_ROWS
from rongan_share.processes.column_folder import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FREEZE_SECONDS = 900.0
_LOOK_SECONDS = 0.05
_NEW_FRAMES = LEAST_ROWS // FRAME_ROWS + 10
"""Frames that make the keeper write new columns."""

NEW_ROWS = _NEW_FRAMES * FRAME_ROWS
"""Rows that are contributed besides those that are imported."""


class ImportedWorld(World):
    """A world whose listings came by `rongan-hub import`, in columns of the import's own."""

    import_rows_per_s = 0.0

    def _load(self) -> None:
        packed = self.folder / "packed"
        write_packed(packed, self.population)
        command = [sys.executable, "-m", "rongan_share.cli.main", "--home", str(self.home)]
        command += ["--as", OPERATORS[0], "--json", "import", "--partner", CONTRIBUTORS[1]]
        with on_all_cores():
            done = subprocess.run(
                [*command, str(packed)], capture_output=True, text=True, check=False
            )
        shutil.rmtree(packed)
        if done.returncode:
            raise StartError(done.stderr[-2_000:])
        self.import_rows_per_s = float(json.loads(done.stdout)["rows_per_second"])

    def _freeze(self) -> None:
        """Leaves it to the keeper, while the hub serves."""


def wait_for_new_columns(world: World) -> tuple[float, float]:
    """Contributes until the keeper makes new columns of everything, and asks meanwhile.

    The hub may use every core, for the keeper is one process and the worker another.

    Returns:
        Seconds that it took, and tokens a second that were answered beside it.
    """
    world.hub.stop()
    with on_all_cores():
        world.start()
    measured = _wait_for_columns(world)
    world.hub.stop()
    world.start()
    return measured


def _wait_for_columns(world: World) -> tuple[float, float]:
    folder = world.settings.data_directory / FOLDER
    before = _finished(folder)
    over = threading.Event()
    rates: list[float] = []
    asking = threading.Thread(target=_ask, args=(world, over, rates))
    with world.partners[CONTRIBUTORS[0]].channel(world.target) as channel:
        rows_per_second(channel, Batches(world).columns(_NEW_FRAMES), [])
    asking.start()
    try:
        _wait(lambda: _drafts(folder) or _finished(folder) - before)
        began = time.perf_counter()
        _wait(lambda: _finished(folder) - before)
        seconds = time.perf_counter() - began
    finally:
        over.set()
        asking.join()
    return seconds, statistics.median(rates)


def kill_and_restart(world: World) -> float:
    """Kills every process of the hub; returns seconds from its start to the first verdict."""
    (request,) = check_requests(world, 1)
    pids = [world.hub.process.pid, *children(world.hub.process.pid).values()]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    world.hub.process.wait()
    began = time.perf_counter()
    world.start()
    with world.asker.channel(world.target) as channel:
        raw_unary(channel, CHECK)(request)
    return time.perf_counter() - began


def _ask(world: World, over: threading.Event, rates: list[float]) -> None:
    frames = make_frames(world, LARGE, SPARSE)
    with world.asker.channel(world.target) as channel:
        while not over.is_set() or not rates:
            rates.append(tokens_per_second(channel, frames))


def _finished(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*/*") if path.name.isdecimal()}


def _drafts(folder: Path) -> bool:
    return any(path.name.startswith(".draft-") for path in folder.glob("*/*"))


def _wait(done: Callable[[], object]) -> None:
    end = time.monotonic() + _FREEZE_SECONDS
    while not done():
        if time.monotonic() > end:
            raise StartError("no new columns came")
        time.sleep(_LOOK_SECONDS)
