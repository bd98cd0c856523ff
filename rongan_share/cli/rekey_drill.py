"""The part of ``rongan-hub epoch drill`` that changes the hub key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rongan_share.cli.drill_load import LongBatch
from rongan_share.clock import monotonic_ns
from rongan_share.model.hub_key import RekeyPhase

if TYPE_CHECKING:
    from partner_sdk.client import Client
    from rongan_share.cli.drill_hub import DrillHub


def rehearse_rekey(hub: DrillHub, client: Client, *, tokens: int, listings: int) -> dict[str, Any]:
    """Changes the hub key in the middle of a batch, and reports."""
    batch = LongBatch(client, tokens)
    began_ns = monotonic_ns()
    facts = hub.act("epoch", "rekey", "start")
    # Workers make look-ups for a second at least, so that it begins before answers change over.
    batch.start()
    while facts["phase"] == RekeyPhase.BUILDING.name:
        facts = hub.act("epoch", "rekey", "status")
    across = batch.running
    values = hub.act("epoch", "rekey", "status", "--wait")["done_count"]
    finished = hub.act("epoch", "rekey", "finish")
    ended_ns = monotonic_ns()
    batch.join()
    answered = not batch.failure and batch.answered == tokens
    found = batch.listed == min(listings, tokens)
    return {
        "rekey_seconds": round((ended_ns - began_ns) / 1e9, 2),
        "rekey_values": values,
        "rekey_batch_tokens": batch.answered,
        "rekey_across_change": across,
        "rekey_failure": batch.failure,
        "rekey_passed": answered and found and across and finished["key_destroyed"],
    }
