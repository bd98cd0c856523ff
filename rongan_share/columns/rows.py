"""Rows moved as opaque bytes; numpy copies structured ones field by field, 50 times slower."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rongan_share.model.listing import LISTING_DTYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_OPAQUE = np.dtype(f"V{LISTING_DTYPE.itemsize}")


def as_bytes(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Returns the same rows as opaque bytes."""
    return rows.view(_OPAQUE)


def join_rows(parts: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """Joins rows (LISTING_DTYPE), one part at least."""
    return np.concatenate([part.view(_OPAQUE) for part in parts]).view(LISTING_DTYPE)


def pick_rows(
    rows: NDArray[np.void], wanted: NDArray[np.int64] | NDArray[np.bool_]
) -> NDArray[np.void]:
    """Picks rows by their places, or by a mask over them."""
    return rows.view(_OPAQUE)[wanted].view(LISTING_DTYPE)
