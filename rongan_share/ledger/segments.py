"""Segments: what was imported, as one journal value that takes a run of sequences.

Its parts are ROWS values in a table of their own, written before the segment and seen by nobody
until then: each holds as many rows as a listing id can number, but for the last, so that a listing
id is the segment's first sequence << 14, plus the row's place in the import.

Value, little-endian, under the first sequence: the head, its row count that of all parts; import id
16 bytes; how many parts u32; the checksum of each part, 16 bytes; 16 bytes BLAKE2b. In format 2,
that of a value that was rewritten, its first checksum stands behind the head.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rongan_share.ledger.environment import Table, Transaction
from rongan_share.ledger.sealed import SEAL_BYTES
from rongan_share.ledger.values import (
    HEADER_BYTES,
    REWRITTEN_FORMAT,
    VALUE_FORMAT,
    RowsHeader,
    ValueKind,
    is_rewritten,
    kind_of,
    parse_header,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

IMPORT_ID_BYTES = 16
"""Length of an import's id."""

_DIGEST_BYTES = 32
_COUNT = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Segment:
    """One import in the journal.

    Attributes:
        first_sequence: The first sequence that it takes.
        header: What stands before the parts; its row count is that of all of them.
        import_id: Names its parts.
        seals: Checksum of each part, 16 bytes each.
    """

    first_sequence: int
    header: RowsHeader
    import_id: bytes
    seals: bytes

    @property
    def part_count(self) -> int:
        """How many parts, and so sequences, it has."""
        return len(self.seals) // SEAL_BYTES

    @property
    def last_sequence(self) -> int:
        """The last sequence that it takes."""
        return self.first_sequence + self.part_count - 1

    @property
    def digest(self) -> bytes:
        """What its parts hold, as 32 bytes."""
        return digest_of_seals([self.seals])

    def seal_of(self, sequence: int) -> bytes:
        """Returns the checksum of the part under a sequence."""
        at = (sequence - self.first_sequence) * SEAL_BYTES
        return self.seals[at : at + SEAL_BYTES]


def digest_of_seals(seals: Iterable[bytes]) -> bytes:
    """Returns BLAKE2b of the checksums of parts, in their order, 32 bytes."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for seal in seals:
        digest.update(seal)
    return digest.digest()


def append_segment(txn: Transaction, segment: Segment) -> None:
    """Writes a segment at the end of the journal; its parts must be there already."""
    key = segment.first_sequence.to_bytes(8, "big")
    txn.append_all(Table.JOURNAL, [(key, pack_segment(segment))])


def pack_segment(segment: Segment, first_seal: bytes = b"") -> bytes:
    """Returns the value of a segment, but for its checksum.

    Args:
        segment: The segment.
        first_seal: The checksum that it was first written with, if it is written anew.
    """
    value_format = REWRITTEN_FORMAT if first_seal else VALUE_FORMAT
    head = segment.header.pack(ValueKind.SEGMENT, value_format) + first_seal
    return head + segment.import_id + _COUNT.pack(segment.part_count) + segment.seals


def find_segment(txn: Transaction, sequence: int) -> Segment | None:
    """Returns the segment that takes a sequence, or None.

    Raises:
        LedgerCorruptError: Its checksum does not match.
    """
    head = txn.peek(Table.JOURNAL, sequence.to_bytes(8, "big"), HEADER_BYTES)
    # A look at what is not yet verified, so that a frame is not read for the sake of this.
    if head is None or kind_of(head[1]) != ValueKind.SEGMENT:
        return None
    payload = txn.get(Table.JOURNAL, head[0]) or b""
    segment = parse_segment(int.from_bytes(head[0], "big"), payload)
    return segment if sequence <= segment.last_sequence else None


def parse_segment(first_sequence: int, payload: bytes) -> Segment:
    """Reads a SEGMENT value whose checksum was found good.

    Raises:
        LedgerCorruptError: It is another kind of value.
    """
    key = first_sequence.to_bytes(8, "big")
    header = parse_header(payload, ValueKind.SEGMENT, table=Table.JOURNAL.value, key=key)
    at = HEADER_BYTES + (SEAL_BYTES if is_rewritten(payload) else 0)
    import_id = payload[at : at + IMPORT_ID_BYTES]
    at += IMPORT_ID_BYTES
    (count,) = _COUNT.unpack_from(payload, at)
    at += _COUNT.size
    return Segment(first_sequence, header, import_id, payload[at : at + count * SEAL_BYTES])


def part_key(import_id: bytes, number: int) -> bytes:
    """Returns the key of a part; parts are numbered from 0."""
    return import_id + number.to_bytes(4, "big")
