"""From a source's own columns to rows of a contribution, as a mapping says.

A mapping names for each column of ours the source's column or a constant, translates words such
as 手机号, and says how dates are written. A source with one identifier a row gives type and value
by columns; one with a column for each type lists its identifiers, and a record becomes a row for
each that is not empty.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from partner_sdk.sources.cells import RawRecord, cell_text, day_text, exact_text
from partner_sdk.sources.date_formats import find_date
from partner_sdk.sources.formats import Format
from partner_sdk.sources.rows import Row, RowProblem
from partner_sdk.sources.texts import Encoding
from rongan_share.wire.identifiers import PART_SEPARATOR
from rongan_share.wire.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DATE_COLUMNS = ("event_date", "expiry_date")
"""Columns that may have date formats."""

EXACT_COLUMNS = ("reference", "value")
"""Columns of which every sign counts: as texts or whole numbers only."""

_MANDATORY = ("reference", "type", "value", "category")


@dataclass(frozen=True, slots=True)
class IdentifierColumns:
    """Where a record holds an identifier of one type.

    Attributes:
        type: Name of the identifier type.
        columns: Columns of the source, one for each part.
        prefix: First part where it is the same in every row, such as WECHAT; or empty.
    """

    type: str
    columns: tuple[str, ...]
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """How a source's records become rows.

    Attributes:
        format: Format of the source; None = as its name ends.
        encoding: How its text is written.
        columns: The source's column by ours; several only for the parts of a value.
        constants: What stands in every row, by our column.
        values: By our column, what a text of the source means here.
        dates: By our column, the date formats to try in order; none = ``YYYY-MM-DD``.
        identifiers: Identifiers of a record, instead of columns type and value.
        empty: Texts that mean in a cell of an identifier that there is none, such as 无.
        whole_records: Whether a row without an identifier may stand for its whole record. Where
            the columns have other names than ours, an empty cell is too easily a mistake.
    """

    format: Format | None = None
    encoding: Encoding = Encoding.UTF_8
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    identifiers: tuple[IdentifierColumns, ...] = ()
    empty: tuple[str, ...] = ()
    whole_records: bool = False

    def source_columns(self) -> frozenset[str]:
        """Names the source's columns that are needed."""
        groups = [*self.columns.values(), *(each.columns for each in self.identifiers)]
        return frozenset(name for group in groups for name in group)

    def exact_columns(self) -> frozenset[str]:
        """Names the source's columns of which every digit counts."""
        groups = [names for column, names in self.columns.items() if column in EXACT_COLUMNS]
        groups += [each.columns for each in self.identifiers]
        return frozenset(name for group in groups for name in group)

    def missing(self) -> list[str]:
        """Names the mandatory columns that a row could not have."""
        given = {*self.columns, *self.constants}
        if self.identifiers:
            given |= {"type", "value"}
        return [column for column in _MANDATORY if column not in given]

    def digest(self) -> str:
        """Computes a SHA-256 over all that decides the rows, hexadecimal.

        Comments, blanks and the order of a mapping file do not count; an upload goes on under a
        mapping that means the same.
        """
        meaning: dict[str, object] = {
            "encoding": self.encoding.value,
            "columns": self.columns,
            "constants": self.constants,
            "values": self.values,
            "dates": self.dates,
            "identifiers": [
                [each.type, each.columns, *filter(None, [each.prefix])] for each in self.identifiers
            ],
        }
        if self.empty:
            meaning["empty"] = sorted(self.empty)
        text = json.dumps(meaning, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def rows(self, records: Iterable[RawRecord | RowProblem]) -> Iterator[Row | RowProblem]:
        """Maps records; one that cannot be mapped becomes a problem in its place."""
        for record in records:
            if isinstance(record, RowProblem):
                yield record
                continue
            try:
                rows = self._rows_of(record)
            except MalformedError as error:
                yield RowProblem(record.line, error.field, error.rule)
            else:
                yield from rows

    def _rows_of(self, record: RawRecord) -> list[Row]:
        texts = dict(self.constants)
        for column, names in self.columns.items():
            if column in EXACT_COLUMNS:
                empty = self.empty if column == "value" else ()
                texts[column] = _joined(record, names, column, empty=empty)
                continue
            cell = record.cells.get(names[0])
            # Parquet knows dates of its own, which no pattern needs to fit.
            if column in DATE_COLUMNS and isinstance(cell, date):
                texts[column] = day_text(cell)
            else:
                texts[column] = self._translated(column, cell_text(cell, column))
        rows = [
            Row(line=record.line, type=each.type, value=value, **texts)
            for each in self.identifiers
            if (
                value := _prefixed(
                    each.prefix, _joined(record, each.columns, "value", empty=self.empty)
                )
            )
        ]
        if rows:
            return rows
        if not self.whole_records and not (texts.get("type") or texts.get("value")):
            raise MalformedError("value", "no identifier; only our own columns name whole records")
        return [Row(line=record.line, **texts)]

    def _translated(self, column: str, text: str) -> str:
        translation = self.values.get(column, {}).get(text)
        if translation is not None:
            return translation
        patterns = self.dates.get(column)
        if not patterns or not text:
            return text
        day = find_date(text, patterns)
        if day is None:
            raise MalformedError(column, "fits no date format of the mapping")
        return day.isoformat()


def _prefixed(prefix: str, value: str) -> str:
    return f"{prefix}{PART_SEPARATOR}{value}" if prefix and value else value


def _joined(
    record: RawRecord, names: tuple[str, ...], column: str, *, empty: tuple[str, ...]
) -> str:
    """Joins the cells of a value's parts; empty unless all are there."""
    cells = record.cells
    parts = [exact_text(cells.get(name), column) for name in names]
    parts = ["" if part in empty else part for part in parts]
    if len(parts) == 1:
        return parts[0]
    if any(PART_SEPARATOR in part for part in parts):
        raise MalformedError(column, "a part holds the sign that separates parts")
    if not any(parts):
        return ""
    if not all(parts):
        raise MalformedError(column, "a part is empty")
    return PART_SEPARATOR.join(parts)
