"""Cutting what remains of blocks into parts of as many rows as a listing id can number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from rongan_share.ledger.imports import PartNote
from rongan_share.ledger.journal import PackedFrame
from rongan_share.ledger.segments import part_key
from rongan_share.ledger.values import RowsHeader
from rongan_share.services.import_rows import listings_of
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS, MAX_FRAME_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rongan_share.cli.importing.checking import Judged
    from rongan_share.ledger.imports import Ruling

PART_ROWS = MAX_FRAME_ROWS
"""Rows of every part but the last."""

_NO_ROWS, _NO_IDS = np.zeros(0, "<u4"), np.zeros(0, "<u8")


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of whole parts, or those of the last one.

    Attributes:
        first_part: Number of the first part, from 0.
        columns: Tokens enciphered.
        rows: Row of the file that each is.
    """

    first_part: int
    columns: dict[str, NDArray[Any]]
    rows: NDArray[np.int64]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part, ready to be staged.

    Attributes:
        number: From 0.
        sealed: The value under its key.
        note: Where its rows stood in the file.
        row_count: How many.
        end_row: Row of the file behind its last.
    """

    number: int
    sealed: bytes
    note: PartNote
    row_count: int
    end_row: int


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Neighbouring parts.

    Attributes:
        parts: In their order.
        listings: Their rows as look-ups hold them, ids counted from the beginning.
        least_expiry_day: Earliest last day of any of them; 0 none ends.
    """

    parts: list[Part]
    listings: NDArray[np.void]
    least_expiry_day: int


class Cutter:
    """Gathers judged rows until they fill parts.

    Args:
        next_part: Number of the next part.
    """

    def __init__(self, next_part: int) -> None:
        self._next = next_part
        self._pending: list[tuple[dict[str, NDArray[Any]], NDArray[np.int64]]] = []
        self._count = 0

    def add(self, judged: Judged) -> Iterator[Cut]:
        """Takes rows, and yields those that fill parts."""
        self._pending.append((judged.columns, judged.rows))
        self._count += judged.rows.size
        whole = self._count // PART_ROWS * PART_ROWS
        if whole:
            yield self._take(whole)

    def finish(self) -> Iterator[Cut]:
        """Yields the rows of the last part, if there are any."""
        if self._count:
            yield self._take(self._count)

    def _take(self, count: int) -> Cut:
        columns, rows = self._pending[0]
        if len(self._pending) > 1:
            columns = {
                name: np.concatenate([piece[name] for piece, _ in self._pending])
                for name in columns
            }
            rows = np.concatenate([piece for _, piece in self._pending])
        left = {name: column[count:] for name, column in columns.items()}
        self._pending = [(left, rows[count:])] if rows.size > count else []
        self._count -= count
        taken = {name: column[:count] for name, column in columns.items()}
        cut = Cut(first_part=self._next, columns=taken, rows=rows[:count])
        self._next += -(-count // PART_ROWS)
        return cut


def pack(cut: Cut, ruling: Ruling, *, import_id: bytes, time_ns: int) -> Parts:
    """Makes values of parts.

    Args:
        cut: Their rows.
        ruling: What they were judged by.
        import_id: The import.
        time_ns: Now.
    """
    parts = []
    for begin in range(0, cut.rows.size, PART_ROWS):
        end = min(begin + PART_ROWS, cut.rows.size)
        number = cut.first_part + begin // PART_ROWS
        header = RowsHeader(
            key_id=ruling.key_id,
            suite=ruling.suite,
            epoch=ruling.epoch,
            next_epoch=0,
            partner_number=ruling.partner_number,
            row_count=end - begin,
            time_ns=time_ns,
        )
        raw = {
            name: cut.columns[name][begin:end].tobytes()
            for name, _ in CONTRIBUTE_COLUMNS
            if name in cut.columns
        }
        packed = PackedFrame(header, raw, pair_rows=_NO_ROWS, pair_ids=_NO_IDS)
        rows = cut.rows[begin:end]
        part = Part(
            number=number,
            sealed=packed.sealed(part_key(import_id, number)),
            note=_note(rows),
            row_count=end - begin,
            end_row=int(rows[-1]) + 1,
        )
        parts.append(part)
    expiry = cut.columns["expiry_day"]
    ending = expiry[expiry != 0]
    listings = listings_of(
        cut.columns,
        first_place=cut.first_part * PART_ROWS,
        contributor=ruling.partner_number,
        epoch=ruling.epoch,
    )
    least = int(ending.min()) if ending.size else 0
    return Parts(parts=parts, listings=listings, least_expiry_day=least)


def _note(rows: NDArray[np.int64]) -> PartNote:
    begins = np.concatenate(([0], np.flatnonzero(np.diff(rows) != 1) + 1))
    return PartNote(
        places=begins.astype("<u4").tobytes(), rows=rows[begins].astype("<u8").tobytes()
    )
