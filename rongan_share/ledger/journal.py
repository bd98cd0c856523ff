"""The journal: one packed value for each accepted frame, by sequence. Nothing is written per row.

Value, little-endian: format u16, kind u8, key id u8, suite u8, epoch u32, next epoch u32, partner
number u32, row count u32, time u64; the columns of Contribute in their order, tokens enciphered;
then how many (row, listing id) pairs follow u32, their rows u32 each and their listing ids u64
each; 16 bytes BLAKE2b. A pair says which listing a row was about: one or more for each AMEND and
WITHDRAW row, one for an ADD row that found an equal live listing and changed nothing. An ADD row
without a pair made a new listing.

Format 2 is a value that was compacted or enciphered anew: behind the header stand the checksum of
the value as it was first written and how many rows it had, u32; then the number that each remaining
row had, u16, by which listings keep their ids. Rows in pairs are places among the remaining ones.

What was imported stands there as one SEGMENT value (`ledger/segments.py`); its parts are read as
frames like any other, and may be compacted like them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.environment import Table, Transaction
from rongan_share.ledger.sealed import SEAL_BYTES
from rongan_share.ledger.segments import Segment, find_segment, parse_segment, part_key
from rongan_share.ledger.values import (
    HEADER_BYTES,
    REWRITTEN_FORMAT,
    VALUE_FORMAT,
    RowsHeader,
    ValueKind,
    glance,
    is_rewritten,
    kind_of,
    parse_header,
)
from rongan_share.model.listing import listing_id_of
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS

__all__ = [
    "COLUMN_DTYPES",
    "JournalFrame",
    "Original",
    "PackedFrame",
    "RowsHeader",
    "Step",
    "ValueKind",
    "find_frame_at",
    "find_newest_time",
    "find_part_seal",
    "find_seal",
    "find_value_seal",
    "first_seal",
    "get_staged",
    "list_frames",
    "list_steps",
    "parse_frame",
]

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMN_DTYPES = {
    name: {1: "u1", 2: "<u2", 8: "<u8", 16: "S16"}[width] for name, width in CONTRIBUTE_COLUMNS
}
"""Type of each column of a frame of rows."""

_ORIGINAL = struct.Struct(f"<{SEAL_BYTES}sI")
_COUNT = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Original:
    """What a frame that was rewritten was when it was accepted.

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
        original: What a rewritten frame was before; None for one that stands as it was accepted.
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
        return HEADER_BYTES + added + columns + pairs + SEAL_BYTES

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
        value_format = VALUE_FORMAT if original is None else REWRITTEN_FORMAT
        parts = [header.pack(ValueKind.ROWS, value_format)]
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
        txn.put_sealed(Table.JOURNAL, key, self.sealed(key))

    def replace(self, txn: Transaction, sequence: int) -> None:
        """Puts the value in the place of the one under a sequence, which may be a part's."""
        table, key = _place_of(txn, sequence)
        txn.put_whole(table, key, self.sealed(key))

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return len(self._payload) + SEAL_BYTES

    def sealed(self, key: bytes) -> bytes:
        """Returns the value as it stands under a key."""
        digest = self._digest.copy()
        digest.update(key)
        return self._payload + digest.digest()


def list_frames(
    txn: Transaction, after: int, *, to_segment: bool = False
) -> Iterator[JournalFrame]:
    """Walks frames in order of their sequence, from the one after `after` on.

    Args:
        txn: The transaction.
        after: The sequence behind which to begin; it may lie inside a segment.
        to_segment: End before the next segment and behind the one that is being read, so that
            whoever has its columns need not read it.
    """
    segment = find_segment(txn, after + 1)
    if segment is not None:
        yield from _list_parts(txn, segment, after)
        if to_segment:
            return
        after = segment.last_sequence
    for key, payload in txn.scan(Table.JOURNAL, (after + 1).to_bytes(8, "big")):
        sequence = int.from_bytes(key, "big")
        if kind_of(payload) != ValueKind.SEGMENT:
            yield parse_frame(sequence, payload)
        elif to_segment:
            return
        else:
            yield from _list_parts(txn, parse_segment(sequence, payload), sequence - 1)


class Step(NamedTuple):
    """A value of the journal as its head tells of it.

    Attributes:
        sequence: How far it leads.
        row_count: Rows in it.
        segment: The import that it is; None for a frame.
    """

    sequence: int
    row_count: int
    segment: Segment | None


