"""``rongan-hub init``: makes a hub."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.settings import TARGET, example
from rongan_share.ca import Hierarchy
from rongan_share.cli.founding import FIRST_EPOCH, Plan, found_hub
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.cli.rehearsal import issue_clock
from rongan_share.config import FILE_NAME
from rongan_share.wire.vocabulary import Suite

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFAULTS = Plan(trust_domain="", address="127.0.0.1:7443")


@click.command(
    help=say("help.init"),
    epilog=example(
        "rongan-hub --home hub init --trust-domain hub.example --operator alice --operator bob"
    ),
)
@click.option("--trust-domain", required=True, metavar="DOMAIN", help=say("help.trust_domain"))
@click.option(
    "--address",
    default=_DEFAULTS.address,
    show_default=True,
    metavar="HOST:PORT",
    help=say("help.address"),
)
@click.option(
    "--enrolment-address",
    default="",
    metavar="HOST:PORT",
    help=say("help.enrolment_address"),
)
@click.option(
    "--operator",
    "operators",
    multiple=True,
    default=_DEFAULTS.operators,
    show_default=True,
    metavar="NAME",
    help=say("help.operators"),
)
@click.option(
    "--hub-name",
    "hub_names",
    multiple=True,
    default=_DEFAULTS.hub_names,
    show_default=True,
    metavar="HOST",
    help=say("help.hub_names"),
)
@click.option(
    "--suite",
    type=click.Choice([suite.name for suite in Suite]),
    default=_DEFAULTS.suite.name,
    show_default=True,
    help=say("help.suite"),
)
@click.option(
    "--clock-offset",
    type=int,
    default=0,
    show_default=True,
    metavar="SECONDS",
    help=say("help.clock_offset"),
)
@shared_options()
@click.pass_obj
def init(
    options: Options,
    *,
    trust_domain: str,
    address: str,
    enrolment_address: str,
    operators: tuple[str, ...],
    hub_names: tuple[str, ...],
    suite: str,
    clock_offset: int,
) -> None:
    """Makes the home and says what to do next."""
    for name, given in (("--address", address), ("--enrolment-address", enrolment_address)):
        if not TARGET.fullmatch(given) and (given or name == "--address"):
            raise click.BadParameter(say("bad_address"), param_hint=name)
    plan = Plan(
        trust_domain=trust_domain,
        address=address,
        enrolment_address=enrolment_address,
        hub_names=hub_names,
        operators=operators,
        suite=Suite[suite],
        clock_offset_seconds=clock_offset,
    )
    found_hub(options.home, plan, issue_clock(clock_offset))
    options.show(_facts(options, plan), _lines(options, plan))


def _facts(options: Options, plan: Plan) -> dict[str, object]:
    made = Hierarchy(options.home)
    return {
        "home": str(options.home),
        "configuration": str(options.home / FILE_NAME),
        "address": plan.address,
        "operators": {name: str(made.operator(name).key.parent) for name in plan.operators},
        "roots": str(made.hub_roots),
        "root_key": str(made.root.key),
        "epoch": FIRST_EPOCH,
        "suite": plan.suite.name,
    }


def _lines(options: Options, plan: Plan) -> Iterator[tuple[str, object]]:
    made = Hierarchy(options.home)
    yield "home", options.home
    yield "configuration", options.home / FILE_NAME
    for name in plan.operators:
        yield "operator", f"{name}  {made.operator(name).key.parent}"
    yield "roots", made.hub_roots
    yield "root_key", f"{made.root.key}  {say('keep_offline')}"
    yield "epoch", f"{FIRST_EPOCH} {plan.suite.name}"
    yield "next", _command(options, "serve")
    yield (
        "",
        _command(
            options, "--as", plan.operators[0], "partner", "add", "bank-a", "--name", "Bank A"
        ),
    )


def _command(options: Options, *words: str) -> str:
    return shlex.join(["rongan-hub", "--home", str(options.home), *words])
