"""What every command is told: which hub, which credentials, how to speak."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from partner_sdk.cli.messages import say
from partner_sdk.client import Client
from partner_sdk.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    CommandT = TypeVar("CommandT", bound=Callable[..., Any])

TARGET = re.compile(r"[^\s/]+:[0-9]{1,5}")
"""How a hub is named: host and port."""


@dataclass(slots=True)
class Settings:
    """Options of the group.

    Attributes:
        hub: ``HOST:PORT``, or empty.
        credentials: Folder of the credentials, or None.
        as_json: Print JSON.
    """

    hub: str = ""
    credentials: Path | None = None
    as_json: bool = False

    def connect(self) -> Client:
        """Makes a client from the options.

        Raises:
            click.UsageError: An option is missing or malformed.
            CredentialsError: The files are unfit.
        """
        return Client(self.target(), Credentials.from_directory(self.folder()))

    def target(self) -> str:
        """Returns the address of the hub.

        Raises:
            click.UsageError: It is missing or malformed.
        """
        if not self.hub:
            raise click.UsageError(say("missing_hub"))
        if not TARGET.fullmatch(self.hub):
            raise click.UsageError(say("bad_hub"))
        return self.hub

    def folder(self) -> Path:
        """Returns the folder of the credentials.

        Raises:
            click.UsageError: None is named.
        """
        if self.credentials is None:
            raise click.UsageError(say("missing_credentials"))
        return self.credentials

    def show(self, facts: Mapping[str, object], lines: Iterable[tuple[str, object]]) -> None:
        """Prints a result: facts as JSON, or lines of label and text for people.

        Args:
            facts: The result by stable English keys.
            lines: Keys of messages, and what to say beside them; the empty key continues.
        """
        if self.as_json:
            print_json(facts)
        else:
            print_lines([(say(key) if key else "", text) for key, text in lines])


def json_option(command: CommandT) -> CommandT:
    """Lets a command take ``--json`` behind its name too."""
    return click.option(
        "--json", "as_json", is_flag=True, expose_value=False, callback=_keep, help=say("help.json")
    )(command)


def _keep(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's
    context.ensure_object(Settings).as_json |= value


def print_json(facts: object) -> None:
    """Prints one JSON value on one line."""
    click.echo(json.dumps(facts, ensure_ascii=False))


def print_lines(labelled: Sequence[tuple[str, object]]) -> None:
    """Prints labels and what is said beside them, in two columns."""
    width = max((_width(label) for label, _ in labelled), default=0)
    for label, text in labelled:
        click.echo(f"{label}{' ' * (width - _width(label))}  {text}".rstrip())


def example(*lines: str) -> str:
    """Makes the last paragraph of a command's help."""
    return "\n  ".join((f"\b\n{say('example')}", *lines))


def _width(text: str) -> int:
    # Chinese characters take two columns of a terminal.
    return sum(2 if "\u2e80" <= character <= "\uffef" else 1 for character in text)
