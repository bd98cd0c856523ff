"""``rongan-hub partner``: the institutions that share through the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from partner_sdk.cli.settings import example
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rongan_share.cli.connection import Connection

_STATE_PREFIX = "PARTNER_STATE_"
_COLUMNS = ("partner", "name", "state", "agreement_version", "number", "reason")


@click.group(
    help=say("help.partner"), epilog=example("rongan-hub --home hub --as alice partner list")
)
def partner() -> None:
    """Holds the verbs."""


@partner.command(
    help=say("help.partner_add"),
    epilog=example('rongan-hub --home hub --as alice partner add bank-a --name "Bank A"'),
)
@click.argument("partner_id", metavar="ID")
@click.option("--name", required=True, help=say("help.display_name"))
@shared_options()
@click.pass_obj
def add(options: Options, partner_id: str, *, name: str) -> None:
    """Registers an institution."""
    request = pb.CreatePartnerRequest(partner_id=partner_id, display_name=name)
    with options.connect() as hub:
        answer = hub.call(lambda stub: stub.CreatePartner, request)
    _show(options, answer.partner, answer.entry_index)


@partner.command(
    "list",
    help=say("help.partner_list"),
    epilog=example("rongan-hub --home hub --as alice partner list"),
)
@shared_options()
@click.pass_obj
def list_partners(options: Options) -> None:
    """Prints all partners by id."""
    with options.connect() as hub:
        found = [_facts(each) for each in _all_partners(hub)]
    options.show_table(
        {"partners": found}, _COLUMNS, ([each[key] for key in _COLUMNS] for each in found)
    )


@partner.command(
    help=say("help.partner_suspend"),
    epilog=example('rongan-hub --home hub --as alice partner suspend bank-a --reason "key stolen"'),
)
@click.argument("partner_id", metavar="ID")
@click.option("--reason", required=True, help=say("help.reason"))
@shared_options()
@click.pass_obj
def suspend(options: Options, partner_id: str, *, reason: str) -> None:
    """Stops a partner at once."""
    request = pb.SuspendPartnerRequest(partner_id=partner_id, reason=reason)
    with options.connect() as hub:
        answer = hub.call(lambda stub: stub.SuspendPartner, request)
    _show(options, answer.partner, answer.entry_index)


@partner.command(
    help=say("help.partner_resume"),
    epilog=example('rongan-hub --home hub --as alice partner resume bank-a --reason "new key"'),
)
@click.argument("partner_id", metavar="ID")
@click.option("--reason", required=True, help=say("help.reason"))
@shared_options()
@click.pass_obj
def resume(options: Options, partner_id: str, *, reason: str) -> None:
    """Ends a suspension."""
    request = pb.ResumePartnerRequest(partner_id=partner_id, reason=reason)
    with options.connect() as hub:
        answer = hub.call(lambda stub: stub.ResumePartner, request)
    _show(options, answer.partner, answer.entry_index)


def _all_partners(hub: Connection) -> Iterator[pb.Partner]:
    token = ""
    while True:
        page = hub.call(lambda stub: stub.ListPartners, pb.ListPartnersRequest(page_token=token))
        yield from page.partners
        token = page.next_page_token
        if not token:
            return


def _facts(found: pb.Partner) -> dict[str, object]:
    return {
        "partner": found.partner_id,
        "name": found.display_name,
        "state": pb.PartnerState.Name(found.state).removeprefix(_STATE_PREFIX),
        "agreement_version": found.agreement_version,
        "number": found.number,
        "version": found.version,
        "reason": found.reason,
    }


def _show(options: Options, found: pb.Partner, entry_index: int) -> None:
    facts = _facts(found)
    lines = [(key, facts[key]) for key in _COLUMNS if facts[key] != ""]
    options.show({**facts, "entry_index": entry_index}, [*lines, ("entry_index", entry_index)])
