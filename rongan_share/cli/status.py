"""``rongan-hub status``: how a running hub is."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.settings import example
from rongan_share.cli.certificate_lists import alarm_facts
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp


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
        "started_time": _instant(answer.started_time),
        "list_sequence": answer.list_sequence,
        "served_sequence": answer.served_sequence,
        "frozen_sequence": answer.frozen_sequence,
        "frozen_time": _instant(answer.frozen_time) if answer.frozen_sequence else "",
        "tail_count": answer.tail_count,
        "listing_count": answer.listing_count,
        "partner_count": answer.partner_count,
        "entry_count": answer.entry_count,
        "root_hash": answer.root_hash.hex(),
        "epoch": answer.epoch,
        "opening_epoch": answer.opening_epoch,
        "generation": answer.generation,
        "store_bytes": answer.store_bytes,
        "compacted_rows": answer.compacted_rows,
        "compacted_bytes": answer.compacted_bytes,
        "compacted_time": (
            _instant(answer.compacted_time) if answer.HasField("compacted_time") else ""
        ),
        "clock_offset_seconds": answer.clock_offset_seconds,
        "tls_generation": answer.tls_generation,
        "tls_error": answer.tls_error,
        "tls_error_count": answer.tls_error_count,
        "certificate_alarm_count": answer.certificate_alarm_count,
    }
    alarms = [alarm_facts(each) for each in answer.certificate_alarms]
    options.show(
        {**facts, "certificate_alarms": alarms},
        [*facts.items(), *((f"alarm.{each['step']}", _told(each)) for each in alarms)],
    )


def _told(alarm: dict[str, object]) -> str:
    """Says which certificate it is that ends, and when."""
    words = (alarm["kind"], alarm["holder"], alarm["serial"], alarm["expiry_time"])
    return "  ".join(str(word) for word in words if word)


def _instant(stamp: Timestamp) -> str:
    return stamp.ToDatetime(tzinfo=UTC).isoformat()
