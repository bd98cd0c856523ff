"""Options that every question shares, and the way its answers are shown."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeVar

import click

from partner_sdk.cli.messages import say
from rongan_share.wire.vocabulary import Channel, DetailLevel, Purpose

if TYPE_CHECKING:
    from collections.abc import Callable

    from partner_sdk.verdicts import QuotaLeft

    CommandT = TypeVar("CommandT", bound=Callable[..., Any])


class Member(click.Choice[str]):
    """A choice among the members of a vocabulary, by name in any case."""

    def __init__(self, vocabulary: type[IntEnum]) -> None:
        super().__init__([member.name for member in vocabulary], case_sensitive=False)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002
        """Shows the names as the rest of the system writes them, not in lower case."""
        return f"[{'|'.join(self.choices)}]"


def question_options(*, channel: Channel | None = None) -> Callable[[CommandT], CommandT]:
    """Adds the options of a question to a command.

    Args:
        channel: The default of ``--channel``; None = it must be given.
    """
    # Even a default of None would count as given.
    how = {"required": True} if channel is None else {"default": channel.name}
    options = (
        click.option("--purpose", type=Member(Purpose), required=True, help=say("help.purpose")),
        click.option("--channel", type=Member(Channel), help=say("help.channel"), **how),
        click.option(
            "--categories", callback=read_codes, metavar="CODES", help=say("help.categories")
        ),
        click.option(
            "--detail",
            type=Member(DetailLevel),
            default=DetailLevel.CATEGORY.name,
            show_default=True,
            help=say("help.detail"),
        ),
    )

    def decorate(command: CommandT) -> CommandT:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def read_codes(
    ctx: click.Context,
    param: click.Parameter,
    value: str | None,
) -> tuple[str, ...]:
    """Reads ``A1,E4`` of an option; left out, it means all.

    Raises:
        click.BadParameter: A code is empty, as where a script's variable is not set.
    """
    if value is None:
        return ()
    codes = tuple(code.strip().upper() for code in value.split(","))
    if not all(codes):
        raise click.BadParameter(say("bad_categories"), ctx, param)
    return codes


def quota_line(quota: QuotaLeft) -> str:
    """Says what the agreement still allows."""
    return say("quota_line", burst=quota.burst_count, day=quota.day_count, month=quota.month_count)


def quota_facts(quota: QuotaLeft) -> dict[str, int]:
    """Gives what the agreement still allows, for JSON."""
    return {"burst": quota.burst_count, "day": quota.day_count, "month": quota.month_count}
