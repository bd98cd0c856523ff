"""Files into tokens: CSV and Parquet, read in columns."""

from __future__ import annotations

import csv
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet

from partner_sdk.bulk.arrays import Column, text_array
from partner_sdk.sources.csv_file import read_records, verify_header
from partner_sdk.sources.rows import RowsRefusedError
from partner_sdk.sources.texts import verify_is_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from partner_sdk.bulk.outcome import TokenColumns
    from partner_sdk.bulk.processes import BulkTokenizer
    from rongan_share.wire.vocabulary import IdentifierType

_BLOCK_BYTES = 3 << 19
_BATCH_ROWS = 32_768


def tokenise_csv(
    path: Path,
    workers: BulkTokenizer,
    *,
    identifier_type: IdentifierType | None = None,
    delimiter: str = ",",
) -> Iterator[TokenColumns]:
    """Makes the tokens of the columns ``type`` and ``value`` of a CSV file in UTF-8.

    Args:
        path: The file; its first line names its columns, of which others are not read.
        workers: The processes that do it.
        identifier_type: The type of all rows; the file then needs no column ``type``.
        delimiter: What stands between cells.

    Raises:
        RowsRefusedError: It has not the form of one. What was yielded before is right.
        OSError: It cannot be read.
    """
    return workers.tokenise(_csv_columns(path, identifier_type, delimiter), stripped=True)


def tokenise_parquet(
    path: Path, workers: BulkTokenizer, *, identifier_type: IdentifierType | None = None
) -> Iterator[TokenColumns]:
    """Makes the tokens of the columns ``type`` and ``value``, both texts, of a Parquet file.

    Args:
        path: The file.
        workers: The processes that do it.
        identifier_type: The type of all rows; the file then needs no column ``type``.

    Raises:
        RowsRefusedError: It is no Parquet file, is damaged, or lacks a column of texts.
        OSError: It cannot be opened.
    """
    return workers.tokenise(_parquet_columns(path, identifier_type), stripped=True)


def _names(identifier_type: IdentifierType | None) -> list[str]:
    return ["value"] if identifier_type else ["value", "type"]


def _csv_columns(
    path: Path, identifier_type: IdentifierType | None, delimiter: str
) -> Iterator[tuple[Column, Column]]:
    verify_is_text(path)
    _verify_lines(path)
    names = _names(identifier_type)
    header = _header(path, delimiter)
    verify_header(header, known=None, mandatory=names)
    try:
        reader = arrow_csv.open_csv(
            path,
            arrow_csv.ReadOptions(column_names=header, skip_rows=1, block_size=_BLOCK_BYTES),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=False),
            arrow_csv.ConvertOptions(
                include_columns=names, column_types=dict.fromkeys(names, pa.string())
            ),
        )
        for batch in reader:
            yield batch["value"], identifier_type or batch["type"]
    except pa.ArrowInvalid:
        # What pyarrow says quotes the row. The other reader says the line.
        _refuse(path, names, delimiter)


def _verify_lines(path: Path) -> None:
    """Refuses a cell that goes on in another line: a stray quote sign would swallow rows."""
    with path.open("rb") as file:
        # Most files hold no quote sign at all, and then nothing need be counted.
        if not any(b'"' in chunk for chunk in iter(partial(file.read, _BLOCK_BYTES), b"")):
            return
        file.seek(0)
        for number, line in enumerate(file, start=1):
            if line.count(b'"') % 2:
                raise RowsRefusedError.at(number, "", "one line a row, quote signs in pairs")


def _refuse(path: Path, names: list[str], delimiter: str) -> NoReturn:
    try:
        for _ in read_records(path, known=None, mandatory=names, delimiter=delimiter):
            pass
    except RowsRefusedError as refused:
        raise refused from None
    raise RowsRefusedError.at(1, "", "not well-formed CSV") from None


def _header(path: Path, delimiter: str) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            cells = next(csv.reader([file.readline()], delimiter=delimiter, strict=True), [])
        except (csv.Error, UnicodeDecodeError):
            raise RowsRefusedError.at(1, "", "not well-formed CSV in UTF-8") from None
    return [name.strip(" \t") for name in cells]


def _parquet_columns(
    path: Path, identifier_type: IdentifierType | None
) -> Iterator[tuple[Column, Column]]:
    names = _names(identifier_type)
    with path.open("rb") as opened:
        try:
            file = arrow_parquet.ParquetFile(opened)
            verify_header(list(file.schema_arrow.names), known=None, mandatory=names)
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=names):
                columns = [text_array(batch[name]) for name in names]
                yield columns[0], identifier_type or columns[1]
        except TypeError:
            raise RowsRefusedError.at(1, "", "needs columns of texts in UTF-8") from None
        except (pa.ArrowException, OSError):
            # What pyarrow says may hold values.
            raise RowsRefusedError.at(1, "", "not well-formed Parquet") from None
