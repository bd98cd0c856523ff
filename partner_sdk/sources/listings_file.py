"""A file of listings in any format, with a mapping or with our own column names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partner_sdk.sources.cells import RawRecord
from partner_sdk.sources.csv_file import MANDATORY, read_rows
from partner_sdk.sources.formats import Format, SourceFile, format_of_name
from partner_sdk.sources.mapping import EXACT_COLUMNS, ColumnMapping
from partner_sdk.sources.quotes import ReadNotes
from partner_sdk.sources.rows import COLUMNS, Row, RowProblem, RowsRefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

_NEEDED_BY_ADD = ("evidence", "source_class", "legal_basis")
_NOT_GIVEN = "the mapping does not give this column; name it, or give a constant"
_OWN_COLUMNS = ColumnMapping(columns={column: (column,) for column in COLUMNS}, whole_records=True)


@dataclass(frozen=True, slots=True)
class ListingsFile:
    """A file of listings.

    Attributes:
        path: The file.
        format: Its format.
        mapping: What its columns mean; None = they have our names.
        notes: What is worth telling of it once it was read.
    """

    path: Path
    format: Format
    mapping: ColumnMapping | None = None
    notes: ReadNotes = field(default_factory=ReadNotes, compare=False)

    @classmethod
    def of(
        cls, path: Path, *, format_name: str | None = None, mapping: ColumnMapping | None = None
    ) -> ListingsFile:
        """Chooses the format: as said, else as the mapping says, else by the file's name."""
        stated = mapping.format if mapping else None
        chosen = Format(format_name) if format_name else stated or format_of_name(path)
        return cls(path, chosen, mapping)

    @property
    def options(self) -> str:
        """What decides the rows besides the file's content."""
        kind = self.format.value
        return kind if self.mapping is None else f"{kind} mapping {self.mapping.digest()}"

    def rows(self) -> Iterator[Row | RowProblem]:
        """Reads the rows from the start.

        Raises:
            RowsRefusedError: The file has not the form of one, or the mapping leaves out a column
                that every row needs.
            OSError: The file cannot be read.
        """
        self.notes.several_lines = 0
        if self.mapping is None:
            return self._own_rows()
        missing = self.mapping.missing()
        if missing:
            raise RowsRefusedError.at(1, missing[0], _NOT_GIVEN)
        source = SourceFile(self.path, self.format, self.mapping.encoding, self.notes)
        records = source.records(
            mandatory=self.mapping.source_columns(), exact=self.mapping.exact_columns()
        )
        return _told_once(self.mapping.rows(records), _lacking(self.mapping))

    def _own_rows(self) -> Iterator[Row | RowProblem]:
        if self.format is Format.CSV:
            return read_rows(self.path)
        source = SourceFile(self.path, self.format)
        records = source.records(mandatory=MANDATORY, known=COLUMNS, exact=EXACT_COLUMNS)
        return _OWN_COLUMNS.rows(_with_our_names(records))


def _lacking(mapping: ColumnMapping) -> list[str]:
    """Names what every ADD needs and the mapping gives nowhere."""
    given = {*mapping.columns, *mapping.constants}
    return [] if "op" in given else [name for name in _NEEDED_BY_ADD if name not in given]


def _told_once(
    rows: Iterable[Row | RowProblem], lacking: Collection[str]
) -> Iterator[Row | RowProblem]:
    """Names what every row lacks once and passes on other problems, instead of every row."""
    told = not lacking
    for row in rows:
        if not told:
            yield from (RowProblem(1, name, _NOT_GIVEN) for name in lacking)
            told = True
        if isinstance(row, RowProblem) or not lacking:
            yield row


def _with_our_names(
    records: Iterable[RawRecord | RowProblem],
) -> Iterator[RawRecord | RowProblem]:
    """Refuses records with columns of other names: a misspelt one would be left out unseen."""
    known = frozenset(COLUMNS)
    for record in records:
        if isinstance(record, RawRecord) and not known.issuperset(record.cells):
            yield RowProblem(record.line, "", f"may have only: {' '.join(sorted(known))}")
        else:
            yield record
