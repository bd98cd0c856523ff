"""``rongan renew``: the next certificate, by hand or from a timer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.messages import say
from partner_sdk.cli.settings import Settings, example, json_option
from partner_sdk.clock import utc_now
from partner_sdk.credentials import Credentials, CredentialsError
from partner_sdk.directory import DirectoryBusyError
from partner_sdk.renewal import due_time, refresh_roots
from partner_sdk.renewal import renew as renew_there

if TYPE_CHECKING:
    from pathlib import Path


@click.command(help=say("help.renew"), epilog=example("rongan --credentials bank-a renew"))
@click.option("--force", is_flag=True, help=say("help.renew_force"))
@json_option
@click.pass_obj
def renew(settings: Settings, *, force: bool) -> None:
    """Renews, and says until when the certificate is valid now."""
    target, directory = settings.target(), settings.folder()
    try:
        renews = force or _is_due(directory)
        held = renew_there(directory, target) if renews else Credentials.from_directory(directory)
        replaced = refresh_roots(directory, target)
    except DirectoryBusyError:
        raise RefusedHereError(f"{directory}: {say('directory_busy')}") from None
    due = due_time(held).isoformat(timespec="seconds")
    settings.show(
        {
            "renewed": renews,
            "expiry_time": held.expiry_time.isoformat(),
            "renewal_time": due,
            "roots_replaced": replaced,
        },
        [
            ("valid_until", held.expiry_time.isoformat()),
            ("renewed_from", due) if renews else ("renewal", say("not_due", due=due)),
            ("roots", say("roots_replaced" if replaced else "roots_unchanged")),
        ],
    )


def _is_due(directory: Path) -> bool:
    try:
        held = Credentials.from_directory(directory)
    except CredentialsError:
        # The pair that is to come may be complete though the one in place has ended.
        return True
    return utc_now() >= due_time(held)
