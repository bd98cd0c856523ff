"""Contributions from a CSV file: UTF-8, a header, one listing a row.

Checked as a whole before anything is sent, so that a bad row at the end does not leave half a
file shared.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from partner_sdk.sources.rows import (
    COLUMNS,
    ParsedRow,
    Row,
    RowProblem,
    RowsRefusedError,
    parse_row,
)
from rongan_share.wire.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rongan_share.wire.taxonomy import Taxonomy

SHOWN_PROBLEMS = 20
"""Most problems that a refusal names one by one."""

_MANDATORY = frozenset({"reference", "type", "value", "category"})


@dataclass(frozen=True, slots=True)
class Record:
    """One record of any CSV file.

    Attributes:
        line: Line of the file where it ends, from 1.
        cells: Text by column, surrounding blanks dropped.
    """

    line: int
    cells: dict[str, str]


def read_records(path: Path, *, known: Iterable[str], mandatory: Iterable[str]) -> Iterator[Record]:
    """Reads a CSV file with a header; a byte-order mark and empty lines are skipped.

    Args:
        path: The file, UTF-8.
        known: Columns that the header may name.
        mandatory: Columns that the header must name.

    Raises:
        RowsRefusedError: Header, text encoding, quotes, or the number of cells in a record.
        OSError: The file cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            _verify_header(header, known=set(known), mandatory=set(mandatory))
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise _refused(reader.line_num, "", f"needs {len(header)} cells")
                texts = (cell.strip() for cell in cells)
                yield Record(reader.line_num, dict(zip(header, texts, strict=True)))
        except csv.Error:
            raise _refused(reader.line_num, "", "not well-formed CSV") from None
        except UnicodeDecodeError:
            raise _refused(reader.line_num + 1, "", "not UTF-8") from None


def read_rows(path: Path) -> Iterator[Row]:
    """Reads a CSV file of listings; columns as in `COLUMNS`, those not needed may be missing.

    Raises:
        RowsRefusedError: The file has not the form of one.
        OSError: The file cannot be read.
    """
    for record in read_records(path, known=COLUMNS, mandatory=_MANDATORY):
        yield Row(line=record.line, **record.cells)


def parse_rows(rows: Iterable[Row], taxonomy: Taxonomy | None) -> Iterator[ParsedRow]:
    """Parses rows; those after a bad row are still checked, so that one run names all problems.

    Raises:
        RowsRefusedError: At the end, if any row broke a rule.
    """
    problems: list[RowProblem] = []
    total = 0
    for row in rows:
        try:
            parsed = parse_row(row, taxonomy)
        except MalformedError as error:
            total += 1
            if len(problems) < SHOWN_PROBLEMS:
                problems.append(RowProblem(row.line, error.field, error.rule))
        else:
            yield parsed
    if total:
        raise RowsRefusedError(tuple(problems), total)


def _verify_header(header: list[str], *, known: set[str], mandatory: set[str]) -> None:
    missing = sorted(mandatory - set(header))
    if missing:
        raise _refused(1, missing[0], "the header does not name this column")
    # The stray name itself is not repeated: without a header it would be an identifier.
    if not known.issuperset(header):
        raise _refused(1, "", f"the header may name only: {' '.join(sorted(known))}")
    if len(set(header)) != len(header):
        raise _refused(1, "", "the header names a column twice")


def _refused(line: int, column: str, rule: str) -> RowsRefusedError:
    return RowsRefusedError((RowProblem(line, column, rule),), 1)
