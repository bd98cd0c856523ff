"""``rongan-hub status``: how a running hub is."""

from __future__ import annotations

from datetime import UTC

import click

from partner_sdk.cli.settings import example
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.v1 import operator_service_pb2 as pb


@click.command(help=say("help.status"), epilog=example("rongan-hub --home hub --as alice status"))
@shared_options()
@click.pass_obj
def status(options: Options) -> None:
    """Asks and prints every figure."""
    with options.connect() as hub:
        answer = hub.call(lambda stub: stub.GetHubStatus, pb.GetHubStatusRequest())
    facts = {
        "hub_id": answer.hub_id,
        "version": answer.version,
        "started_time": answer.started_time.ToDatetime(tzinfo=UTC).isoformat(),
        "list_sequence": answer.list_sequence,
        "served_sequence": answer.served_sequence,
        "listing_count": answer.listing_count,
        "partner_count": answer.partner_count,
        "entry_count": answer.entry_count,
        "root_hash": answer.root_hash.hex(),
        "epoch": answer.epoch,
        "generation": answer.generation,
        "store_bytes": answer.store_bytes,
        "clock_offset_seconds": answer.clock_offset_seconds,
    }
    options.show(facts, facts.items())
