"""``rongan-hub serve``: runs the hub until it is told to stop."""

from __future__ import annotations

import logging
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.settings import example, print_json
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.config import MOST_WORKERS
from rongan_share.ledger.counters import get_hub_id
from rongan_share.processes.child_main import LOG_FORMAT
from rongan_share.processes.seat import HubFailedError
from rongan_share.processes.supervisor import Supervisor

if TYPE_CHECKING:
    from types import FrameType

_STOPPING_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@click.command(help=say("help.serve"), epilog=example("rongan-hub --home hub serve --workers 2"))
@click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    metavar="COUNT",
    help=say("help.workers"),
)
@shared_options()
@click.pass_obj
def serve(options: Options, *, workers: int | None) -> None:
    """Serves in the foreground; logs go to stderr."""
    settings = options.load_settings()
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT.format(name="hub"))
    supervisor = Supervisor(settings, workers=workers or settings.listen.workers)
    _stop_on_signals(supervisor)
    try:
        supervisor.run(partial(_announce, options, supervisor))
    except HubFailedError as error:
        raise RefusedHereError(say("hub_failed", cause=error)) from error


def _stop_on_signals(supervisor: Supervisor) -> None:
    """Makes the first signal stop the hub in order; the second ends it at once."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for each in _STOPPING_SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        supervisor.request_stop()

    for each in _STOPPING_SIGNALS:
        signal.signal(each, stop)


def _announce(options: Options, supervisor: Supervisor) -> None:
    """Says that calls are answered now, and where: port 0 of the configuration was any free one."""
    with supervisor.ledger.read() as txn:
        hub_id = get_hub_id(txn)
    if options.as_json:
        enrolment = {"enrolment": supervisor.enrolment} if supervisor.enrolment else {}
        print_json({"serving": supervisor.address, "hub_id": hub_id, **enrolment})
    else:
        click.echo(say("serving", address=supervisor.address, hub_id=hub_id))
        if supervisor.enrolment:
            click.echo(say("enrolling", address=supervisor.enrolment))
    # Whoever started the hub waits for this line, and a pipe would keep it until the end.
    sys.stdout.flush()
