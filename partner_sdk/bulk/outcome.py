"""What comes out: columns of tokens, and the rows that were refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that is no identifier of its type, without its value.

    Attributes:
        row: From 0; of a file the header and empty lines are left out.
        field: The type, or type and part, or ``type``.
        rule: The rule that it breaks, a fixed text.
        position: Index of the character where it breaks, or None.
    """

    row: int
    field: str
    rule: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class TokenColumns:
    """Tokens of rows that stand together, in their order; rejected rows have none.

    Attributes:
        first_row: The first row, from 0.
        row_count: How many rows there were.
        tokens: 16 bytes each.
        types: One IdentifierType byte each.
        flags: One RowFlag byte each: WEAK, SUSPECT or neither.
        rejects: The rows that have no token, ascending.
    """

    first_row: int
    row_count: int
    tokens: bytes = field(repr=False)
    types: bytes = field(repr=False)
    flags: bytes = field(repr=False)
    rejects: tuple[Reject, ...] = ()

    @property
    def token_count(self) -> int:
        """How many tokens there are."""
        return len(self.types)

    def rows(self) -> NDArray[np.int64]:
        """Says for each token of which row it is."""
        kept = np.ones(self.row_count, dtype=np.bool_)
        kept[[reject.row - self.first_row for reject in self.rejects]] = False
        return np.flatnonzero(kept) + self.first_row
