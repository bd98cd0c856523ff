"""The row of bulk import: packed columns, tokens given, until all are durable listings."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.enrolment import OPERATORS, enrol
from benchmarks.listings import Population, write_packed
from benchmarks.machine import StartError, on_all_cores, start_server
from benchmarks.report import Family, Result
from rongan_share.ca import Hierarchy
from rongan_share.cli.founding import Plan, found_hub

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.world import World

_NAME = "import_rows_per_s"
_PARTNER = "bank-a"
_TRUST_DOMAIN = "import.test"
_ROWS = 5_000_000
_RUNS = 3
_PROGRAM = (sys.executable, "-m", "rongan_share.cli.main")
_START_SECONDS = 60.0


def _measure(world: World) -> list[Result]:
    folder = world.folder / "import"
    folder.mkdir()
    rows = world.scale.of(_ROWS)
    write_packed(folder / "packed", Population(rows, world.population.day))
    _make_hub(world, folder / "template")
    with on_all_cores():
        rates = [_rate(folder, rows) for _ in range(min(world.scale.runs, _RUNS))]
    shutil.rmtree(folder)
    note = (
        f"{rows:,} rows as packed columns into an empty hub that does not serve, columns and commit"
        f" included; {min(rates) / 1e6:.2f} to {max(rates) / 1e6:.2f} M"
    )
    value = statistics.median(rates)
    return [Result(name=_NAME, value=value, unit="rows/s", runs=len(rates), note=note)]


def _make_hub(world: World, home: Path) -> None:
    """Makes a hub with a partner, and stops it."""
    found_hub(home, Plan(trust_domain=_TRUST_DOMAIN, address="127.0.0.1:0"), world.clock)
    server = start_server([*_PROGRAM, "--home", str(home), "--json", "serve"], home.parent)
    try:
        port = json.loads(server.first_line(_START_SECONDS))["serving"].rpartition(":")[2]
        enrol(Hierarchy(home), f"localhost:{port}", _PARTNER, now=world.clock.now())
    finally:
        server.stop()


def _rate(folder: Path, rows: int) -> float:
    """Imports into a copy of the hub; returns rows a second as the command tells them."""
    home = folder / "hub"
    shutil.copytree(folder / "template", home)
    command = [*_PROGRAM, "--home", str(home), "--as", OPERATORS[0], "--json", "import"]
    command += ["--partner", _PARTNER, str(folder / "packed")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartError(done.stderr[-2_000:])
    told = json.loads(done.stdout)
    if told["added"] != rows:
        raise StartError(f"{told['added']} of {rows} rows were imported")
    shutil.rmtree(home)
    return float(told["rows_per_second"])


FAMILIES = (Family((_NAME,), _measure),)
