"""Rows of the rehearsals: how many calls fail while certificates, epochs and hub keys change."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.machine import on_all_cores
from benchmarks.report import Family, Result

if TYPE_CHECKING:
    from benchmarks.world import World

_RATE = 200
"""Calls a second beside the running stream."""

_BATCH_TOKENS = 2_000_000
"""Tokens of the batch that runs across the switch of the epoch."""


class DrillFailedError(Exception):
    """A rehearsal did not hold for another reason than a failed call."""


def _failed_calls(world: World) -> list[Result]:
    certificates = _drill("cert", "drill", "--own-hub", "--rate", str(_RATE))
    tokens = world.scale.of(_BATCH_TOKENS)
    epochs = _drill("epoch", "drill", "--tokens", str(tokens), "--rate", str(_RATE))
    broken = bool(epochs["batch_failure"]) + bool(epochs["rekey_failure"])
    failed = certificates["failed_calls"] + epochs["failed_calls"] + broken
    for report in (certificates, epochs):
        if not report["passed"] and not failed:
            raise DrillFailedError(json.dumps(report))
    calls = certificates["calls"] + epochs["calls"]
    slowest = max(certificates["slowest_call_ms"], epochs["slowest_call_ms"])
    note = (
        f"of {calls:,}, {_RATE}/s, in hubs of their own; {certificates['frames']:,} frames of a "
        f"running stream, a batch of {epochs['batch_tokens']:,} tokens; slowest {slowest:.0f} ms"
    )
    return [Result(name="drill_failed_calls", value=failed, unit="calls", runs=1, note=note)]


def _drill(*words: str) -> dict[str, Any]:
    """Runs a rehearsal of a hub of its own and reads its report, also of one that failed."""
    program = "from rongan_share.cli.main import main; main()"
    with on_all_cores():
        done = subprocess.run(
            [sys.executable, "-c", program, "--json", *words],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if not done.stdout:
        raise DrillFailedError(" ".join(words))
    report: dict[str, Any] = json.loads(done.stdout)
    return report


FAMILIES = (Family(("drill_failed_calls",), _failed_calls),)
