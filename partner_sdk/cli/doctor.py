"""``rongan doctor``: why a hub cannot be called, a line for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from partner_sdk.cli.failures import REFUSED, UNREACHABLE
from partner_sdk.cli.messages import say
from partner_sdk.cli.settings import Settings, example, json_option
from partner_sdk.doctor import State, examine

if TYPE_CHECKING:
    from partner_sdk.doctor import Finding

_WITH_REMEDY = (State.FAILED, State.WARNING)


@click.command(
    help=say("help.doctor"),
    epilog=example("rongan --hub hub.example:7443 --credentials bank-a doctor"),
)
@json_option
@click.pass_context
def doctor(context: click.Context) -> None:
    """Prints what was found; ends with 1 if there is a cause, with 3 if nobody was reached."""
    settings = context.ensure_object(Settings)
    findings = list(examine(settings.target(), settings.folder()))
    fit = not any(finding.fails for finding in findings)
    settings.show(
        {"fit": fit, "checks": [_facts(finding) for finding in findings]},
        [(f"doctor.{finding.state.value}", _line(finding)) for finding in findings],
    )
    if not fit:
        away = any(finding.unreachable for finding in findings)
        context.exit(UNREACHABLE if away else REFUSED)


def _facts(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "state": finding.state.value,
        "cause": finding.cause,
        "text": _text(finding),
        "remedy": _remedy(finding),
    }


def _line(finding: Finding) -> str:
    label, text, remedy = say(f"doctor.{finding.check}"), _text(finding), _remedy(finding)
    line = say("colon").join((label, text))
    return say("doctor.with_remedy", text=line, remedy=remedy) if remedy else line


def _text(finding: Finding) -> str:
    return say(f"doctor.{finding.cause}", **finding.values)


def _remedy(finding: Finding) -> str:
    if finding.state not in _WITH_REMEDY:
        return ""
    return say(f"doctor.{finding.cause}.remedy", **finding.values)
