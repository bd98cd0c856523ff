"""``rongan-hub partner``: the institutions that share through the hub."""

from __future__ import annotations

import click

from partner_sdk.cli.settings import example
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.cli.partner_import import import_partners
from rongan_share.cli.partner_work import list_partners as fetch_partners
from rongan_share.v1 import operator_service_pb2 as pb

_STATE_PREFIX = "PARTNER_STATE_"
_KIND_PREFIX = "PARTNER_KIND_"
_KINDS = ("bank", "enterprise")
_COLUMNS = ("partner", "name", "kind", "state", "agreement_version", "number", "reason")
_SAID_ONCE = (*_COLUMNS, "english_name", "credit_code", "region", "contact")
"""What a single partner's lines tell."""


@click.group(
    help=say("help.partner"), epilog=example("rongan-hub --home hub --as alice partner list")
)
def partner() -> None:
    """Holds the verbs."""


partner.add_command(import_partners)


@partner.command(
    help=say("help.partner_add"),
    epilog=example('rongan-hub --home hub --as alice partner add bank-a --name "Bank A"'),
)
@click.argument("partner_id", metavar="ID")
@click.option("--name", required=True, help=say("help.display_name"))
@click.option("--kind", type=click.Choice(_KINDS), default=None, help=say("help.kind"))
@click.option("--english-name", default="", help=say("help.english_name"))
@click.option("--credit-code", default="", help=say("help.credit_code"))
@click.option("--region", default="", help=say("help.region"))
@click.option("--contact", default="", help=say("help.contact"))
@shared_options()
@click.pass_obj
def add(
    options: Options,
    partner_id: str,
    *,
    name: str,
    kind: str | None,
    english_name: str,
    credit_code: str,
    region: str,
    contact: str,
) -> None:
    """Registers an institution."""
    request = pb.CreatePartnerRequest(
        partner_id=partner_id,
        display_name=name,
        english_name=english_name,
        credit_code=credit_code,
        region=region,
        contact=contact,
    )
    if kind is not None:
        request.kind = pb.PartnerKind.Value(_KIND_PREFIX + kind.upper())
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
        found = [_facts(each) for each in fetch_partners(hub)]
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


def _facts(found: pb.Partner) -> dict[str, object]:
    return {
        "partner": found.partner_id,
        "name": found.display_name,
        "kind": ""
        if found.kind == 0
        else pb.PartnerKind.Name(found.kind).removeprefix(_KIND_PREFIX),
        "state": pb.PartnerState.Name(found.state).removeprefix(_STATE_PREFIX),
        "agreement_version": found.agreement_version,
        "number": found.number,
        "version": found.version,
        "reason": found.reason,
        "newest_agreement_version": found.newest_agreement_version,
        "english_name": found.english_name,
        "credit_code": found.credit_code,
        "region": found.region,
        "contact": found.contact,
        "certificate_serials": list(found.certificate_serials),
        "revoked_serials": list(found.revoked_serials),
    }


def _show(options: Options, found: pb.Partner, entry_index: int) -> None:
    facts = _facts(found)
    lines = [(key, facts[key]) for key in _SAID_ONCE if facts[key] != ""]
    options.show({**facts, "entry_index": entry_index}, [*lines, ("entry_index", entry_index)])
