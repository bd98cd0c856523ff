"""``rongan enroll``: a key and a certificate request."""

from __future__ import annotations

from pathlib import Path

import click

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.messages import say
from partner_sdk.cli.settings import Settings, example
from partner_sdk.enrolment import make_key_and_request
from rongan_share.wire.caller_id import CALLER_ID


@click.command(
    help=say("help.enroll"), epilog=example("rongan enroll --csr-only bank-a --partner bank-a")
)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--csr-only", is_flag=True, help=say("help.csr_only"))
@click.option("--partner", required=True, metavar="ID", help=say("help.partner"))
@click.pass_obj
def enroll(settings: Settings, directory: Path, *, csr_only: bool, partner: str) -> None:
    """Makes key and request; issuing is the operator's act."""
    if not CALLER_ID.fullmatch(partner):
        raise click.BadParameter(say("bad_partner"), param_hint="--partner")
    if not csr_only:
        raise click.UsageError(say("only_csr"))
    try:
        key, request = make_key_and_request(directory, partner)
    except FileExistsError:
        raise RefusedHereError(f"{directory}: {say('key_exists')}") from None
    settings.show(
        {"partner": partner, "key": str(key), "request": str(request)},
        [("key", key), ("request", request), ("", say("give_request"))],
    )
