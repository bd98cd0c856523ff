"""Blocks of rows on their way from a file, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec
import numpy as np

from rongan_share.wire.frames import MAX_FRAME_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from rongan_share.ledger.imports import SourceFile

BLOCK_ROWS = 8 * MAX_FRAME_ROWS
"""Rows that are read and judged together."""

MOST_SHOWN = 20
"""Faults that are told singly; the others are counted."""


class Fault(NamedTuple):
    """A row that breaks a rule, without its value.

    Attributes:
        row: Row of the file, from 0.
        column: The column.
        rule: The rule.
    """

    row: int
    column: str
    rule: str


class Faults:
    """The first faults of a file, and how many there are.

    Attributes:
        total: How many.
        first: The first, by row.
    """

    def __init__(self) -> None:
        self.total = 0
        self.first: list[Fault] = []

    def mark(self, first_row: int, column: str, rule: str, *, broken: NDArray[np.bool_]) -> None:
        """Notes the rows of a block that break a rule."""
        rows = np.flatnonzero(broken)
        self.add(
            [Fault(first_row + int(row), column, rule) for row in rows[:MOST_SHOWN]],
            total=rows.size,
        )

    def add(self, faults: list[Fault], *, total: int) -> None:
        """Notes faults, of which only the first may be given."""
        self.total += total
        self.first = sorted([*self.first, *faults])[:MOST_SHOWN]


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Rows as they were read.

    Attributes:
        first_row: Row of the file that the first is, from 0.
        columns: The columns of Contribute by name, without `next_token`.
        faults: Cells that cannot be read.
        unread: Rows that have any; None if there are none.
    """

    first_row: int
    columns: dict[str, NDArray[Any]]
    faults: Faults
    unread: NDArray[np.bool_] | None = None

    @property
    def row_count(self) -> int:
        """How many."""
        return int(self.columns["type"].size)


class Source(Protocol):
    """A file of listings."""

    @property
    def file(self) -> SourceFile:
        """What it is known again by."""
        ...

    @property
    def unit(self) -> str:
        """What `lines_of` numbers: `line` or `row`."""
        ...

    @property
    def spellings(self) -> Mapping[str, str]:
        """What the file calls columns that it does not call as we do."""
        ...

    @property
    def epoch(self) -> int | None:
        """Epoch of its tokens, if it says."""
        ...

    @property
    def row_total(self) -> int | None:
        """How many rows it has, as far as that is known by now."""
        ...

    def lines_of(self, rows: Iterable[int]) -> dict[int, int]:
        """Says what people call rows: the lines of a text where they begin, or rows from 1.

        Raises:
            OSError: It cannot be read.
        """
        ...

    def blocks(self) -> Iterator[Block]:
        """Reads it from the beginning, `BLOCK_ROWS` rows at a time but for the last.

        Raises:
            RowsRefusedError: It is not such a file.
            OSError: It cannot be read.
        """
        ...
