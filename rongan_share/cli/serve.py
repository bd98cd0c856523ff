"""``rongan-hub serve``: runs the hub until it is told to stop."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.settings import example, print_json
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.ledger.counters import get_hub_id
from rongan_share.processes.hub import Hub

if TYPE_CHECKING:
    from types import FrameType

    from rongan_share.config import Settings

_STOPPING_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@click.command(help=say("help.serve"), epilog=example("rongan-hub --home hub serve"))
@shared_options()
@click.pass_obj
def serve(options: Options) -> None:
    """Serves in the foreground; logs go to stderr."""
    settings = options.load_settings()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stopping = _stop_on_signals()
    with Hub(settings) as hub:
        _announce(options, settings, hub)
        stopping.wait()


def _stop_on_signals() -> threading.Event:
    """Makes an event that the first signal sets; the second ends the process at once."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        for each in _STOPPING_SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        stopping.set()

    for each in _STOPPING_SIGNALS:
        signal.signal(each, stop)
    return stopping


def _announce(options: Options, settings: Settings, hub: Hub) -> None:
    """Says that calls are answered now, and where: port 0 of the configuration was any free one."""
    host, _, _ = settings.listen.address.rpartition(":")
    address = f"{host}:{hub.port}"
    with hub.ledger.read() as txn:
        hub_id = get_hub_id(txn)
    if options.as_json:
        print_json({"serving": address, "hub_id": hub_id})
    else:
        click.echo(say("serving", address=address, hub_id=hub_id))
    # Whoever started the hub waits for this line, and a pipe would keep it until the end.
    sys.stdout.flush()
