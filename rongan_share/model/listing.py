"""Listings as columns: one row a listing, as the look-ups hold them."""

from __future__ import annotations

import numpy as np

from rongan_share.wire.frames import LISTING_ROW_BITS

LISTING_DTYPE = np.dtype(
    [
        ("listing_id", "<u8"),
        ("token", "S16"),
        ("original_source", "<u8"),
        ("contributor", "<u4"),
        ("expiry_day", "<u2"),
        ("type", "u1"),
        ("flags", "u1"),
        ("category", "u1"),
        ("severity", "u1"),
        ("evidence", "u1"),
        ("source_class", "u1"),
        ("legal_basis", "u1"),
        ("event_day", "<u2"),
        ("epoch", "<u4"),
        ("reference", "S16"),
    ]
)
"""One live listing, expired or not; the token is enciphered under the hub's key.

What every answer reads comes first, so that it lies in one or two lines of a processor's cache.

`S16` compares as 16 bytes do, and the zero bytes that numpy strips when it makes Python bytes of a
value are put back by whoever does so.
"""

VALUE_COLUMNS = (
    "type",
    "flags",
    "severity",
    "evidence",
    "source_class",
    "original_source",
    "legal_basis",
    "event_day",
    "expiry_day",
)
"""What an ADD states of its listing besides identity; equal in all = the same listing."""

AMENDED_COLUMNS = tuple(name for name in VALUE_COLUMNS if name != "type")
"""What an AMEND replaces; the type belongs to the token and stays."""


def listing_id_of(sequence: int, row: int) -> int:
    """Returns the id of the listing made by a row of a frame: sequence << 14 | row."""
    return sequence << LISTING_ROW_BITS | row
