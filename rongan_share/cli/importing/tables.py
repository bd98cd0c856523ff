"""CSV and Parquet files, read by pyarrow in batches; it is loaded only when it is needed."""

from __future__ import annotations

from collections import deque
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from partner_sdk.sources.parquet_file import ParquetUnavailableError
from partner_sdk.sources.rows import RowsRefusedError
from rongan_share.cli.importing.blocks import BLOCK_ROWS, Block, Faults
from rongan_share.cli.importing.cells import (
    KEYS,
    Column,
    absent,
    fill_empty,
    fill_severities,
    read_hexadecimal,
    read_numbers,
    read_texts,
)
from rongan_share.cli.importing.lines import find_lines
from rongan_share.ledger.imports import SourceFile
from rongan_share.ledger.journal import COLUMN_DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from rongan_share.wire.taxonomy import Taxonomy

ALIASES = {"op": "operation", "event_date": "event_day", "expiry_date": "expiry_day"}
"""Names that `rongan contribute` has for our columns."""

COLUMNS = tuple(name for name in COLUMN_DTYPES if name != "next_token")
"""Columns that a table may have."""

_CSV_BYTES = 8 << 20


class TableSource:
    """A CSV or Parquet file.

    Args:
        path: The file.
        kind: `csv` or `parquet`.
        taxonomy: The hub's categories, which tables name by code.

    Raises:
        ParquetUnavailableError: pyarrow is not installed.
        OSError: The file cannot be read.
    """

    def __init__(self, path: Path, kind: str, taxonomy: Taxonomy) -> None:
        try:
            # Large, and only this needs it.
            self._arrow = import_module("pyarrow")
            self._csv_module = import_module("pyarrow.csv")
            self._parquet_module = import_module("pyarrow.parquet")
        except ImportError:
            raise ParquetUnavailableError from None
        self._path, self._kind, self._taxonomy = path, kind, taxonomy
        status = path.stat()
        self.file = SourceFile(
            path=str(path.resolve()), format=kind, size=status.st_size, mtime_ns=status.st_mtime_ns
        )
        self.unit = "line" if kind == "csv" else "row"
        self._header_line = 1 if kind == "csv" else 0
        self.spellings: dict[str, str] = {}
        self.row_total: int | None = None
        self.epoch: int | None = None

    def blocks(self) -> Iterator[Block]:
        """See `Source`."""
        arrow, first = self._arrow, 0
        try:
            with self._path.open("rb") as opened:
                for table in self._tables(opened):
                    yield self._block(table, first)
                    first += table.num_rows
        except (arrow.ArrowException, ValueError) as error:
            if isinstance(error, RowsRefusedError):
                raise
            # What pyarrow says may hold values.
            rule = f"not well-formed {self._kind}"
            raise RowsRefusedError.at(self.lines_of([first]).get(first, 1), "", rule) from None

    def lines_of(self, rows: Iterable[int]) -> dict[int, int]:
        """See `Source`."""
        if self._kind == "csv":
            return find_lines(self._path, rows)
        return {row: row + 1 for row in rows}

    def _tables(self, opened: Any) -> Iterator[Any]:  # noqa: ANN401
        """Yields tables of `BLOCK_ROWS` rows."""
        batches = self._csv(opened) if self._kind == "csv" else self._parquet(opened)
        pending: list[Any] = []
        count = 0
        for batch in batches:
            pending.append(batch)
            count += batch.num_rows
            while count >= BLOCK_ROWS:
                whole = self._arrow.Table.from_batches(pending)
                yield whole.slice(0, BLOCK_ROWS)
                pending, count = whole.slice(BLOCK_ROWS).to_batches(), count - BLOCK_ROWS
        if count:
            yield self._arrow.Table.from_batches(pending)

    def _csv(self, opened: Any) -> Iterator[Any]:  # noqa: ANN401
        csv = self._csv_module
        misfits: deque[int] = deque()

        def refuse(row: Any) -> str:  # noqa: ANN401
            # The header is number 1; rows are numbered because one thread reads them.
            misfits.append(row.number - 2)
            return "skip"

        with self._path.open(encoding="utf-8-sig", newline="") as text:
            names = [name.strip().strip('"') for name in text.readline().split(",")]
        reader = csv.open_csv(
            opened,
            read_options=csv.ReadOptions(
                block_size=_CSV_BYTES, use_threads=False, column_names=names, skip_rows=1
            ),
            parse_options=csv.ParseOptions(invalid_row_handler=refuse),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, self._arrow.string()), strings_can_be_null=False
            ),
        )
        rows = 0
        for batch in reader:
            whole = self._with_misfits(batch, rows, misfits)
            rows += whole.num_rows
            self.row_total = max(rows, rows * self.file.size // max(opened.tell(), 1))
            yield whole
        if misfits:
            none = self._arrow.RecordBatch.from_pylist([], schema=reader.schema)
            yield self._with_misfits(none, rows, misfits)

    def _with_misfits(self, batch: Any, first: int, misfits: deque[int]) -> Any:  # noqa: ANN401
        """Puts a row of nulls, which CSV has not, in the place of each that pyarrow left out.

        Args:
            batch: Rows with as many cells as the header.
            first: Row of the file that its first is, or would be.
            misfits: The other rows of the file; those that stand among the batch's are taken.
        """
        places: list[int | None] = []
        taken = 0
        while misfits and (taken < batch.num_rows or misfits[0] == first + len(places)):
            before = min(misfits[0] - first - len(places), batch.num_rows - taken)
            places.extend(range(taken, taken + before))
            taken += before
            if misfits[0] == first + len(places):
                places.append(None)
                misfits.popleft()
        if not places:
            return batch
        places.extend(range(taken, batch.num_rows))
        return batch.take(self._arrow.array(places, self._arrow.int64()))

    def _parquet(self, opened: Any) -> Iterator[Any]:  # noqa: ANN401
        file = self._parquet_module.ParquetFile(opened)
        self.row_total = file.metadata.num_rows
        yield from file.iter_batches(batch_size=BLOCK_ROWS)

    def _block(self, table: Any, first_row: int) -> Block:  # noqa: ANN401
        given = {ALIASES.get(name, name): name for name in table.column_names}
        unknown = given.keys() - set(COLUMNS)
        if unknown or len(given) != len(table.column_names):
            raise RowsRefusedError.at(self._header_line, "", f"may have only: {' '.join(COLUMNS)}")
        self.spellings = given
        columns: dict[str, NDArray[Any]] = {}
        faults, misfit = Faults(), self._misfit(table)
        faults.mark(first_row, "", "as many cells as the header", broken=misfit)
        unread = misfit.copy()
        for name in COLUMNS:
            if name in given:
                column = self._column(name, table.column(given[name]).combine_chunks())
            else:
                found = absent(name, table.num_rows)
                if found is None:
                    raise RowsRefusedError.at(self._header_line, name, "mandatory")
                column = found
            columns[name] = column.values
            broken = column.broken & ~misfit
            if broken.any():
                faults.mark(first_row, name, column.rule, broken=broken)
                unread |= broken
        fill_severities(columns, self._taxonomy)
        return Block(
            first_row=first_row,
            columns=columns,
            faults=faults,
            unread=unread if unread.any() else None,
        )

    def _misfit(self, table: Any) -> NDArray[np.bool_]:  # noqa: ANN401
        """Tells which rows have not as many cells as the header: nulls are put in their place."""
        column = table.column(0)
        if self._kind != "csv" or not column.null_count:
            return np.zeros(table.num_rows, np.bool_)
        misfit: NDArray[np.bool_] = column.is_null().to_numpy().astype(np.bool_)
        return misfit

    def _column(self, name: str, array: Any) -> Column:  # noqa: ANN401
        arrow, types = self._arrow, self._arrow.types
        if types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if types.is_large_string(array.type):
            array = array.cast(arrow.string())
        if name in KEYS:
            return self._keys(name, array)
        if types.is_date(array.type) and name in {"event_day", "expiry_day"}:
            array = array.cast(arrow.date32()).cast(arrow.int32())
        if types.is_integer(array.type):
            numbers = array.fill_null(0).to_numpy(zero_copy_only=False)
            empty = array.is_null().to_numpy(zero_copy_only=False)
            return fill_empty(name, read_numbers(name, numbers), empty)
        if not types.is_string(array.type):
            raise RowsRefusedError.at(self._header_line, name, "texts or whole numbers")
        coded = array.fill_null("").dictionary_encode()
        words = read_texts(name, coded.dictionary.to_pylist(), self._taxonomy)
        codes = coded.indices.to_numpy(zero_copy_only=False)
        return Column(words.values[codes], words.broken[codes], words.rule)

    def _keys(self, name: str, array: Any) -> Column:  # noqa: ANN401
        arrow, types = self._arrow, self._arrow.types
        if types.is_fixed_size_binary(array.type):
            array = array.cast(arrow.binary())
        if types.is_large_binary(array.type):
            array = array.cast(arrow.binary())
        binary = types.is_binary(array.type)
        if not binary and not types.is_string(array.type):
            raise RowsRefusedError.at(self._header_line, name, "32 hexadecimal digits or 16 bytes")
        array = array.fill_null(b"" if binary else "")
        _, offsets, data = array.buffers()
        ends = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
        characters = np.frombuffer(data or b"", np.uint8)[ends[0] : ends[-1]]
        lengths = np.diff(ends).astype(np.int64)
        if not binary:
            return read_hexadecimal(characters, lengths)
        rule = "16 bytes"
        broken = lengths != 16  # noqa: PLR2004
        if broken.any():
            return Column(np.zeros(len(array), "S16"), broken, rule)
        return Column(characters.copy().view("S16"), broken, rule)
