"""``rongan-hub signer``: signs certificates, apart from the hub and under a user of its own."""

from __future__ import annotations

import logging
import signal
import sys
import threading

import click

from partner_sdk.cli.settings import example, print_json
from rongan_share.ca.serving import SignerServer
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.cli.rehearsal import issue_clock
from rongan_share.ledger.environment import Ledger
from rongan_share.processes.child_main import LOG_FORMAT


@click.command(help=say("help.signer"), epilog=example("rongan-hub --home hub signer"))
@shared_options()
@click.pass_obj
def signer(options: Options) -> None:
    """Answers in the foreground; logs go to stderr."""
    settings = options.load_settings()
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT.format(name="signer"))
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    clock = issue_clock(settings.clock.offset_seconds)
    with (
        Ledger(settings.data_directory, writable=False) as ledger,
        SignerServer(settings, ledger, clock),
    ):
        path = settings.signer.socket
        if options.as_json:
            print_json({"signing": str(path)})
        else:
            click.echo(say("signing", path=path))
        # Whoever started it waits for this line.
        sys.stdout.flush()
        stopping.wait()
