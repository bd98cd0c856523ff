"""``rongan-hub epoch drill``: epoch and hub key change while a hub is asked without a pause."""

from __future__ import annotations

import csv
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from partner_sdk.cli.failures import REFUSED
from partner_sdk.cli.settings import example
from partner_sdk.sources.rows import COLUMNS
from rongan_share.cli.drill_hub import DrillHub
from rongan_share.cli.drill_load import Calls, LongBatch, asking_listed, number_of, summaries
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.cli.rekey_drill import rehearse_rekey
from rongan_share.clock import SystemClock, monotonic_ns
from rongan_share.wire.days import SHANGHAI

if TYPE_CHECKING:
    from partner_sdk.client import Client

SUMMARY_BYTES = 16
"""Bytes that say what is known of one listed token."""

_SWITCH_SHARE = 0.3
"""Share of the batch that is answered before the epoch is promoted."""


@click.command(
    "drill",
    help=say("help.epoch_drill"),
    epilog=example("rongan-hub --home hub epoch drill --tokens 100000"),
)
@click.option(
    "--tokens", type=click.IntRange(min=1), default=2_000_000, help=say("help.drill_tokens")
)
@click.option(
    "--listings", type=click.IntRange(min=2), default=20_000, help=say("help.drill_listings")
)
@click.option("--rate", type=click.IntRange(min=1), default=200, help=say("help.drill_rate"))
@click.option("--workers", type=click.IntRange(1, 64), default=2, help=say("help.drill_workers"))
@shared_options()
@click.pass_context
def drill(context: click.Context, *, tokens: int, listings: int, rate: int, workers: int) -> None:
    """Rehearses on a hub of its own, in a temporary folder, and reports."""
    options = context.ensure_object(Options)
    with tempfile.TemporaryDirectory(prefix="rongan-drill-") as name:
        folder = Path(name)
        with DrillHub(folder, workers=workers) as hub, hub.client() as client:
            facts = _rehearse(hub, client, folder, tokens=tokens, listings=listings, rate=rate)
    options.show(facts, [(f"drill.{key}", value) for key, value in facts.items()])
    if not facts["passed"]:
        context.exit(REFUSED)


def _rehearse(
    hub: DrillHub, client: Client, folder: Path, *, tokens: int, listings: int, rate: int
) -> dict[str, Any]:
    began_ns = monotonic_ns()
    half = listings // 2
    old, new = folder / "old.csv", folder / "new.csv"
    _write_rows(old, 0, half)
    _write_rows(new, half, listings)
    hub.partner("contribute", str(old))
    calls = Calls(asking_listed(client, half), rate)
    calls.start()
    try:
        hub.act("epoch", "open", "--suite", "HMAC_SM3")
        hub.partner("contribute", str(new))
        hub.partner("contribute", str(old), "--retoken")
        before = summaries(client, listings)
        lacking = hub.act("epoch", "status")["lacking_count"]
        batch = LongBatch(client, tokens)
        batch.start()
        batch.await_share(_SWITCH_SHARE)
        promoting_ns = monotonic_ns()
        hub.act("epoch", "promote")
        promoted_ns = monotonic_ns()
        batch.join()
        same = summaries(client, listings) == before
        hub.act("epoch", "close")
        rekeyed = rehearse_rekey(hub, client, tokens=tokens, listings=listings)
        same = same and summaries(client, listings) == before
    finally:
        calls.stop()
    told = {
        "listings": listings,
        "lacking": lacking,
        "promote_seconds": round((promoted_ns - promoting_ns) / 1e9, 2),
        "same_verdicts": same,
        "seconds": round((monotonic_ns() - began_ns) / 1e9, 1),
    }
    whole = same and len(before) == SUMMARY_BYTES * listings and not lacking
    whole = whole and rekeyed.pop("rekey_passed")
    return told | rekeyed | _report(calls, batch, listings=listings, whole=whole)


def _report(calls: Calls, batch: LongBatch, *, listings: int, whole: bool) -> dict[str, Any]:
    """Says what became of the load, and whether all of it went well."""
    answered = not batch.failure and batch.answered == batch.tokens
    # A batch that was over before the switch, or began after it, has rehearsed nothing.
    across = len(batch.epochs) > 1
    found = batch.listed == min(listings, batch.tokens)
    return {
        "batch_tokens": batch.answered,
        "batch_listed": batch.listed,
        "batch_frames": ", ".join(f"{number}: {count}" for number, count in batch.epochs.items()),
        "batch_across_switch": across,
        "batch_failure": batch.failure,
        "calls": calls.done + len(calls.failures),
        "failed_calls": len(calls.failures),
        "first_failure": calls.failures[0] if calls.failures else "",
        "slowest_call_ms": round(calls.slowest_ns / 1e6, 1),
        "passed": whole and answered and across and found and not calls.failures,
    }


def _write_rows(path: Path, first: int, end: int) -> None:
    """Writes listings of mobile numbers."""
    last_day = SystemClock().now().astimezone(SHANGHAI).date() + timedelta(days=30)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for place in range(first, end):
            writer.writerow(
                {
                    "op": "ADD",
                    "reference": f"case-{place}",
                    "type": "MSISDN",
                    "value": number_of(place),
                    "category": "A2",
                    "severity": 1 + place % 3,
                    "evidence": "VERIFIED",
                    "source_class": "PEER_DOMESTIC",
                    "legal_basis": "ANTI_TELECOM_FRAUD_LAW",
                    "expiry_date": last_day.isoformat(),
                }
            )
