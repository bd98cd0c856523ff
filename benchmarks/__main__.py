"""``python -m benchmarks [NAME ...]``: measures, prints a table and JSON lines."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import (
    rows_audit,
    rows_coalesced,
    rows_contribution,
    rows_drill,
    rows_enrolment,
    rows_frames,
    rows_identity,
    rows_import,
    rows_memory,
    rows_others,
    rows_start,
    rows_streams,
    rows_tokens,
    rows_unary,
    rows_workers,
    rows_writes,
)
from benchmarks.aims import AIMED_LISTINGS
from benchmarks.machine import load_average, pin_client
from benchmarks.peers import PeerMissingError
from benchmarks.plots import write_chart
from benchmarks.report import Family, Result, json_line, table
from benchmarks.world import Scale, World

FAMILIES: tuple[Family, ...] = (
    *rows_memory.FAMILIES,
    *rows_frames.FAMILIES,
    *rows_unary.FAMILIES,
    *rows_audit.FAMILIES,
    *rows_start.FAMILIES,
    *rows_workers.FAMILIES,
    *rows_streams.FAMILIES,
    *rows_tokens.FAMILIES,
    *rows_others.FAMILIES,
    *rows_coalesced.FAMILIES,
    *rows_import.FAMILIES,
    *rows_identity.FAMILIES,
    *rows_enrolment.FAMILIES,
    *rows_writes.FAMILIES,
    *rows_contribution.FAMILIES,
    *rows_drill.FAMILIES,
)
"""All rows, in the order they are measured: those that change the hub come last."""

_RUNS = 5
_USAGE = 2


def measure(names: Sequence[str], scale: Scale) -> list[Result]:
    """Builds a world and measures the rows named, all of them if none is."""
    families = [each for each in FAMILIES if not names or set(names) & set(each.names)]
    results: list[Result] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rongan-bench-"))
        began = time.perf_counter()
        world = World(Path(folder), scale, stack)
        loading = time.perf_counter() - began
        _say(f"a hub with {scale.listing_count:,} listings: {loading:.0f} s")
        for family in families:
            began, before = time.perf_counter(), load_average()
            results += [each for each in _measure(family, world) if not names or each.name in names]
            seconds = time.perf_counter() - began
            _say(f"{', '.join(family.names)}: {seconds:.0f} s; load average before {before}")
    return results


def main() -> None:
    """Reads the command line and measures."""
    known = [name for family in FAMILIES for name in family.names]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="rows, separated by spaces or commas; none = all")
    parser.add_argument("--listings", type=int, default=AIMED_LISTINGS, help="in the hub")
    parser.add_argument("--runs", type=int, default=_RUNS, help="runs of each side of a row")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draws a chart there")
    parser.add_argument("--quick", action="store_true", help="short runs: a try, not a measurement")
    arguments = parser.parse_args()
    names = [name for word in arguments.names for name in word.split(",") if name]
    if set(names) - set(known):
        _say(f"no such row: {', '.join(sorted(set(names) - set(known)))}; there are:")
        _say("\n".join(known))
        sys.exit(_USAGE)
    if not pin_client():
        _say("cores 0 and 1 are not both here: client and servers share, figures are too low")
    results = measure(names, _scale(arguments))
    print(table(results))
    print()
    for result in results:
        print(json_line(result))
    if arguments.plots is not None:
        write_chart(arguments.plots, results)


def _scale(arguments: argparse.Namespace) -> Scale:
    if arguments.quick:
        return Scale(listing_count=arguments.listings, runs=1, share=1 / 64)
    return Scale(listing_count=arguments.listings, runs=arguments.runs)


def _measure(family: Family, world: World) -> list[Result]:
    try:
        return family.measure(world)
    except PeerMissingError as missing:
        note = f"peer missing: {missing}"
    except Exception as error:  # noqa: BLE001 - the other rows are worth having
        traceback.print_exc()
        note = f"void: {type(error).__name__}"
        if world.hub.process.poll() is not None:
            world.start()
    return [Result(name=name, value=None, unit="-", note=note) for name in family.names]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
