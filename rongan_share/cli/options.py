"""What every command is told: which home, which operator, which hub, how to speak."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from partner_sdk.cli.settings import TARGET, print_json, print_lines
from partner_sdk.credentials import Credentials
from rongan_share.ca import Hierarchy
from rongan_share.cli.connection import Connection
from rongan_share.cli.messages import say
from rongan_share.config import Settings, load_settings
from rongan_share.processes.key_pairs import KeyPair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    CommandT = TypeVar("CommandT", bound=Callable[..., Any])

_UNBROKEN_COLUMNS = 10_000
"""Width of a table that goes into a file or a pipe: its rows must stay whole."""

_ANY_HOST = ("0.0.0.0", "[::]")  # noqa: S104 - recognised here, not listened on

_VARIABLES = {"home": "RONGAN_HUB_HOME", "operator": "RONGAN_HUB_OPERATOR", "hub": "RONGAN_HUB"}
"""Environment variables of the options."""


@dataclass(slots=True)
class Options:
    """Options that stand before the noun or after the verb.

    Attributes:
        home: The hub's home.
        operator: Who acts, or empty.
        hub: `HOST:PORT`, or empty: what `hub.toml` says.
        as_json: Print JSON.
    """

    home: Path = Path("hub")
    operator: str = ""
    hub: str = ""
    as_json: bool = False

    def load_settings(self) -> Settings:
        """Reads the hub's configuration.

        Raises:
            StartRefusedError: There is none, or it is malformed.
        """
        return load_settings(self.home)

    def target(self) -> str:
        """Names the hub to call.

        Raises:
            click.UsageError: The address is malformed, or its port is not known.
            StartRefusedError: It must come from `hub.toml` and cannot.
        """
        target = self.hub or _reachable(self.load_settings().listen.address)
        if not TARGET.fullmatch(target):
            raise click.UsageError(say("bad_hub"))
        if target.endswith(":0"):
            raise click.UsageError(say("missing_hub"))
        return target

    def connect(self) -> Connection:
        """Makes a connection to the hub in the operator's name.

        Raises:
            click.UsageError: An option is missing or malformed.
            StartRefusedError: The address must come from `hub.toml` and cannot.
            CredentialsError: The operator's files are unfit.
        """
        target = self.target()
        if not self.operator:
            raise click.UsageError(say("missing_operator"))
        files = Hierarchy(self.home).operator(self.operator)
        KeyPair(files.certificate, files.key).recover()
        return Connection(target, Credentials.from_files(files.certificate, files.key, files.roots))

    def show(self, facts: Mapping[str, object], lines: Iterable[tuple[str, object]]) -> None:
        """Prints a result.

        Args:
            facts: The result by stable English keys, for JSON.
            lines: Keys of messages, and what to say beside them; the empty key continues.
        """
        if self.as_json:
            print_json(facts)
        else:
            print_lines([(say(key) if key else "", text) for key, text in lines])

    def show_table(
        self,
        facts: Mapping[str, object],
        headings: Sequence[str],
        rows: Iterable[Sequence[object]],
    ) -> None:
        """Prints a list.

        Args:
            facts: The list by stable English keys, for JSON.
            headings: Keys of messages.
            rows: As many cells as headings.
        """
        if self.as_json:
            print_json(facts)
            return
        table = Table(*(say(key) for key in headings), box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(str(cell)) for cell in row))
        console = Console(width=None if sys.stdout.isatty() else _UNBROKEN_COLUMNS)
        with console.capture() as captured:
            console.print(table)
        for line in captured.get().splitlines():
            click.echo(line.rstrip())


def shared_options(*, from_environment: bool = False) -> Callable[[CommandT], CommandT]:
    """Adds the options that are kept in `Options` to the program or to a command.

    Args:
        from_environment: Take what is not given from the environment; only the program does, else
            it would win over what stands before the noun.
    """
    folder = click.Path(file_okay=False, path_type=Path)
    kept = (
        _kept("home", "--home", metavar="DIR", type=folder),
        _kept("operator", "--as", metavar="OPERATOR"),
        _kept("hub", "--hub", metavar="HOST:PORT"),
        _kept("as_json", "--json", is_flag=True, default=None, is_eager=True),
    )

    def decorate(command: CommandT) -> CommandT:
        for option in reversed(kept):
            command = option(command, from_environment=from_environment)
        return command

    return decorate


def _kept(attribute: str, name: str, **settings: Any) -> Callable[..., Any]:  # noqa: ANN401 - click's
    """Makes an option whose value goes into `Options` instead of into the command."""

    def keep(context: click.Context, _: click.Parameter, value: object) -> None:
        if value:
            setattr(context.ensure_object(Options), attribute, value)

    def add(command: CommandT, *, from_environment: bool) -> CommandT:
        return click.option(
            name,
            attribute,
            expose_value=False,
            callback=keep,
            envvar=_VARIABLES.get(attribute) if from_environment else None,
            help=say(f"help.{attribute}"),
            **settings,
        )(command)

    return add


def _reachable(address: str) -> str:
    """Names a hub that listens everywhere by a host that can be called."""
    host, _, port = address.rpartition(":")
    return f"localhost:{port}" if host in _ANY_HOST else address
