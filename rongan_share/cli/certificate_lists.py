"""``rongan-hub cert list`` and ``cert expiring``: the certificates that the hub knows."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.settings import example
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.timestamp_pb2 import Timestamp

    from rongan_share.cli.connection import Connection

ALARM_STEPS = (1, 7, 14, 30)
"""Days before its end at which a certificate's alarm becomes louder."""

_COLUMNS = ("kind", "holder", "serial", "state", "expiry_time", "retire_time")


@click.command(
    "list",
    help=say("help.cert_list"),
    epilog=example("rongan-hub --home hub --as alice cert list --holder bank-a"),
)
@click.option("--holder", default="", metavar="ID", help=say("help.cert_holder"))
@shared_options()
@click.pass_obj
def list_certificates(options: Options, *, holder: str) -> None:
    """Prints every certificate, in whatever state."""
    _show(options, pb.ListCertificatesRequest(holder_id=holder))


@click.command(
    help=say("help.cert_expiring"),
    epilog=example("rongan-hub --home hub --as alice cert expiring --days 14"),
)
@click.option(
    "--days",
    type=click.IntRange(min=1, max=36_500),
    default=max(ALARM_STEPS),
    show_default=True,
    help=say("help.days"),
)
@shared_options()
@click.pass_obj
def expiring(options: Options, *, days: int) -> None:
    """Prints those that somebody must renew."""
    _show(options, pb.ListCertificatesRequest(expiring_within_days=days))


def alarm_facts(alarm: pb.CertificateAlarm) -> dict[str, object]:
    """Says what an alarm says; its step is 0 once the certificate has ended."""
    facts = certificate_facts(alarm.certificate)
    later = (step for step in ALARM_STEPS if alarm.days_left < step)
    step = 0 if alarm.days_left < 0 else next(later, max(ALARM_STEPS))
    return {**facts, "days_left": alarm.days_left, "step": step}


def certificate_facts(found: pb.Certificate) -> dict[str, object]:
    """Says what is known of a certificate."""
    return {
        "kind": pb.HolderKind.Name(found.holder_kind).removeprefix("HOLDER_KIND_"),
        "holder": found.holder_id,
        "serial": found.serial_hex,
        "state": pb.CertificateState.Name(found.state).removeprefix("CERTIFICATE_STATE_"),
        "expiry_time": _instant(found.expiry_time),
        "retire_time": _instant(found.retire_time) if found.HasField("retire_time") else "",
        "reason": found.reason,
        "fingerprint": found.fingerprint.hex(),
    }


def fetch_certificates(
    hub: Connection, request: pb.ListCertificatesRequest
) -> Iterator[pb.Certificate]:
    """Pages through certificates."""
    request.page_size = 1_000
    while True:
        page = hub.call(lambda stub: stub.ListCertificates, request)
        yield from page.certificates
        request.page_token = page.next_page_token
        if not request.page_token:
            return


def _show(options: Options, request: pb.ListCertificatesRequest) -> None:
    with options.connect() as hub:
        found = [certificate_facts(each) for each in fetch_certificates(hub, request)]
    options.show_table(
        {"certificates": found}, _COLUMNS, ([each[key] for key in _COLUMNS] for each in found)
    )


def _instant(stamp: Timestamp) -> str:
    return stamp.ToDatetime(tzinfo=UTC).isoformat()
