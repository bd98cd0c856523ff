"""``rongan-hub agreement``: what a partner may do, by maker and checker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.settings import example
from rongan_share.cli.agreement_words import (
    format_words,
    message_of_words,
    parse_words,
    words_of_message,
)
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.cli.proposals import approve_all
from rongan_share.v1 import agreement_pb2
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.wire.taxonomy import packaged_taxonomy

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATE_PREFIX = "AGREEMENT_STATE_"


@click.group(
    help=say("help.agreement"),
    epilog=example("rongan-hub --home hub --as alice agreement show bank-a"),
)
def agreement() -> None:
    """Holds the verbs."""


@agreement.command(
    help=say("help.agreement_propose"),
    epilog=example("rongan-hub --home hub --as alice agreement propose -f bank-a.toml"),
)
@click.option(
    "-f",
    "--file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help=say("help.agreement_file"),
)
@shared_options()
@click.pass_obj
def propose(options: Options, *, file: Path) -> None:
    """Writes a new version down."""
    request = pb.ProposeAgreementRequest(agreement=_read_file(file))
    with options.connect() as hub:
        answer = hub.call(lambda stub: stub.ProposeAgreement, request)
    _show_act(options, answer.agreement, answer.entry_index)


@agreement.command(
    help=say("help.agreement_approve"),
    epilog=example("rongan-hub --home hub --as bob agreement approve bank-a 1"),
)
@click.argument("partner_id", metavar="PARTNER", required=False)
@click.argument("version", type=click.IntRange(min=1, max=(1 << 32) - 1), required=False)
@click.option("--all-proposed", is_flag=True, help=say("help.all_proposed"))
@click.option("--yes", is_flag=True, help=say("help.yes"))
@shared_options()
@click.pass_obj
def approve(
    options: Options,
    partner_id: str | None,
    version: int | None,
    *,
    all_proposed: bool,
    yes: bool,
) -> None:
    """Puts a version in force, or all that wait for it."""
    if all_proposed == (partner_id is not None) or (version is None) != (partner_id is None):
        raise click.UsageError(say("one_or_all"))
    if all_proposed:
        approve_all(options, asked_before=yes)
        return
    request = pb.ApproveAgreementRequest(partner_id=partner_id or "", version=version or 0)
    with options.connect() as hub:
        answer = hub.call(lambda stub: stub.ApproveAgreement, request)
    _show_act(options, answer.agreement, answer.entry_index)


@agreement.command(
    help=say("help.agreement_show"),
    epilog=example("rongan-hub --home hub --as alice agreement show bank-a --version 1"),
)
@click.argument("partner_id", metavar="PARTNER")
@click.option(
    "--version",
    type=click.IntRange(min=1, max=(1 << 32) - 1),
    default=None,
    help=say("help.agreement_version"),
)
@shared_options()
@click.pass_obj
def show(options: Options, partner_id: str, *, version: int | None) -> None:
    """Prints a version in the words of the file, so that it can be proposed again."""
    request = pb.GetPartnerAgreementRequest(partner_id=partner_id, version=version or 0)
    with options.connect() as hub:
        found = hub.call(lambda stub: stub.GetPartnerAgreement, request).agreement
    words = words_of_message(found, packaged_taxonomy())
    if options.as_json:
        options.show({**_act_facts(found), **msgspec.to_builtins(words)}, ())
        return
    for key, text in _act_lines(found):
        click.echo(f"# {say(key)}: {text}")
    click.echo(format_words(words))


def _read_file(file: Path) -> agreement_pb2.Agreement:
    """Reads an agreement's file.

    Raises:
        RefusedHereError: What it says is not an agreement.
        OSError: It cannot be read.
    """
    try:
        words = parse_words(file.read_text(encoding="utf-8"))
        return message_of_words(words, packaged_taxonomy())
    except ValueError as error:
        raise RefusedHereError(f"{file}: {error}") from error


def _show_act(options: Options, found: agreement_pb2.Agreement, entry_index: int) -> None:
    options.show(
        {**_act_facts(found), "entry_index": entry_index},
        [*_act_lines(found), ("entry_index", entry_index)],
    )


def _act_facts(found: agreement_pb2.Agreement) -> dict[str, object]:
    return {
        "partner": found.partner_id,
        "version": found.version,
        "state": agreement_pb2.AgreementState.Name(found.state).removeprefix(_STATE_PREFIX),
        "proposer": found.proposer,
        "approver": found.approver,
    }


def _act_lines(found: agreement_pb2.Agreement) -> Iterator[tuple[str, object]]:
    for key, value in _act_facts(found).items():
        yield key, value or "-"
