"""The entry of ``rongan``: its options and its commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.batch import batch
from partner_sdk.cli.check import check
from partner_sdk.cli.contribute import contribute
from partner_sdk.cli.doctor import doctor
from partner_sdk.cli.enroll import enroll
from partner_sdk.cli.failures import EXPECTED
from partner_sdk.cli.listing import listing
from partner_sdk.cli.messages import say
from partner_sdk.cli.program import run_program
from partner_sdk.cli.renew import renew
from partner_sdk.cli.settings import Settings, example
from partner_sdk.cli.usage import usage

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.group(
    help=say("help"),
    epilog=example("rongan --hub hub.example:7443 --credentials bank-a check --help"),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--hub", envvar="RONGAN_HUB", default="", metavar="HOST:PORT", help=say("help.hub"))
@click.option(
    "--credentials",
    envvar="RONGAN_CREDENTIALS",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help=say("help.credentials"),
)
@click.option("--json", "as_json", is_flag=True, help=say("help.json"))
@click.pass_obj
def rongan(settings: Settings, *, hub: str, credentials: Path | None, as_json: bool) -> None:
    """Keeps the options for the command that follows."""
    settings.hub = hub
    settings.credentials = credentials
    settings.as_json = as_json


for command in (enroll, renew, doctor, check, contribute, batch, listing, usage):
    rongan.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command and ends the process."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: What follows the name of the program; None = the process's own.

    Returns:
        0 done, 1 refused, 2 usage, 3 unreachable, 130 interrupted.
    """
    return run_program(rongan, Settings(), arguments, expected=EXPECTED)
