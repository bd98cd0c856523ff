"""The journal: one packed value for each accepted frame, by sequence. Nothing is written per row.

Value, little-endian: format u16, kind u8, key id u8, suite u8, epoch u32, next epoch u32, partner
number u32, row count u32, time u64; the columns of Contribute in their order, tokens enciphered;
then how many (row, listing id) pairs follow u32, their rows u32 each and their listing ids u64
each; 16 bytes BLAKE2b. A pair says which listing a row was about: one or more for each AMEND and
WITHDRAW row, one for an ADD row that found an equal live listing and changed nothing. An ADD row
without a pair made a new listing.

Format 2 is a value that was compacted: behind the header stand the checksum of the value as it was
first written and how many rows it had, u32; then the number that each remaining row had, u16, by
which listings keep their ids. Rows in pairs are places among the remaining ones.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.environment import Table, Transaction
from rongan_share.ledger.sealed import SEAL_BYTES
from rongan_share.model.listing import listing_id_of
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS

if TYPE_CHECKING:
    from numpy.typing import NDArray

VALUE_FORMAT = 1
"""Format of the values written now."""

COLUMN_DTYPES = {
    name: {1: "u1", 2: "<u2", 8: "<u8", 16: "S16"}[width] for name, width in CONTRIBUTE_COLUMNS
}
"""Type of each column of a frame of rows."""

COMPACTED_FORMAT = 2
"""Format of values from which rows were dropped."""

_HEADER = struct.Struct("<HBBBIIIIQ")
_ORIGINAL = struct.Struct(f"<{SEAL_BYTES}sI")
_COUNT = struct.Struct("<I")
_FORMATS = (VALUE_FORMAT, COMPACTED_FORMAT)


class ValueKind(IntEnum):
    """What a journal value holds."""

    ROWS = 1
    SEGMENT = 2
    STATE = 3


@dataclass(frozen=True, slots=True)
class RowsHeader:
    """What stands before the columns of a ROWS value.

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


