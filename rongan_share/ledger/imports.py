"""Imports on their way: what is known of each, and its parts, which nobody sees until committed."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from rongan_share.errors import LedgerCorruptError, MovedError
from rongan_share.ledger.environment import Ledger, Table, Transaction
from rongan_share.ledger.objects import HUB_KEY_ID, find_object
from rongan_share.ledger.segments import IMPORT_ID_BYTES, part_key
from rongan_share.model.hub_key import HubKey

KEPT_NS = 7 * 86_400 * 1_000_000_000
"""How long an import that nobody goes on with is kept."""

_DROPPED_AT_ONCE = 4
_RECORD, _NOTE, _SEALS = b"I", b"N", b"S"


class ImportState(IntEnum):
    """How far an import has come."""

    STAGING = 1
    STAGED = 2
    COMMITTED = 3
    DROPPED = 4


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """What an import is read from.

    Attributes:
        path: Where it lay.
        format: How it is written.
        size: Its bytes.
        mtime_ns: When it was last written.
    """

    path: str
    format: str
    size: int
    mtime_ns: int


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows of an import were judged by; another ruling, and they must be judged anew.

    Attributes:
        partner_id: The contributor.
        partner_number: Its number.
        agreement_version: Its agreement.
        taxonomy_version: The taxonomy.
        epoch: Epoch of the tokens.
        suite: How they were made.
        key_id: Key under which they are enciphered.
        consent_named: Whether a legal basis' reference was given.
    """

    partner_id: str
    partner_number: int
    agreement_version: int
    taxonomy_version: int
    epoch: int
    suite: int
    key_id: int
    consent_named: bool


class ImportRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an import.

    Attributes:
        state: How far it has come.
        source: What it is read from.
        ruling: What its rows were judged by.
        begun_ns: When it began, nanoseconds since 1970-01-01 UTC.
        touched_ns: When something was last done for it.
        checked_sequence: Sequence of the contributor's last frame that its rows were judged by.
        checked_head: Sequence of anybody's last frame then.
        part_count: Parts that are staged.
        row_count: Rows in them.
        rows_read: Rows of the file that were read for them; those that were left out, as an equal
            listing lives, among them.
        content_rows: Rows of the file that `content` was made of.
        content: Keyed digest of those, 32 bytes.
        least_expiry_day: Earliest last day of any of them; 0 none ends.
        first_sequence: The first sequence that it took; 0 before the commit.
        entry_index: Place of the commit's entry in the audit log.
    """

    state: ImportState
    source: SourceFile
    ruling: Ruling
    begun_ns: int
    touched_ns: int
    checked_sequence: int
    checked_head: int
    part_count: int = 0
    row_count: int = 0
    rows_read: int = 0
    content_rows: int = 0
    content: bytes = b""
    least_expiry_day: int = 0
    first_sequence: int = 0
    entry_index: int = 0

    @property
    def committed(self) -> bool:
        """Whether its rows are listings."""
        return self.state is ImportState.COMMITTED


class PartNote(msgspec.Struct, frozen=True, kw_only=True):
    """Where the rows of a part stood in the file, in stretches without a gap.

    Attributes:
        places: Place in the part at which each stretch begins, u32.
        rows: Row of the file at which it begins, from 0, u64.
    """

    places: bytes
    rows: bytes

    def row_of(self, place: int) -> int:
        """Returns the row of the file that a row of the part was."""
        places: NDArray[np.uint32] = np.frombuffer(self.places, "<u4")
        stretch = int(np.searchsorted(places, place, side="right")) - 1
        return int(np.frombuffer(self.rows, "<u8")[stretch]) + place - int(places[stretch])


def find_import(txn: Transaction, import_id: bytes) -> ImportRecord | None:
    """Returns what is known of an import, or None."""
    payload = txn.get(Table.IMPORTS, _RECORD + import_id)
    return None if payload is None else _decode(import_id, payload)


def list_imports(txn: Transaction) -> Iterator[tuple[bytes, ImportRecord]]:
    """Walks all imports, those that were committed too."""
    for key, payload in txn.scan(Table.IMPORTS, prefix=_RECORD):
        yield key[1:], _decode(key[1:], payload)


def put_import(txn: Transaction, import_id: bytes, record: ImportRecord) -> None:
    """Records how far an import has come."""
    txn.put(Table.IMPORTS, _RECORD + import_id, msgspec.msgpack.encode(record))


def go_on(txn: Transaction, import_id: bytes, record: ImportRecord) -> None:
    """Records how far an import that began before has come.

    Raises:
        MovedError: It was dropped meanwhile, and its parts with it; or another hub key came.
    """
    stored = find_import(txn, import_id)
    if stored is None or stored.state is ImportState.DROPPED:
        raise MovedError
    hub_key = find_object(txn, HubKey, HUB_KEY_ID)
    if hub_key is None or hub_key.key_id != record.ruling.key_id:
        raise MovedError
    put_import(txn, import_id, record)


def put_part(
    txn: Transaction, import_id: bytes, number: int, *, sealed: bytes, note: PartNote
) -> None:
    """Stages a part, sealed under its key."""
    key = part_key(import_id, number)
    txn.put_whole(Table.PARTS, key, sealed)
    txn.put(Table.IMPORTS, _NOTE + key, msgspec.msgpack.encode(note))


def find_note(txn: Transaction, import_id: bytes, number: int) -> PartNote | None:
    """Returns where the rows of a part stood in the file, or None."""
    payload = txn.get(Table.IMPORTS, _NOTE + part_key(import_id, number))
    return None if payload is None else msgspec.msgpack.decode(payload, type=PartNote)


def get_seals(txn: Transaction, import_id: bytes) -> bytes:
    """Returns the checksum of each part, 16 bytes each; empty until all are staged."""
    return txn.get(Table.IMPORTS, _SEALS + import_id) or b""


def put_seals(txn: Transaction, import_id: bytes, seals: bytes) -> None:
    """Records the checksum of each part, once all are staged."""
    txn.put(Table.IMPORTS, _SEALS + import_id, seals)


def drop_staged(ledger: Ledger, import_id: bytes, *, before_ns: int | None = None) -> bool:
    """Removes an import unless it is committed, in transactions that are short.

    Args:
        ledger: The store.
        import_id: The import.
        before_ns: If given, it stays if anything was done for it at or after this time,
            nanoseconds since 1970-01-01 UTC.

    Returns:
        Whether it was removed.
    """
    with ledger.write() as txn:
        record = find_import(txn, import_id)
        if record is None or record.committed:
            return False
        dropped = record.state is ImportState.DROPPED
        # What the caller has read of it may be old: somebody may have taken it up since.
        if not dropped and before_ns is not None and record.touched_ns >= before_ns:
            return False
        # Whoever goes on with it must not find a part of it.
        put_import(txn, import_id, msgspec.structs.replace(record, state=ImportState.DROPPED))
    for first in range(0, record.part_count, _DROPPED_AT_ONCE):
        with ledger.write() as txn:
            for number in range(first, min(first + _DROPPED_AT_ONCE, record.part_count)):
                key = part_key(import_id, number)
                txn.delete(Table.PARTS, key)
                txn.delete(Table.IMPORTS, _NOTE + key)
    with ledger.write() as txn:
        txn.delete(Table.IMPORTS, _SEALS + import_id)
        txn.delete(Table.IMPORTS, _RECORD + import_id)
    return True


def drop_notes(txn: Transaction, import_id: bytes, first: int, *, count: int) -> None:
    """Forgets where rows stood in the file, once they are committed."""
    for number in range(first, first + count):
        txn.delete(Table.IMPORTS, _NOTE + part_key(import_id, number))


def _decode(import_id: bytes, payload: bytes) -> ImportRecord:
    if len(import_id) != IMPORT_ID_BYTES:
        raise LedgerCorruptError(Table.IMPORTS.value, import_id)
    return msgspec.msgpack.decode(payload, type=ImportRecord)
