"""Packed columns: a folder with one file a column, as they stand in the journal, and a manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from partner_sdk.sources.rows import RowsRefusedError
from rongan_share.cli.importing.blocks import BLOCK_ROWS, Block, Faults
from rongan_share.ledger.imports import SourceFile
from rongan_share.ledger.journal import COLUMN_DTYPES
from rongan_share.wire.vocabulary import RowOperation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

MANIFEST = "manifest.json"
"""Name of the file that says how many rows there are, and of which epoch."""

FORMAT = "rongan-columns-1"
"""What the manifest must say of its format."""

OPTIONAL = {
    "operation": RowOperation.ADD,
    "flags": 0,
    "original_source": 0,
    "event_day": 0,
}
"""Columns that may be missing, and what every row then has."""


class PackedManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a folder holds.

    Attributes:
        format: `FORMAT`.
        rows: How many.
        epoch: Epoch of the tokens.
    """

    format: str
    rows: int
    epoch: int


class PackedSource:
    """A folder of packed columns.

    Args:
        folder: The folder.

    Raises:
        RowsRefusedError: The manifest or a column is not as it should be.
        OSError: Something cannot be read.
    """

    unit = "row"

    def __init__(self, folder: Path) -> None:
        self.spellings: dict[str, str] = {}
        self.manifest = _read_manifest(folder / MANIFEST)
        self.row_total: int | None = self.manifest.rows
        self.epoch: int | None = self.manifest.epoch
        self._columns: dict[str, NDArray[Any]] = {}
        size, latest = 0, 0
        for name, kind in COLUMN_DTYPES.items():
            path = folder / f"{name}.bin"
            if name == "next_token" or (name in OPTIONAL and not path.exists()):
                continue
            status = path.stat()
            dtype = np.dtype(kind)
            if status.st_size != dtype.itemsize * self.manifest.rows:
                rule = f"{path.name} needs {dtype.itemsize} bytes for each row"
                raise RowsRefusedError.at(0, name, rule)
            size, latest = size + status.st_size, max(latest, status.st_mtime_ns)
            if self.manifest.rows:
                self._columns[name] = np.memmap(path, dtype, "r")
        self.file = SourceFile(
            path=str(folder.resolve()), format="packed", size=size, mtime_ns=latest
        )

    def lines_of(self, rows: Iterable[int]) -> dict[int, int]:
        """See `Source`."""
        return {row: row + 1 for row in rows}

    def blocks(self) -> Iterator[Block]:
        """See `Source`."""
        for first in range(0, self.manifest.rows, BLOCK_ROWS):
            end = min(first + BLOCK_ROWS, self.manifest.rows)
            columns: dict[str, NDArray[Any]] = {
                name: np.full(end - first, value, COLUMN_DTYPES[name])
                for name, value in OPTIONAL.items()
            }
            for name, column in self._columns.items():
                # Once: the file may be written to between judging a row and staging it.
                columns[name] = np.array(column[first:end])
            yield Block(first_row=first, columns=columns, faults=Faults())


def _read_manifest(path: Path) -> PackedManifest:
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=PackedManifest)
    except msgspec.MsgspecError:
        raise RowsRefusedError.at(0, "", f"{MANIFEST} needs format, rows and epoch") from None
    if manifest.format != FORMAT or manifest.rows < 0:
        raise RowsRefusedError.at(0, "", f"{MANIFEST} needs format {FORMAT} and rows from 0")
    return manifest