@dataclass(frozen=True, slots=True)
class Original:
    """What a compacted frame was when it was accepted.

    Attributes:
        seal: Checksum of its value.
        row_count: Rows that it had.
        row_numbers: Which of them remain.
    """

    seal: bytes
    row_count: int
    row_numbers: NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class JournalFrame:
    """One accepted frame, read back.

    Attributes:
        sequence: Its number.
        header: What stands before the columns.
        columns: The columns by name, each of `row_count` values.
        pair_rows: Rows of the (row, listing id) pairs.
        pair_ids: Listing ids of the pairs.
        original: What a compacted frame was before; None for one that stands as it was accepted.
    """

    sequence: int
    header: RowsHeader
    columns: dict[str, NDArray[Any]]
    pair_rows: NDArray[np.uint32]
    pair_ids: NDArray[np.uint64]
    original: Original | None = None

    @property
    def size(self) -> int:
        """Bytes of its value, as it stands in the journal."""
        columns = sum(column.nbytes for column in self.columns.values())
        pairs = _COUNT.size + self.pair_rows.nbytes + self.pair_ids.nbytes
        before = self.original
        added = 0 if before is None else _ORIGINAL.size + before.row_numbers.nbytes
        return _HEADER.size + added + columns + pairs + SEAL_BYTES

    def listing_ids(self, rows: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Returns the ids of the listings that some of its rows made."""
        numbers = rows if self.original is None else self.original.row_numbers[rows]
        return numbers.astype(np.uint64) | np.uint64(listing_id_of(self.sequence, 0))


class PackedFrame:
    """A journal value ready to write, hashed but for its key, so that the commit stays short."""

    def __init__(
        self,
        header: RowsHeader,
        columns: dict[str, bytes],
        *,
        pair_rows: NDArray[np.uint32],
        pair_ids: NDArray[np.uint64],
        original: Original | None = None,
    ) -> None:
        parts = [
            _HEADER.pack(
                VALUE_FORMAT if original is None else COMPACTED_FORMAT,
                ValueKind.ROWS,
                header.key_id,
                header.suite,
                header.epoch,
                header.next_epoch,
                header.partner_number,
                header.row_count,
                header.time_ns,
            )
        ]
        if original is not None:
            parts.append(_ORIGINAL.pack(original.seal, original.row_count))
            parts.append(original.row_numbers.astype("<u2").tobytes())
        parts += [columns[name] for name, _ in CONTRIBUTE_COLUMNS if name in columns]
        parts += [_COUNT.pack(pair_rows.size), pair_rows.tobytes(), pair_ids.tobytes()]
        self._payload = b"".join(parts)
        self._digest = hashlib.blake2b(self._payload, digest_size=SEAL_BYTES)

    def append(self, txn: Transaction, sequence: int) -> None:
        """Writes the value under its sequence, the end of the journal."""
        key = sequence.to_bytes(8, "big")
        txn.put_sealed(Table.JOURNAL, key, self._sealed(key))

    def replace(self, txn: Transaction, sequence: int) -> None:
        """Puts the value in the place of the one under a sequence."""
        key = sequence.to_bytes(8, "big")
        txn.replace_sealed(Table.JOURNAL, key, self._sealed(key))

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return len(self._payload) + SEAL_BYTES

    def _sealed(self, key: bytes) -> bytes:
        digest = self._digest.copy()
        digest.update(key)
        return self._payload + digest.digest()


def list_frames(txn: Transaction, after: int) -> Iterator[JournalFrame]:
    """Walks frames in order of their sequence, from the one after `after` on."""
    for key, payload in txn.scan(Table.JOURNAL, (after + 1).to_bytes(8, "big")):
        yield parse_frame(int.from_bytes(key, "big"), payload)


def find_seal(txn: Transaction, sequence: int) -> bytes:
    """Returns the checksum of a journal value, which tells it from any other; empty without one.

    Of a compacted one it is that of the value as it was first written.
    """
    key = sequence.to_bytes(8, "big")
    head = txn.find_head(Table.JOURNAL, key, _HEADER.size + SEAL_BYTES)
    if head[:2] == COMPACTED_FORMAT.to_bytes(2, "little"):
        return head[_HEADER.size :]
    return txn.find_seal(Table.JOURNAL, key)


def count_rows(txn: Transaction, after: int, *, most: int) -> int:
    """Counts rows of frames from the one after `after` on, unverified, until there are so many."""
    count = 0
    while count < most:
        after += 1
        head = txn.find_head(Table.JOURNAL, after.to_bytes(8, "big"), _HEADER.size)
        if not head:
            break
        count += RowsHeader(*_HEADER.unpack(head)[2:]).row_count
    return count


def find_newest_time(txn: Transaction) -> int:
    """Returns when the last frame was decided, nanoseconds since 1970-01-01 UTC; 0 for none."""
    found = txn.last_under(Table.JOURNAL, b"")
    return 0 if found is None else RowsHeader(*_HEADER.unpack_from(found[1])[2:]).time_ns


def find_frame_at(txn: Transaction, sequence: int) -> JournalFrame | None:
    """Reads the frame under a sequence; None where none stands."""
    payload = txn.get(Table.JOURNAL, sequence.to_bytes(8, "big"))
    return None if payload is None else parse_frame(sequence, payload)


def parse_frame(sequence: int, payload: bytes) -> JournalFrame:
    """Reads a journal value whose checksum was found good.

    Raises:
        LedgerCorruptError: It has a format or kind that this hub does not know.
    """
    value_format, kind, *fields = _HEADER.unpack_from(payload)
    if value_format not in _FORMATS or kind != ValueKind.ROWS:
        raise LedgerCorruptError(Table.JOURNAL.value, sequence.to_bytes(8, "big"))
    header = RowsHeader(*fields)
    columns: dict[str, NDArray[Any]] = {}
    at = _HEADER.size
    original: Original | None = None
    if value_format == COMPACTED_FORMAT:
        seal, row_count = _ORIGINAL.unpack_from(payload, at)
        at += _ORIGINAL.size
        original = Original(seal, row_count, np.frombuffer(payload, "<u2", header.row_count, at))
        at += 2 * header.row_count
    for name, width in CONTRIBUTE_COLUMNS:
        if name == "next_token" and not header.next_epoch:
            continue
        columns[name] = np.frombuffer(payload, COLUMN_DTYPES[name], header.row_count, at)
        at += width * header.row_count
    (pair_count,) = _COUNT.unpack_from(payload, at)
    at += _COUNT.size
    pair_rows = np.frombuffer(payload, "<u4", pair_count, at)
    pair_ids = np.frombuffer(payload, "<u8", pair_count, at + 4 * pair_count)
    return JournalFrame(sequence, header, columns, pair_rows, pair_ids, original)
