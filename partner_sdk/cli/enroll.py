"""``rongan enroll``: from an enrolment string to credentials, or a certificate request alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.messages import say
from partner_sdk.cli.settings import Settings, example, json_option
from partner_sdk.directory import DirectoryBusyError
from partner_sdk.enrolment import enroll as enroll_there
from partner_sdk.enrolment import make_key_and_request
from partner_sdk.handshake import HubNotRecognisedError, NoRootShownError
from partner_sdk.renewal import due_time
from rongan_share.wire.caller_id import CALLER_ID
from rongan_share.wire.malformed import MalformedError

if TYPE_CHECKING:
    from typing import IO

STRING_VARIABLE = "RONGAN_ENROLMENT"
"""Environment variable that may hold the string; no option does, for others see a command line."""

_LONGEST = 1_024


@click.command(
    help=say("help.enroll"), epilog=example("rongan enroll bank-a --hub hub.example:7444")
)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--hub", default="", metavar="HOST:PORT", help=say("help.enroll_hub"))
@click.option("--string-file", type=click.File(), metavar="FILE", help=say("help.string_file"))
@click.option("--csr-only", is_flag=True, help=say("help.csr_only"))
@click.option("--partner", metavar="ID", help=say("help.partner"))
@json_option
@click.pass_obj
def enroll(
    settings: Settings,
    directory: Path,
    *,
    hub: str,
    string_file: IO[str] | None,
    csr_only: bool,
    partner: str | None,
) -> None:
    """Gets a certificate, or makes what an operator needs to issue one."""
    if partner is not None and not CALLER_ID.fullmatch(partner):
        raise click.BadParameter(say("bad_partner"), param_hint="--partner")
    if csr_only != (partner is not None):
        raise click.UsageError(say("csr_needs_partner"))
    if partner is None:
        settings.hub = hub or settings.hub
        _get_certificate(settings, directory, string_file)
    elif string_file is not None:
        raise click.UsageError(say("csr_needs_no_string"))
    else:
        _make_request(settings, directory, partner)


def _get_certificate(settings: Settings, directory: Path, string_file: IO[str] | None) -> None:
    target = settings.target()
    try:
        made = enroll_there(directory, target, _read_string(string_file))
    except MalformedError:
        raise click.UsageError(say("bad_string")) from None
    except FileExistsError:
        raise RefusedHereError(f"{directory}: {say('certificate_exists')}") from None
    except DirectoryBusyError:
        raise RefusedHereError(f"{directory}: {say('directory_busy')}") from None
    except NoRootShownError:
        raise RefusedHereError(say("no_root_shown")) from None
    except HubNotRecognisedError as error:
        raise RefusedHereError(say("hub_not_recognised", cause=error)) from None
    due = due_time(made).isoformat(timespec="seconds")
    settings.show(
        {
            "identity": made.identity,
            "directory": str(directory),
            "expiry_time": made.expiry_time.isoformat(),
            "renewal_time": due,
        },
        [
            ("identity", made.identity),
            ("directory", directory),
            ("valid_until", made.expiry_time.isoformat()),
            ("renewed_from", due),
            ("", say("after_enrolment", directory=directory)),
        ],
    )


def _read_string(string_file: IO[str] | None) -> str:
    if string_file is not None:
        return string_file.read(_LONGEST)
    if string := os.environ.get(STRING_VARIABLE, ""):
        return string
    if not sys.stdin.isatty():
        raise click.UsageError(say("no_string"))
    string = click.prompt(say("enrolment_prompt"), hide_input=True, err=True)
    return str(string)


def _make_request(settings: Settings, directory: Path, partner: str) -> None:
    try:
        key, request = make_key_and_request(directory, partner)
    except FileExistsError:
        raise RefusedHereError(f"{directory}: {say('key_exists')}") from None
    settings.show(
        {"partner": partner, "key": str(key), "request": str(request)},
        [("key", key), ("request", request), ("", say("give_request"))],
    )
