"""A hub under an even load for a long time: memory, files and descriptors, judged at the end.

``python -m benchmarks.soak`` runs 30 minutes, ``--minutes 1`` a short one. Exit code 0 if
everything stayed within its bounds, else 1.

Example::

    python -m benchmarks.soak --minutes 30 --rate 250
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.load import facts, sessions_at, site_of, table
from benchmarks.load_plan import Kind, Plan
from benchmarks.load_run import Outcome, Run
from benchmarks.machine import children, memory_bytes, pin_client
from benchmarks.report import short
from benchmarks.soak_judge import Finding, Sample, judge
from benchmarks.world import Scale, World
from rongan_share.processes.column_folder import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable

_SHARES = {Kind.UNARY: 85.0, Kind.FRAMES: 14.0, Kind.CONTRIBUTIONS: 1.0}
_SAMPLES = 120
_LEAST_SECONDS = 0.5
_LISTINGS = 200_000
_FRAME_TOKENS, _FRAME_ROWS = 512, 200
_BLOCK = 512


def soak(world: World, plan: Plan, show: Callable[[Sample], None]) -> tuple[Outcome, list[Sample]]:
    """Loads a hub and looks at it from time to time; the last sample is taken after the load."""
    site = site_of(world, plan.partners)
    samples: list[Sample] = []
    over = threading.Event()
    pause = max(_LEAST_SECONDS, plan.seconds / _SAMPLES)
    with sessions_at(site, plan) as sessions:
        run = Run(plan, sessions)
        began = time.monotonic()

        def look() -> None:
            while not over.wait(pause):
                samples.append(sample(world, run.outcome, time.monotonic() - began))
                show(samples[-1])

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            outcome = run.run()
        finally:
            over.set()
            watcher.join()
    return outcome, samples


def sample(world: World, outcome: Outcome, seconds: float) -> Sample:
    """Looks at the processes and files of a hub."""
    processes = {
        name: pid
        for name, pid in children(world.hub.process.pid).items()
        if name.startswith(("worker-", "keeper-"))
    }
    folder = world.settings.data_directory
    files = [path for path in folder.iterdir() if path.is_file()]
    done = {kind: tally.latencies.count for kind, tally in outcome.kinds.items()}
    return Sample(
        seconds=seconds,
        memory={name: memory_bytes(pid)[0] for name, pid in processes.items()},
        descriptors={
            name: len(list(Path(f"/proc/{pid}/fd").iterdir())) for name, pid in processes.items()
        },
        file_bytes=sum(path.stat().st_blocks * _BLOCK for path in files),
        column_bytes=_size_of(folder / FOLDER),
        rows=done.get(Kind.CONTRIBUTIONS, 0) * outcome.plan.frame_rows,
        entries=sum(done.values()),
    )


def _size_of(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        # Old columns go while they are counted.
        with suppress(OSError):
            size += path.stat().st_size if path.is_file() else 0
    return size


def report(outcome: Outcome, findings: Sequence[Finding]) -> str:
    """Returns what was done and what was found, for people."""
    lines = [table(outcome), ""]
    for each in findings:
        word, value = "good" if each.good else "BAD ", short_signed(each.value)
        lines.append(f"{word}  {each.name:28} {value} {each.unit}, at most {short(each.bound)}")
    return "\n".join(lines)


def short_signed(value: float) -> str:
    """Returns a figure in three digits, negative ones too."""
    return f"-{short(-value)}" if value < 0 else short(value)


def failures(outcome: Outcome) -> Finding:
    """Judges what failed: nothing may."""
    count = sum(sum(tally.failures.values()) for tally in outcome.kinds.values())
    return Finding("operations failed", count + outcome.left_out, 0, "operations")


def main() -> None:
    """Reads the command line, soaks and judges."""
    head, _, example = (__doc__ or "").partition("Example::")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description=head,
        epilog="example:" + example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long")
    parser.add_argument("--rate", type=float, default=200.0, help="operations a second")
    parser.add_argument("--partners", type=int, default=8, help="how many")
    parser.add_argument("--listings", type=int, default=_LISTINGS, help="in the hub")
    parser.add_argument("--seed", type=int, default=1, help="the same seed is the same load")
    arguments = parser.parse_args()
    plan = Plan(
        seed=arguments.seed,
        partners=arguments.partners,
        shares=_SHARES,
        seconds=arguments.minutes * 60,
        rate=arguments.rate,
        frame_tokens=_FRAME_TOKENS,
        frame_rows=_FRAME_ROWS,
    )
    pin_client()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rongan-soak-"))
        world = World(Path(folder), Scale(listing_count=arguments.listings), stack)
        outcome, samples = soak(world, plan, _show)
    findings = [failures(outcome), *judge(samples)]
    print(report(outcome, findings))
    print()
    for kind, tally in outcome.kinds.items():
        print(json.dumps(facts(kind.value, tally, outcome)))
    for each in findings:
        row = {"name": each.name, "value": each.value, "bound": each.bound, "good": each.good}
        print(json.dumps(row))
    sys.exit(0 if all(each.good for each in findings) else 1)


def _show(seen: Sample) -> None:
    memory = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in seen.memory.items())
    opened = ", ".join(map(str, seen.descriptors.values()))
    print(
        f"{seen.seconds:6.0f} s  {memory}; open {opened}; files {seen.file_bytes / 1e6:.0f} MB,"
        f" columns {seen.column_bytes / 1e6:.0f} MB; {seen.entries:,} entries, {seen.rows:,} rows",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    main()
