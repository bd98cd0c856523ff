"""Quote signs of CSV: a cell that runs over several lines may be a note, or rows swallowed.

A quote sign that somebody set as a ditto mark opens a cell which ends at the next one, and every
row between them is gone. Nothing that is read may come from such a record.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from partner_sdk.sources.rows import RowsRefusedError

if TYPE_CHECKING:
    import csv
    from collections.abc import Collection, Mapping, Sequence

_LINE_BREAKS = ("\n", "\r")
_AROUND_NAMES = "\ufeff \t\r\n\u3000\u00a0"
_BREAK = re.compile(r"\s*[\r\n]\s*")
# Chinese has no blank between words, so none takes the place of a line break.
_WIDE_BREAK = re.compile(r"(?<=[^\x00-\x7f])\s*[\r\n]\s*|\s*[\r\n]\s*(?=[^\x00-\x7f])")


@dataclass(slots=True)
class ReadNotes:
    """What is worth telling of a file that was read.

    Attributes:
        several_lines: Records that span several lines.
    """

    several_lines: int = 0


def header_name(cell: str) -> str:
    """Gives the name of a column as mappings write it: one line, no wide blanks around it."""
    return _BREAK.sub(" ", _WIDE_BREAK.sub("", cell.strip(_AROUND_NAMES)))


def verify_cell_count(cells: Sequence[str], lines: range, *, expected: int) -> None:
    """Checks that a record has as many cells as the header.

    Raises:
        RowsRefusedError: It has not; the record is named by its first line.
    """
    if len(cells) == expected:
        return
    rule = f"needs {expected} cells"
    if len(lines) > 1:
        rule += f"; a quote sign makes lines {lines[0]} to {lines[-1]} one record"
    raise RowsRefusedError.at(lines[0], "", rule)


def verify_cells_end(
    cells: Mapping[str, str], lines: range, *, read: Collection[str], delimiter: str
) -> None:
    """Checks a record of several lines.

    Args:
        cells: Its cells by column, as they stand between the quotes.
        lines: The lines that it spans.
        read: Columns that are read.
        delimiter: What stands between cells.

    Raises:
        RowsRefusedError: A cell that is read goes on in another line, or one swallowed rows.
    """
    for name, text in cells.items():
        # A line break at the very end is what spreadsheets leave behind, not a second line.
        goes_on = name in read and any(sign in text.rstrip() for sign in _LINE_BREAKS)
        if goes_on or _swallowed(text, delimiter, others=len(cells) - 1):
            rule = (
                f"a quote sign makes lines {lines[0]} to {lines[-1]} one record; "
                "if it is a ditto mark, write the text out"
            )
            raise RowsRefusedError.at(lines[0], "", rule)


def words_of_csv_error(error: csv.Error) -> str:
    """Says what is wrong with a record that is no CSV; the text of the error is Python's."""
    if "unexpected end" in str(error):
        return "a quote sign in the record that begins here is never closed"
    return "not well-formed CSV: a quote sign within a cell of the record that begins here"


def _swallowed(text: str, delimiter: str, *, others: int) -> bool:
    """Says whether a cell begins and ends as one between two ditto marks of one column does."""
    first, *rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not rest or not others:
        return False
    last = rest[-1]
    between = (not first or first[0] == delimiter) and (not last or last[-1] == delimiter)
    return between and first.count(delimiter) + last.count(delimiter) == others
