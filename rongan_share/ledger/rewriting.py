"""Rewriting: journal values under the hub key that is left are enciphered under the one that came.

Frames, compacted or not, parts of imports, committed or staged, and segments: whatever names the
old key in its head is written anew in its place, with the same rows in the same order. It keeps the
checksum that it was first written with (`journal.first_seal`), so columns and segments go on
knowing it. Each value says for itself under which key it stands; a pass that is cut off
anywhere leaves nothing to be mended, and the next one begins with what is left.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rongan_share.clock import monotonic_ns
from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.cipher import recipher
from rongan_share.ledger.environment import Table, Transaction
from rongan_share.ledger.journal import Original, PackedFrame, first_seal, parse_frame
from rongan_share.ledger.rekeyed import take_left
from rongan_share.ledger.sealed import seal
from rongan_share.ledger.segments import pack_segment, parse_segment
from rongan_share.ledger.values import HEADER_BYTES, ValueKind, glance, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from rongan_share.ledger.cipher import TokenCipher
    from rongan_share.ledger.environment import Ledger
    from rongan_share.ledger.journal import JournalFrame

HELD_NS = 3_000_000
"""How long a transaction should hold LMDB's lock; how much is written in one follows from it."""

LOOK_KEYS = 1_000
"""Heads looked at in one transaction, so that none is held for long."""

_TABLES = (Table.JOURNAL, Table.PARTS)
_TOKENS = ("token", "next_token")
_LEAST_BYTES, _MOST_BYTES = 64 << 10, 4 << 20
_VALUE_BYTES = 2 << 10
"""What writing a value costs whatever its size, in bytes that take as long."""


class Rewriter:
    """Makes passes through every value that has tokens, or says under which key they stand.

    Args:
        ledger: The ledger.
        old: The key that is left.
        new: The key that came.
    """

    def __init__(self, ledger: Ledger, *, old: TokenCipher, new: TokenCipher) -> None:
        self._ledger = ledger
        self._old, self._new = old, new
        self._place: tuple[int, bytes] = (0, b"")
        self._found = False
        self._bytes_at_once = _LEAST_BYTES

    @property
    def key_ids(self) -> tuple[int, int]:
        """Numbers of the key that is left and of the one that came."""
        return self._old.key_id, self._new.key_id

    def work(self, until: Callable[[], bool], stopping: Event) -> bool:
        """Goes on; tells whether a whole pass has found nothing under the old key any more.

        Args:
            until: Asked between transactions whether it is enough for now.
            stopping: Set when the hub stops; looked at there too.

        Raises:
            LedgerCorruptError: A value's checksum does not match, or it stands under a third key.
        """
        while not stopping.is_set() and not until():
            number, after = self._place
            if number == len(_TABLES):
                if not self._found:
                    return True
                self._place, self._found = (0, b""), False
                continue
            table = _TABLES[number]
            due, last = self._look(table, after)
            while due:
                if stopping.is_set() or until():
                    return False
                due = self._rewrite(table, due, stopping)
            self._place = (number + 1, b"") if last is None else (number, last)
        return False

    def _look(self, table: Table, after: bytes) -> tuple[list[_Due], bytes | None]:
        """Finds values under the old key, and behind which key to look on; None at the end."""
        due: list[_Due] = []
        last: bytes | None = None
        with self._ledger.read() as txn:
            heads = txn.heads(table, after, HEADER_BYTES)
            for count, (key, head, size) in enumerate(heads, 1):
                key_id = glance(head).key_id
                if key_id == self._old.key_id:
                    due.append(_Due(key, size))
                elif key_id != self._new.key_id:
                    raise LedgerCorruptError(table.value, key)
                if count == LOOK_KEYS:
                    last = key
                    break
        self._found |= bool(due)
        return due, last

    def _rewrite(self, table: Table, due: list[_Due], stopping: Event) -> list[_Due]:
        """Rewrites as many values as one short transaction takes; returns the others."""
        sizes = np.cumsum([each.size + _VALUE_BYTES for each in due])
        count = max(1, int(np.searchsorted(sizes, self._bytes_at_once, side="right")))
        with self._ledger.read() as txn:
            anew = [self._enciphered(txn, table, each.key) for each in due[:count]]
        began = monotonic_ns()
        with self._ledger.write() as txn:
            # A value that is another one by now was dropped or compacted: the next pass looks.
            same = [each for each in anew if each and txn.find_seal(table, each.key) == each.before]
            for each in same:
                txn.put_whole(table, each.key, each.sealed)
            take_left(txn, len(same))
        held = monotonic_ns() - began
        if held > HELD_NS:
            self._bytes_at_once = max(_LEAST_BYTES, self._bytes_at_once // 2)
        elif 2 * held < HELD_NS:
            self._bytes_at_once = min(_MOST_BYTES, self._bytes_at_once * 2)
        # Others who write come first.
        stopping.wait(held / 1e9)
        return due[count:]

    def _enciphered(self, txn: Transaction, table: Table, key: bytes) -> _Anew | None:
        """Makes the value that takes the place of one; None if that is gone."""
        payload = txn.get(table, key)
        if payload is None:
            return None
        first = first_seal(txn, table, key)
        if kind_of(payload) == ValueKind.SEGMENT:
            segment = parse_segment(int.from_bytes(key, "big"), payload)
            header = dataclasses.replace(segment.header, key_id=self._new.key_id)
            renamed = dataclasses.replace(segment, header=header)
            sealed = seal(key, pack_segment(renamed, first))
        else:
            sealed = self._frame(parse_frame(int.from_bytes(key[-4:], "big"), payload), first)(key)
        return _Anew(key, txn.find_seal(table, key), sealed)

    def _frame(self, frame: JournalFrame, first: bytes) -> Callable[[bytes], bytes]:
        """Packs a frame with its tokens under the key that came."""
        rows = frame.header.row_count
        original = frame.original or Original(first, rows, np.arange(rows, dtype="<u2"))
        columns = {
            name: recipher(column, self._old, self._new) if name in _TOKENS else column
            for name, column in frame.columns.items()
        }
        return PackedFrame(
            dataclasses.replace(frame.header, key_id=self._new.key_id),
            {name: column.tobytes() for name, column in columns.items()},
            pair_rows=frame.pair_rows,
            pair_ids=frame.pair_ids,
            original=original,
        ).sealed


class _Due(NamedTuple):
    """A value that is to be rewritten."""

    key: bytes
    size: int


class _Anew(NamedTuple):
    """A value ready to be written, and the checksum of the one whose place it takes."""

    key: bytes
    before: bytes
    sealed: bytes
