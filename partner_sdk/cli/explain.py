"""``rongan contribute --explain``: a guessed mapping as TOML, what is known of it as comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from partner_sdk.cli.messages import say
from partner_sdk.cli.settings import print_json
from partner_sdk.sources.formats import Format
from partner_sdk.sources.guess import Guess, GuessedColumn, guess_mapping
from partner_sdk.sources.mapping import ColumnMapping, IdentifierColumns
from partner_sdk.sources.mapping_writer import mapping_toml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from partner_sdk.cli.settings import Settings
    from partner_sdk.sources.guess_identifiers import Candidate

_CONSTANTS = ("evidence", "source_class", "legal_basis")
"""What ADD needs besides the mandatory columns, and often is the same in every row."""


def show_guess(settings: Settings, file: Path, *, format_name: str | None) -> None:
    """Prints the guess; as it stands it is a mapping file.

    Args:
        settings: How to speak.
        file: The file; nothing of its values is printed.
        format_name: Its format, if it was said.

    Raises:
        RowsRefusedError: It cannot be read as any format.
        OSError: It cannot be read.
    """
    guess = guess_mapping(file, format_name=format_name)
    sure: dict[str, int] = {}
    for each in guess.columns:
        if each.meaning:
            sure[each.meaning] = min(each.confidence, sure.get(each.meaning, each.confidence))
    remarks = {meaning: say("explain_sure", sure=least) for meaning, least in sure.items()}
    toml = mapping_toml(guess.mapping, remarks)
    if settings.as_json:
        print_json(_facts(guess, toml))
        return
    for line in _comments(guess):
        click.echo(f"# {line}")
    click.echo(toml, nl=False)
    for line in _not_taken(guess):
        click.echo(f"# {line}".rstrip())


def _comments(guess: Guess) -> Iterator[str]:
    yield say("explain_head")
    if guess.mapping.format is not Format.PARQUET:
        encoding = guess.mapping.encoding.value
        yield say("explain_encoding", encoding=encoding, sure=guess.encoding_confidence)
    if not guess.header_known:
        yield say("explain_no_header")
    yield say("explain_columns")
    seeming = {each.columns[0]: each for each in guess.not_taken if len(each.columns) == 1}
    yield from (f"  {_column(each, seeming.get(each.name))}" for each in guess.columns)
    if guess.not_taken:
        yield say("explain_not_taken", count=len(guess.not_taken))
    yield say("explain_kinds")
    for line, kinds in guess.kinds.items():
        yield f"  {say('explain_row', line=line, kinds=', '.join(kinds))}"
    yield from (say("explain_missing", column=column) for column in _missing(guess))
    yield from (say("explain_unknown", column=column) for column in guess.unknown_texts)


def _not_taken(guess: Guess) -> Iterator[str]:
    """Gives a block for each column of identifiers that was left out, ready to be let in."""
    for each in guess.not_taken:
        names = " + ".join(each.columns)
        names = "".join(sign if sign.isprintable() else " " for sign in names)
        kind = each.type or "TYPE"
        why = say(each.reason.value) if each.reason else ""
        yield ""
        yield f"!! {names}: {kind}: {why}"
        block = mapping_toml(_block(each, kind), {}).splitlines()
        yield from block[block.index("[[identifiers]]") :]


def _block(candidate: Candidate, kind: str) -> ColumnMapping:
    return ColumnMapping(
        identifiers=(IdentifierColumns(kind, candidate.columns, candidate.prefix),)
    )


def _column(column: GuessedColumn, seeming: Candidate | None) -> str:
    name = column.name or say("explain_column", position=column.position)
    if seeming is not None:
        return say("explain_seems", name=name, meaning=seeming.type or "?")
    if not column.meaning:
        return say("explain_left_out", name=name)
    return say("explain_matched", name=name, meaning=column.meaning, sure=column.confidence)


def _missing(guess: Guess) -> list[str]:
    mapping = guess.mapping
    wanted = [name for name in _CONSTANTS if name not in mapping.columns]
    return [*mapping.missing(), *wanted]


def _facts(guess: Guess, toml: str) -> dict[str, object]:
    stated = guess.mapping.format
    return {
        "format": stated.value if stated else "",
        "encoding": guess.mapping.encoding.value,
        "encoding_confidence": guess.encoding_confidence,
        "header_known": guess.header_known,
        "columns": [
            {
                "position": each.position,
                "name": each.name,
                "meaning": each.meaning,
                "confidence": each.confidence,
            }
            for each in guess.columns
        ],
        "first_rows": [{"line": line, "kinds": kinds} for line, kinds in guess.kinds.items()],
        "not_taken": [
            {
                "columns": each.columns,
                "type": each.type,
                "prefix": each.prefix,
                "confidence": each.confidence,
                "reason": each.reason.name if each.reason else "",
            }
            for each in guess.not_taken
        ],
        "missing": _missing(guess),
        "unknown_texts": guess.unknown_texts,
        "mapping": toml,
    }
