"""What stands at the head of every journal value."""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass
from enum import IntEnum

from rongan_share.errors import LedgerCorruptError

VALUE_FORMAT = 1
"""Format of values as they are first written."""

REWRITTEN_FORMAT = 2
"""Format of values that were written anew, without some rows or under another hub key: behind the
head stands the checksum that they were first written with."""

_HEADER = struct.Struct("<HBBBIIIIQ")

HEADER_BYTES = _HEADER.size
"""Length of the head."""


class ValueKind(IntEnum):
    """What a journal value holds."""

    ROWS = 1
    SEGMENT = 2
    STATE = 3


@dataclass(frozen=True, slots=True)
class RowsHeader:
    """What stands before the columns of a ROWS value and before the parts of a SEGMENT.

    Attributes:
        key_id: Key under which its tokens are enciphered.
        suite: How its tokens were made.
        epoch: Epoch of its tokens.
        next_epoch: Epoch of its next tokens; 0 none.
        partner_number: The contributor.
        row_count: Rows.
        time_ns: When it was decided, nanoseconds since 1970-01-01 UTC.
    """

    key_id: int
    suite: int
    epoch: int
    next_epoch: int
    partner_number: int
    row_count: int
    time_ns: int

    def pack(self, kind: ValueKind, value_format: int = VALUE_FORMAT) -> bytes:
        """Returns the head of a value of this kind."""
        return _HEADER.pack(value_format, kind, *astuple(self))


def kind_of(head: bytes) -> int:
    """Returns the kind that a head names, known or not."""
    kind: int = head[2]
    return kind


def is_rewritten(head: bytes) -> bool:
    """Tells whether a head is that of a value that was written anew."""
    return int.from_bytes(head[:2], "little") == REWRITTEN_FORMAT


def glance(head: bytes) -> RowsHeader:
    """Reads a head that is not verified."""
    return RowsHeader(*_HEADER.unpack_from(head)[2:])


def parse_header(payload: bytes, kind: ValueKind, *, table: str, key: bytes) -> RowsHeader:
    """Reads the head of a value whose checksum was found good.

    Raises:
        LedgerCorruptError: It has another kind, or a format that this hub does not know.
    """
    value_format, found, *fields = _HEADER.unpack_from(payload)
    if found != kind or value_format not in (VALUE_FORMAT, REWRITTEN_FORMAT):
        raise LedgerCorruptError(table, key)
    return RowsHeader(*fields)
