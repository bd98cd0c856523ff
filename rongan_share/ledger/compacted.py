"""What compaction did to the journal so far, as whoever reads or watches it needs to know."""

from __future__ import annotations

import struct

import msgspec

from rongan_share.ledger.environment import Table, Transaction

_FORGOTTEN = b"forgotten"
_COMPACTED = b"compacted"
_BELIEVED = b"believed_time"
_PASSED = b"passed_sequence"
_FORGOTTEN_LAYOUT = struct.Struct("<QQ")
_COMPACTED_LAYOUT = struct.Struct("<QQQ")
_WORD_LAYOUT = struct.Struct("<Q")


class Forgotten(msgspec.Struct, frozen=True):
    """Withdrawals that were dropped, after the listings that they ended.

    Who has read such a listing already, but not its end, must begin again.

    Attributes:
        count: How often some were dropped.
        sequence: The highest sequence that any was dropped from.
    """

    count: int
    sequence: int


class Compacted(msgspec.Struct, frozen=True):
    """What was done over all passes.

    Attributes:
        freed_bytes: By how much journal values became shorter.
        row_count: Rows that were dropped.
        time_ns: When the last whole pass ended, nanoseconds since 1970-01-01 UTC; 0 before.
    """

    freed_bytes: int
    row_count: int
    time_ns: int


def get_forgotten(txn: Transaction) -> Forgotten:
    """Returns which withdrawals were dropped so far."""
    payload = txn.get(Table.META, _FORGOTTEN) or bytes(_FORGOTTEN_LAYOUT.size)
    return Forgotten(*_FORGOTTEN_LAYOUT.unpack(payload))


def put_forgotten(txn: Transaction, sequence: int) -> None:
    """Records that withdrawals were dropped from the frame under a sequence."""
    before = get_forgotten(txn)
    payload = _FORGOTTEN_LAYOUT.pack(before.count + 1, max(before.sequence, sequence))
    txn.put(Table.META, _FORGOTTEN, payload)


def get_compacted(txn: Transaction) -> Compacted:
    """Returns what was done so far."""
    payload = txn.get(Table.META, _COMPACTED) or bytes(_COMPACTED_LAYOUT.size)
    return Compacted(*_COMPACTED_LAYOUT.unpack(payload))


def add_compacted(txn: Transaction, *, freed_bytes: int, row_count: int) -> None:
    """Records that a value was written anew."""
    before = get_compacted(txn)
    _put(txn, before.freed_bytes + freed_bytes, before.row_count + row_count, before.time_ns)


def end_pass(txn: Transaction, time_ns: int) -> Compacted:
    """Records that a whole pass ended; returns what was done over all of them."""
    before = get_compacted(txn)
    _put(txn, before.freed_bytes, before.row_count, time_ns)
    return get_compacted(txn)


def get_believed_time(txn: Transaction) -> int:
    """Returns the time that compaction believed last, ns since 1970-01-01 UTC; 0 before."""
    return _get_word(txn, _BELIEVED)


def put_believed_time(txn: Transaction, time_ns: int) -> None:
    """Records the time that compaction believes."""
    txn.put(Table.META, _BELIEVED, _WORD_LAYOUT.pack(time_ns))


def get_passed_sequence(txn: Transaction) -> int:
    """Returns up to where the last pass kept changes in mind; 0 if to the end."""
    return _get_word(txn, _PASSED)


def put_passed_sequence(txn: Transaction, sequence: int) -> None:
    """Records up to where a pass kept changes in mind; 0 if to the end."""
    txn.put(Table.META, _PASSED, _WORD_LAYOUT.pack(sequence))


def _get_word(txn: Transaction, key: bytes) -> int:
    payload = txn.get(Table.META, key)
    return 0 if payload is None else int(_WORD_LAYOUT.unpack(payload)[0])


def _put(txn: Transaction, *fields: int) -> None:
    txn.put(Table.META, _COMPACTED, _COMPACTED_LAYOUT.pack(*fields))
