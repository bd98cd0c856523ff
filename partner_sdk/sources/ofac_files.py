"""The two files of the OFAC list as Treasury publishes them: entities and their aliases.

No header, ``-0-`` for an empty cell, Ctrl-Z at the end. A file of another form, or one cut off
before its Ctrl-Z, is refused by line, so that it is never read as an empty or a shorter list.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from partner_sdk.sources.rows import RowsRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ORGANISATION = ""
INDIVIDUAL = "individual"
VESSEL = "vessel"
AIRCRAFT = "aircraft"

_ENTITY_CELLS = 12
_ALIAS_CELLS = 5
_ALIAS_KINDS = frozenset({"aka", "fka", "nka"})
_END_OF_FILE = "\x1a"
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True)
class Entity:
    """One line of ``sdn.csv``.

    Attributes:
        line: Line of the file, from 1.
        number: The list's number of it.
        name: Its name.
        kind: individual, vessel, aircraft, or empty: an organisation.
        call_sign: Radio call sign of a vessel.
        remarks: Free text that holds the other identifiers.
    """

    line: int
    number: str
    name: str
    kind: str
    call_sign: str
    remarks: str


@dataclass(frozen=True, slots=True)
class Alias:
    """One line of ``alt.csv``: another, a former or a newer name.

    Attributes:
        line: Line of the file, from 1.
        number: The list's number of the entity.
        name: The name.
    """

    line: int
    number: str
    name: str


def read_entities(path: Path) -> Iterator[Entity]:
    """Reads ``sdn.csv``.

    Raises:
        RowsRefusedError: The file has not the form of the list.
        OSError: The file cannot be read.
    """
    for line, cells in _read(path, cell_count=_ENTITY_CELLS, name="sdn.csv"):
        if cells[2] not in {ORGANISATION, INDIVIDUAL, VESSEL, AIRCRAFT}:
            raise RowsRefusedError.at(line, "", "a kind of entity that is not known")
        yield Entity(line, cells[0], cells[1], cells[2], cells[5], cells[11])


def read_aliases(path: Path) -> dict[str, list[Alias]]:
    """Reads ``alt.csv``: aliases by the number of their entity.

    Raises:
        RowsRefusedError: The file has not the form of the list.
        OSError: The file cannot be read.
    """
    aliases: dict[str, list[Alias]] = defaultdict(list)
    for line, cells in _read(path, cell_count=_ALIAS_CELLS, name="alt.csv"):
        if cells[2] not in _ALIAS_KINDS:
            raise RowsRefusedError.at(line, "", "a kind of alias that is not known")
        aliases[cells[0]].append(Alias(line, cells[0], cells[3]))
    return aliases


def _read(path: Path, *, cell_count: int, name: str) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for raw in reader:
                if raw == [_END_OF_FILE]:
                    _verify_end(reader, name)
                    return
                if len(raw) != cell_count:
                    rule = f"needs {cell_count} cells; is this {name}?"
                    raise RowsRefusedError.at(reader.line_num, "", rule)
                cells = [_cell(text) for text in raw]
                if not _NUMBER.fullmatch(cells[0]):
                    rule = f"needs a number first; is this {name}?"
                    raise RowsRefusedError.at(reader.line_num, "", rule)
                yield reader.line_num, cells
            rule = f"{name} is cut off: the end mark (Ctrl-Z) is missing; fetch it again"
            raise RowsRefusedError.at(max(reader.line_num, 1), "", rule)
        except UnicodeDecodeError:
            raise RowsRefusedError.at(reader.line_num + 1, "", "not UTF-8") from None
        except csv.Error:
            raise RowsRefusedError.at(reader.line_num, "", "not well-formed CSV") from None


def _verify_end(reader: Iterator[list[str]], name: str) -> None:
    if any(any(cells) for cells in reader):
        rule = f"{name} goes on after its end mark (Ctrl-Z); is it two files in one?"
        raise RowsRefusedError.at(1, "", rule)


def _cell(text: str) -> str:
    cell = text.strip()
    return "" if cell == "-0-" else cell
