"""Layout of the columns that frames carry; all integers little-endian.

Source: the comments of ``verdict_service.proto`` and ``contribution_service.proto``.
"""

from __future__ import annotations

import struct

TOKEN_BYTES = 16
"""Length of tokens, references, stream, batch and request ids, and business references."""

MAX_FRAME_TOKENS = 65_536
"""Most tokens in one frame of StreamVerdicts."""

MAX_SUBJECT_TOKENS = 16
"""Most tokens of one subject."""

MAX_FRAME_ROWS = 16_384
"""Most rows in one frame of Contribute; a listing id holds the row in 14 bits."""

LISTING_ROW_BITS = 14
"""Bits of a listing id that hold the row; the rest is the sequence of its ADD."""

SUMMARY = struct.Struct("<QHBBBHB")
"""Category bits, source class bits, severity, confidence, source count, expiry day, flags."""

CONTRIBUTE_COLUMNS: tuple[tuple[str, int], ...] = (
    ("operation", 1),
    ("reference", 16),
    ("type", 1),
    ("token", 16),
    ("next_token", 16),
    ("flags", 1),
    ("category", 1),
    ("severity", 1),
    ("evidence", 1),
    ("source_class", 1),
    ("original_source", 8),
    ("legal_basis", 1),
    ("event_day", 2),
    ("expiry_day", 2),
)
"""Columns of ContributeFrame in field order, with bytes per row.

`next_token` is there only while an epoch opens.
"""

OTHER_NOT_ENTITLED_COVERAGE = 1
"""`other_state` of a token when the coverage is empty."""

OTHER_NOT_ENTITLED_TYPE = 2
"""`other_state` of a token whose type is outside the agreement."""

OTHER_INDETERMINATE = 128
"""`other_state` from here on: the hub cannot tell, the reason in the low 7 bits."""
