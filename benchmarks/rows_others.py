"""Row of one partner that asks a hundred times as much as others: what these wait, and before."""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.load import load, site_of
from benchmarks.load_plan import Kind, Plan
from benchmarks.machine import start_server
from benchmarks.report import Family, Result, interleave, ratio
from partner_sdk.credentials import CERTIFICATE_FILE, KEY_FILE, ROOTS_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.enrolment import Identity
    from benchmarks.load import Site
    from benchmarks.machine import Server
    from benchmarks.world import World

NAME = "others_p99_ratio"
_OTHERS = 9
_RATE = 10.0
"""Operations a second of each of them."""

_TIMES = 100
_SECONDS = 8.0
_LEAST_SECONDS = 1.0
_RUNS = 3
_START_SECONDS = 60.0
_SHARES = {Kind.UNARY: 90.0, Kind.FRAMES: 10.0}


def _others(world: World) -> list[Result]:
    site = site_of(world, _OTHERS + 1)
    seconds = max(_LEAST_SECONDS, _SECONDS * world.scale.share)
    plan = Plan(partners=_OTHERS, shares=_SHARES, seconds=seconds, rate=_OTHERS * _RATE)
    hot = site.identities[_OTHERS]
    failed: list[int] = []
    late: list[float] = []

    def p99() -> float:
        outcome = load(site, plan)
        failed.append(sum(sum(tally.failures.values()) for tally in outcome.partners))
        late.append(outcome.latest * 1e3)
        together = outcome.partners[0].latencies
        for tally in outcome.partners[1:]:
            together.add(tally.latencies)
        return together.percentile(99) * 1e3

    def p99_beside() -> float:
        with _hot_partner(world, site, hot, seconds=4 * seconds):
            return p99()

    beside, before = interleave(min(_RUNS, world.scale.runs), p99_beside, p99)
    note = (
        f"one partner {_TIMES} x {_RATE:g}/s; others {_OTHERS} x {_RATE:g}/s, open loop, sent"
        f" {max(late):.0f} ms late at worst"
    )
    if any(failed):
        note += f"; {sum(failed)} of theirs failed"
    return [ratio(NAME, beside, before, peer="p99 before", unit=" ms", note=note)]


@contextmanager
def _hot_partner(world: World, site: Site, hot: Identity, *, seconds: float) -> Iterator[Server]:
    """Runs the partner that asks so much, a process of its own, for a block."""
    with tempfile.TemporaryDirectory(dir=world.folder) as name:
        folder = Path(name)
        for file, path in (
            (KEY_FILE, hot.files.key),
            (CERTIFICATE_FILE, hot.files.certificate),
            (ROOTS_FILE, hot.files.roots),
        ):
            (folder / file).symlink_to(path)
        words = ["-m", "benchmarks.load", "--target", site.target, "--credentials", name]
        words += ["--shares", "unary=90,frames=10", "--rate", str(_TIMES * _RATE)]
        words += ["--seconds", str(seconds), "--say-when-loading"]
        # It shares the core of those that are timed, and must not be what they wait for.
        command = ["nice", "-n", "10", sys.executable, *words]
        server = start_server(command, world.folder, beside_client=True)
        try:
            server.first_line(_START_SECONDS)
            yield server
        finally:
            server.stop()


FAMILIES = (Family((NAME,), _others),)
