"""Records from a Parquet file, in batches, so that a file of millions needs little memory.

pyarrow is large and only this needs it, so it is loaded when the first Parquet file is read.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from partner_sdk.errors import SdkError
from partner_sdk.sources.cells import RawRecord
from partner_sdk.sources.csv_file import verify_header
from partner_sdk.sources.rows import RowsRefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

_BATCH_ROWS = 4096


class ParquetUnavailableError(SdkError):
    """Parquet cannot be read by this installation."""

    def __init__(self) -> None:
        super().__init__("Parquet needs pyarrow: pip install 'rongan-share[batch]'")


def read_parquet(
    path: Path,
    *,
    known: Collection[str] | None,
    mandatory: Collection[str],
    exact: Collection[str] = (),
) -> Iterator[RawRecord]:
    """Reads a Parquet file; the line of a record is its row, from 1.

    Args:
        path: The file.
        known: Columns that it may have; None = any.
        mandatory: Columns that it must have. Without `known` only these are read, if there are any.
        exact: Columns of which every digit counts. Where there are any, types that cannot keep
            them are refused by the column, since its numbers may look whole.

    Raises:
        ParquetUnavailableError: pyarrow is not installed.
        RowsRefusedError: It is no Parquet file, is damaged, lacks a column, or has one of a type
            that is refused.
        OSError: The file cannot be opened.
    """
    arrow, parquet = _load("pyarrow"), _load("pyarrow.parquet")
    row = 0
    with path.open("rb") as opened:
        try:
            file = parquet.ParquetFile(opened)
            names = list(file.schema_arrow.names)
            verify_header(names, known=known, mandatory=mandatory)
            wanted = names if known is not None or not mandatory else sorted(mandatory)
            if exact:
                kinds = {name: file.schema_arrow.field(name).type for name in wanted}
                _verify_types(arrow.types, kinds, exact)
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=wanted):
                for cells in _whole_microseconds(arrow, batch).to_pylist():
                    row += 1
                    yield RawRecord(row, cells)
        except RowsRefusedError:
            raise
        except (arrow.ArrowException, OSError, ValueError, OverflowError):
            # What pyarrow says may hold values.
            raise RowsRefusedError.at(row + 1, "", "not well-formed Parquet") from None


def _verify_types(types: Any, kinds: Mapping[str, Any], exact: Collection[str]) -> None:  # noqa: ANN401
    for name, written in kinds.items():
        kind = written.value_type if types.is_dictionary(written) else written
        if name in exact and not _keeps_digits(types, kind):
            rule = "a column of identifiers or references must be of texts or whole numbers"
            raise RowsRefusedError.at(1, name, rule)
        if types.is_float16(kind) or types.is_float32(kind):
            rule = "is of floating point that keeps no 8 digits; store it as text or float64"
            raise RowsRefusedError.at(1, name, rule)


def _keeps_digits(types: Any, kind: Any) -> bool:  # noqa: ANN401  pyarrow has no types
    texts = types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind)
    numbers = types.is_integer(kind) or (types.is_decimal(kind) and kind.scale == 0)
    return bool(texts or numbers)


def _whole_microseconds(arrow: Any, batch: Any) -> Any:  # noqa: ANN401  pyarrow has no types
    """Cuts instants to what Python can hold; of an instant only the day is wanted."""
    fields = [
        field.with_type(arrow.timestamp("us", tz=field.type.tz))
        if arrow.types.is_timestamp(field.type)
        else field
        for field in batch.schema
    ]
    table = arrow.Table.from_batches([batch])
    return table.cast(arrow.schema(fields), safe=False)


def _load(name: str) -> Any:  # noqa: ANN401  pyarrow has no types
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ParquetUnavailableError from None
