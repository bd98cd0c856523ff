"""A command shown in a page must be one that exists, with options that it has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from partner_sdk.cli.main import rongan
from partner_sdk.cli.settings import Settings
from rongan_share.cli.commands import rongan_hub
from rongan_share.cli.options import Options
from tests.house import tree

CODE_BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4}(.*)$", flags=re.MULTILINE)
CONTINUATION = re.compile(r"\s*\\\n\s*")
COMMAND = re.compile(r"(?:\$ +)?((?:rongan-hub|rongan)(?: .*)?)")
SHELL = {"|", "||", "&", "&&", ";", ">", ">>", "<", "2>"}
"""Words that end a command."""

PROGRAMS: dict[str, tuple[click.Group, type]] = {
    "rongan": (rongan, Settings),
    "rongan-hub": (rongan_hub, Options),
}


def command_lines(text: str) -> Iterator[str]:
    """Yields the lines of a page's code blocks that call one of our programs."""
    outside = CODE_BLOCK.sub("", text)
    blocks = [*CODE_BLOCK.findall(text), "\n".join(INDENTED.findall(outside))]
    for block in blocks:
        for line in CONTINUATION.sub(" ", block).splitlines():
            found = COMMAND.fullmatch(line.strip())
            if found is not None:
                yield found[1]


def parse_line(line: str) -> None:
    """Parses a command line as the program would, without running it.

    Raises:
        click.UsageError: The program would refuse it.
    """
    words = shlex.split(line, comments=True)
    end = next((place for place, word in enumerate(words) if word in SHELL), len(words))
    program, settings = PROGRAMS[words[0]]
    context = program.make_context(words[0], words[1:end], obj=settings())
    command: click.Command = program
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, found, rest = command.resolve_command(context, rest)
        if found is None:
            raise click.UsageError(f"no such command: {rest}")
        command = found
        try:
            context = command.make_context(name, rest, parent=context)
        except click.exceptions.Exit:
            # It asks for help, which ends the parsing well.
            return


@pytest.mark.parametrize("page", tree.pages(), ids=str)
def test_commands_of_a_page_exist(page: Path) -> None:
    """Each line that calls one of our programs parses: its command, options and arguments exist."""
    refused = {}
    for line in command_lines(tree.read(page)):
        try:
            parse_line(line)
        except click.UsageError as error:
            refused[line] = error.format_message()
    assert refused == {}


def test_a_page_shows_commands() -> None:
    """The pages for operators and partners show commands, so that this file looks at something."""
    shown = {
        page: len(list(command_lines(tree.read(Path("docs") / page))))
        for page in ("operations.md", "partner-guide.md", "partner-guide.zh.md")
    }
    assert min(shown.values()) > 0


@pytest.mark.parametrize(
    "line",
    [
        "rongan-hub --home hub agreement sign bank-a",
        "rongan-hub partner add bank-a --nickname A",
        "rongan-hub --as alice agreement approve bank-a first",
        "rongan check DOMAIN example.com --channel MOBILE",
        "rongan contribute list.csv --source xml",
    ],
)
def test_notices_a_wrong_command(line: str) -> None:
    """An unknown command or option, a missing option and a wrong value are refused."""
    with pytest.raises(click.UsageError):
        parse_line(line)


def test_reads_both_kinds_of_code() -> None:
    """Fenced and indented code, prompts, line ends and pipes are understood; output is not."""
    fenced = "```console\n$ rongan check A b \\\n    --json | head\nnext rongan\n```\n"
    page = f"{fenced}\n    rongan-hub status\n"
    assert list(command_lines(page)) == ["rongan check A b --json | head", "rongan-hub status"]
    parse_line("rongan-hub status --json | head -3")
    parse_line("rongan check --help")
