"""The formats of a source, and one way to read the records of all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique
from typing import TYPE_CHECKING

from partner_sdk.sources.cells import RawRecord
from partner_sdk.sources.csv_file import read_records
from partner_sdk.sources.json_lines import read_json_lines
from partner_sdk.sources.parquet_file import read_parquet
from partner_sdk.sources.quotes import ReadNotes
from partner_sdk.sources.texts import Encoding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from partner_sdk.sources.rows import RowProblem


@unique
class Format(Enum):
    """A format; the value is its name in a mapping and on the command line."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"


_SUFFIXES = {
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".parquet": Format.PARQUET,
}

_DELIMITERS = {Format.CSV: ",", Format.TSV: "\t"}


def format_of_name(path: Path) -> Format:
    """Tells the format by the end of a file's name; CSV if it says nothing."""
    return _SUFFIXES.get(path.suffix.lower(), Format.CSV)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file and how to read it.

    Attributes:
        path: The file.
        format: Its format.
        encoding: How its text is written; Parquet has none.
        notes: What is worth telling of it once it was read.
    """

    path: Path
    format: Format
    encoding: Encoding = Encoding.UTF_8
    notes: ReadNotes = field(default_factory=ReadNotes, compare=False)

    def records(
        self,
        *,
        mandatory: Collection[str],
        known: Collection[str] | None = None,
        exact: Collection[str] = (),
    ) -> Iterator[RawRecord | RowProblem]:
        """Reads its records from the start.

        Args:
            mandatory: Columns that it must have, JSON lines on every line.
            known: Columns that it may have; None = any. JSON lines are judged line by line, by
                whoever uses them.
            exact: Columns of which every digit counts; Parquet has types that lose some.

        Raises:
            RowsRefusedError: It has not the form of one.
            OSError: It cannot be read.
        """
        if self.format is Format.PARQUET:
            return read_parquet(self.path, known=known, mandatory=mandatory, exact=exact)
        if self.format is Format.JSONL:
            return read_json_lines(self.path, mandatory=mandatory, encoding=self.encoding)
        return self._delimited(mandatory=mandatory, known=known)

    def _delimited(
        self, *, mandatory: Collection[str], known: Collection[str] | None
    ) -> Iterator[RawRecord]:
        records = read_records(
            self.path,
            known=known,
            mandatory=mandatory,
            delimiter=_DELIMITERS[self.format],
            encoding=self.encoding,
            notes=self.notes,
        )
        for record in records:
            yield RawRecord(record.line, record.cells)
