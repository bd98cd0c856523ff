"""Contributions from a CSV file: a header, one listing a row.

Checked as a whole before anything is sent, so that a bad row at the end does not leave half a
file shared.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partner_sdk.clock import shanghai_today
from partner_sdk.sources.cells import strip_blanks
from partner_sdk.sources.hints import better_rule
from partner_sdk.sources.quotes import (
    ReadNotes,
    header_name,
    verify_cell_count,
    verify_cells_end,
    words_of_csv_error,
)
from partner_sdk.sources.rows import (
    COLUMNS,
    ParsedRow,
    Row,
    RowProblem,
    RowsRefusedError,
    parse_row,
)
from partner_sdk.sources.texts import (
    Encoding,
    line_of_bad_text,
    not_encoded,
    verify_encoding,
    verify_is_text,
)
from rongan_share.wire.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import date
    from pathlib import Path

    from partner_sdk.sources.limits import RowLimits
    from rongan_share.wire.taxonomy import Taxonomy

SHOWN_PROBLEMS = 20
"""Most problems that a refusal names one by one."""

MANDATORY = frozenset({"reference", "type", "value", "category"})
"""Columns that a file of listings must have."""

_OTHER_DELIMITERS = {
    ";": "cells are separated by semicolons; save the file with commas",
    "\t": "cells are separated by tabs; save it with commas (contribute reads it: --source tsv)",
    ",": "cells are separated by commas, not tabs; name its format: --source csv",
    "\uff0c": "cells are separated by Chinese commas; save the file with ASCII commas",
}
"""What a header of one cell betrays, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of any CSV file.

    Attributes:
        line: Line of the file where it begins, from 1.
        cells: Text by column, surrounding blanks dropped. Never shown.
        problem: Why its cells, all empty, are not those of the line; empty = they are.
    """

    line: int
    cells: dict[str, str] = field(repr=False)
    problem: str = ""


def read_records(
    path: Path,
    *,
    known: Iterable[str] | None,
    mandatory: Collection[str],
    delimiter: str = ",",
    encoding: Encoding = Encoding.UTF_8,
    notes: ReadNotes | None = None,
    lenient: bool = False,
) -> Iterator[Record]:
    """Reads a CSV file with a header; a byte-order mark and empty lines are skipped.

    Args:
        path: The file.
        known: Columns that the header may name, each once; None = any, the mandatory ones once.
        mandatory: Columns that the header must name.
        delimiter: What stands between cells.
        encoding: How its text is written.
        notes: Where to count records of several lines, which only columns that are not read
            may cause.
        lenient: Whether a record with too few or too many cells, or with a line break in a cell
            that is read, is yielded with its problem instead of ending the file.

    Raises:
        RowsRefusedError: Header, text encoding, quotes, a line break in a cell that is read, or
            the number of cells in a record.
        OSError: The file cannot be read.
    """
    verify_is_text(path)
    verify_encoding(path, encoding)
    line = 1
    notes = notes or ReadNotes()
    with path.open(encoding=encoding.codec, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            first = next(reader, [])
            header = [header_name(name) for name in first]
            verify_delimiter(first, delimiter=delimiter, mandatory=mandatory)
            verify_header(header, known=known, mandatory=mandatory)
            read = frozenset(mandatory if known is None else header)
            line = reader.line_num + 1
            for cells in reader:
                span = range(line, reader.line_num + 1)
                try:
                    if cells:
                        verify_cell_count(cells, span, expected=len(header))
                        named = dict(zip(header, cells, strict=True))
                        if len(span) > 1:
                            verify_cells_end(named, span, read=read, delimiter=delimiter)
                            notes.several_lines += 1
                        stripped = {name: strip_blanks(cell) for name, cell in named.items()}
                        yield Record(line, stripped)
                except RowsRefusedError as error:
                    if not lenient:
                        raise
                    yield Record(line, dict.fromkeys(header, ""), error.problems[0].rule)
                line = span.stop
        except csv.Error as error:
            raise RowsRefusedError.at(line, "", words_of_csv_error(error)) from None
        except UnicodeDecodeError:
            line = line_of_bad_text(path, encoding)
            raise RowsRefusedError.at(line, "", not_encoded(path, encoding)) from None


def read_rows(path: Path) -> Iterator[Row]:
    """Reads a CSV file of listings; columns as in `COLUMNS`, those not needed may be missing.

    Raises:
        RowsRefusedError: The file has not the form of one.
        OSError: The file cannot be read.
    """
    for record in read_records(path, known=COLUMNS, mandatory=MANDATORY):
        yield Row(line=record.line, **record.cells)


def parse_rows(
    rows: Iterable[Row | RowProblem],
    taxonomy: Taxonomy | None,
    *,
    today: date | None = None,
    limits: RowLimits | None = None,
) -> Iterator[ParsedRow]:
    """Parses rows; those after a bad row are still checked, so that one run names all problems.

    Args:
        rows: Rows, and problems that a reader met instead of one.
        taxonomy: As in `parse_row`.
        today: As in `parse_row`.
        limits: What the hub will hold the rows to; None = that is left to the hub.

    Raises:
        RowsRefusedError: At the end, if any row broke a rule.
    """
    problems: list[RowProblem] = []
    total = 0
    today = today or shanghai_today()
    for row in rows:
        parsed = (
            row if isinstance(row, RowProblem) else _parsed(row, taxonomy, today, limits=limits)
        )
        if not isinstance(parsed, RowProblem):
            yield parsed
            continue
        total += 1
        if len(problems) < SHOWN_PROBLEMS:
            problems.append(parsed)
    if total:
        raise RowsRefusedError(tuple(problems), total)


def verify_delimiter(header: list[str], *, delimiter: str, mandatory: Collection[str]) -> None:
    """Names a file that separates its cells by another sign, which no column would tell.

    Raises:
        RowsRefusedError: The whole first line is one cell, and holds such a sign.
    """
    if len(header) != 1 or (mandatory and set(mandatory) <= set(header)):
        return
    for sign, rule in _OTHER_DELIMITERS.items():
        if sign != delimiter and sign in header[0]:
            raise RowsRefusedError.at(1, "", rule)


def verify_header(
    header: list[str], *, known: Iterable[str] | None, mandatory: Iterable[str]
) -> None:
    """Checks the names of columns; arguments as in `read_records`.

    Raises:
        RowsRefusedError: One is missing, unknown or there twice.
    """
    needed = set(mandatory)
    missing = sorted(needed - set(header))
    if missing:
        raise RowsRefusedError.at(1, missing[0], "the header does not name this column")
    # The stray name itself is not repeated: without a header it would be an identifier.
    names = set(header) if known is None else set(known)
    if not names.issuperset(header):
        raise RowsRefusedError.at(1, "", f"the header may name only: {' '.join(sorted(names))}")
    judged = header if known is not None else [name for name in header if name in needed]
    if len(set(judged)) != len(judged):
        raise RowsRefusedError.at(1, "", "the header names a column twice")


def _parsed(
    row: Row, taxonomy: Taxonomy | None, today: date, *, limits: RowLimits | None
) -> ParsedRow | RowProblem:
    try:
        parsed = parse_row(row, taxonomy, today=today)
        if limits is not None:
            limits.verify(parsed)
    except MalformedError as error:
        rule = better_rule(error.rule, type_name=row.type, value=row.value)
        return RowProblem(row.line, error.field, rule)
    return parsed
