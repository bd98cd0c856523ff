"""The commands of ``rongan-hub``, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from partner_sdk.cli.failures import EXPECTED
from partner_sdk.cli.program import run_program
from partner_sdk.cli.settings import example
from rongan_share.ca import IssueRefusedError, ProfileError
from rongan_share.cli.agreement import agreement
from rongan_share.cli.audit import audit
from rongan_share.cli.cert import cert
from rongan_share.cli.cert_drill.command import drill as cert_drill
from rongan_share.cli.certificate_lists import expiring, list_certificates
from rongan_share.cli.doctor.command import doctor
from rongan_share.cli.enrolment import enrolment
from rongan_share.cli.epoch import epoch
from rongan_share.cli.epoch_drill import drill
from rongan_share.cli.health import health
from rongan_share.cli.import_listings import import_listings
from rongan_share.cli.init import init
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.cli.partner import partner
from rongan_share.cli.rekey import rekey
from rongan_share.cli.serve import serve
from rongan_share.cli.signer import signer
from rongan_share.cli.status import status
from rongan_share.cli.trust_bundle import bundle
from rongan_share.errors import RonganError, StartRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXPECTED_HERE = (*EXPECTED, StartRefusedError, IssueRefusedError, ProfileError, RonganError)
"""What an operator's mistake, a hub or a damaged store can cause; anything else is a fault."""


@click.group(
    name="rongan-hub",
    help=say("help"),
    epilog=example("rongan-hub --home hub --as alice partner list"),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@shared_options(from_environment=True)
def rongan_hub() -> None:
    """Does nothing by itself: the options are kept for the command that follows."""


for command in (
    init,
    serve,
    signer,
    health,
    status,
    doctor,
    partner,
    agreement,
    cert,
    epoch,
    audit,
    import_listings,
):
    rongan_hub.add_command(command)
for verb in (list_certificates, expiring, enrolment, bundle, cert_drill):
    cert.add_command(verb)
epoch.add_command(drill)
epoch.add_command(rekey)


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: What follows the name of the program; None = the process's own.

    Returns:
        0 done, 1 refused, 2 usage, 3 unreachable, 130 interrupted.
    """
    return run_program(rongan_hub, Options(), arguments, expected=EXPECTED_HERE)