def list_steps(txn: Transaction, after: int) -> Iterator[Step]:
    """Walks values from the one after `after` on, by their heads alone, which are not verified.

    A segment is one step, and behind a part of it the next one leads to its end.
    """
    while head := txn.peek(Table.JOURNAL, (after + 1).to_bytes(8, "big"), HEADER_BYTES):
        segment: Segment | None = None
        if kind_of(head[1]) == ValueKind.SEGMENT:
            segment = find_segment(txn, after + 1)
        if segment is None and int.from_bytes(head[0], "big") != after + 1:
            return
        after = after + 1 if segment is None else segment.last_sequence
        yield Step(after, glance(head[1]).row_count, segment)


def find_seal(txn: Transaction, sequence: int) -> bytes:
    """Returns the checksum of what was first written under a sequence; empty if nothing was.

    It tells it from anything else. Under the first sequence of a segment it is the segment's.
    """
    segment = find_segment(txn, sequence)
    if segment is not None and sequence != segment.first_sequence:
        return segment.seal_of(sequence)
    return first_seal(txn, Table.JOURNAL, sequence.to_bytes(8, "big"))


def find_value_seal(txn: Transaction, sequence: int) -> bytes:
    """Returns the checksum with which a frame, or the part of an import, was first written."""
    return first_seal(txn, *_place_of(txn, sequence))


def find_part_seal(txn: Transaction, import_id: bytes, number: int) -> bytes:
    """Returns the checksum with which a part was first written; empty if it is not there."""
    return first_seal(txn, Table.PARTS, part_key(import_id, number))


def first_seal(txn: Transaction, table: Table, key: bytes) -> bytes:
    """Returns the checksum with which a value was first written; empty if it is not there."""
    head = txn.peek(table, key, HEADER_BYTES + SEAL_BYTES)
    if head is not None and head[0] == key and is_rewritten(head[1]):
        return head[1][HEADER_BYTES:]
    return txn.find_seal(table, key)


def _place_of(txn: Transaction, sequence: int) -> tuple[Table, bytes]:
    """Tells where the rows of a sequence stand."""
    segment = find_segment(txn, sequence)
    if segment is None:
        return Table.JOURNAL, sequence.to_bytes(8, "big")
    return Table.PARTS, part_key(segment.import_id, sequence - segment.first_sequence)


def get_staged(txn: Transaction, import_id: bytes, number: int) -> tuple[JournalFrame, bytes]:
    """Returns a part that is staged, and the checksum with which it was first written.

    Raises:
        LedgerCorruptError: It is not there, or its checksum does not match.
    """
    key = part_key(import_id, number)
    payload = txn.get(Table.PARTS, key)
    if payload is None:
        raise LedgerCorruptError(Table.PARTS.value, key)
    return parse_frame(number, payload), first_seal(txn, Table.PARTS, key)


def _list_parts(txn: Transaction, segment: Segment, after: int) -> Iterator[JournalFrame]:
    """Walks the parts of a segment behind a sequence.

    Raises:
        LedgerCorruptError: One is not there, or is not the one that was imported.
    """
    for sequence in range(max(after + 1, segment.first_sequence), segment.last_sequence + 1):
        yield _get_part(txn, segment, sequence)


def _get_part(txn: Transaction, segment: Segment, sequence: int) -> JournalFrame:
    number = sequence - segment.first_sequence
    frame, seal = get_staged(txn, segment.import_id, number)
    if seal != segment.seal_of(sequence):
        raise LedgerCorruptError(Table.PARTS.value, part_key(segment.import_id, number))
    return replace(frame, sequence=sequence)


def find_newest_time(txn: Transaction) -> int:
    """Returns when the last frame was decided, nanoseconds since 1970-01-01 UTC; 0 for none."""
    found = txn.last_under(Table.JOURNAL, b"")
    return 0 if found is None else glance(found[1]).time_ns


def find_frame_at(txn: Transaction, sequence: int) -> JournalFrame | None:
    """Reads the frame under a sequence, or the part of an import; None where none stands."""
    segment = find_segment(txn, sequence)
    if segment is not None:
        return _get_part(txn, segment, sequence)
    payload = txn.get(Table.JOURNAL, sequence.to_bytes(8, "big"))
    return None if payload is None else parse_frame(sequence, payload)


def parse_frame(sequence: int, payload: bytes) -> JournalFrame:
    """Reads a journal value whose checksum was found good.

    Raises:
        LedgerCorruptError: It has a format or kind that this hub does not know.
    """
    key = sequence.to_bytes(8, "big")
    header = parse_header(payload, ValueKind.ROWS, table=Table.JOURNAL.value, key=key)
    columns: dict[str, NDArray[Any]] = {}
    at = HEADER_BYTES
    original: Original | None = None
    if is_rewritten(payload):
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
