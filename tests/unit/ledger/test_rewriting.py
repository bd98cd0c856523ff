"""Values under the hub key that is left are rewritten in place; nothing else of them changes."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

import numpy as np
import pytest

from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.cipher import TokenCipher
from rongan_share.ledger.counters import put_list_sequence
from rongan_share.ledger.environment import Ledger, Table, Transaction
from rongan_share.ledger.imports import PartNote, put_part
from rongan_share.ledger.journal import (
    JournalFrame,
    Original,
    PackedFrame,
    find_part_seal,
    find_seal,
    find_value_seal,
    get_staged,
    list_frames,
)
from rongan_share.ledger.rekeyed import count_values, get_left, put_left
from rongan_share.ledger.rewriting import Rewriter
from rongan_share.ledger.segments import Segment, append_segment, find_segment, part_key
from rongan_share.ledger.values import HEADER_BYTES, RowsHeader, glance
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS

RUNNING = threading.Event()
OLD, NEW = TokenCipher(bytes(range(32)), key_id=1), TokenCipher(bytes(32), key_id=2)
COMMITTED, SINGLE, STAGED = b"c" * 16, b"o" * 16, b"s" * 16
LAST = 8


def frame(rows: int, *, next_epoch: int = 0, original: Original | None = None) -> PackedFrame:
    """Makes rows under the old key; one in three names no token, or no next one."""
    raw = np.random.default_rng(rows)
    columns = {name: raw.bytes(width * rows) for name, width in CONTRIBUTE_COLUMNS}
    for name in ("token", "next_token"):
        tokens = np.frombuffer(OLD.encipher(columns[name]), "S16")
        columns[name] = np.where(np.arange(rows) % 3 == 0, b"", tokens).astype("S16").tobytes()
    if not next_epoch:
        del columns["next_token"]
    return PackedFrame(
        RowsHeader(1, 1, 4, next_epoch, 7, rows, 99),
        columns,
        pair_rows=np.arange(rows // 2, dtype="<u4"),
        pair_ids=np.arange(rows // 2, dtype="<u8") + 5,
        original=original,
    )


@pytest.fixture(name="journal")
def journal_of_every_kind(ledger: Ledger) -> Ledger:
    """Frames, one of an opening epoch, one compacted, one empty, two segments, a staged part."""
    note = PartNote(places=bytes(4), rows=bytes(8))
    compacted = Original(b"before compaction", 9, np.array([0, 2, 8], "<u2"))
    compacted = dataclasses.replace(compacted, seal=compacted.seal[:16])
    with ledger.write() as txn:
        for import_id, first, counts in (
            (COMMITTED, 3, (20, 5)),
            (SINGLE, 7, (6,)),
            (STAGED, 0, (4,)),
        ):
            sealed = [
                frame(count).sealed(part_key(import_id, number))
                for number, count in enumerate(counts)
            ]
            for number, value in enumerate(sealed):
                put_part(txn, import_id, number, sealed=value, note=note)
            seals = b"".join(value[-16:] for value in sealed)
            head = RowsHeader(1, 1, 4, 0, 7, sum(counts), 99)
            if first == 3:
                frame(40).append(txn, 1)
                frame(12, next_epoch=5).append(txn, 2)
            if first:
                append_segment(txn, Segment(first, head, import_id, seals))
            if first == 3:
                frame(3, original=compacted).append(txn, 5)
                frame(0).append(txn, 6)
        frame(7).append(txn, LAST)
        put_list_sequence(txn, LAST)
        put_left(txn, count_values(txn))
    return ledger


def rewriter(ledger: Ledger) -> Rewriter:
    """Makes passes from the old key to the new one."""
    return Rewriter(ledger, old=OLD, new=NEW)


def once() -> Callable[[], bool]:
    """Says that it is enough after the fourth look."""
    looks = iter(range(1 << 20))
    return lambda: next(looks) >= 3


def seals(txn: Transaction) -> list[bytes]:
    """Returns every checksum by which something is known."""
    known = [find_seal(txn, each) for each in range(1, LAST + 1)]
    known += [find_value_seal(txn, each) for each in range(1, LAST + 1)]
    return [*known, find_part_seal(txn, STAGED, 0), find_part_seal(txn, COMMITTED, 1)]


def plain(each: JournalFrame, cipher: TokenCipher) -> dict[str, object]:
    """Returns what a frame says, its tokens deciphered."""
    said: dict[str, object] = {}
    for name, column in each.columns.items():
        said[name] = column.tobytes()
        if name in ("token", "next_token"):
            opened = cipher.decipher(column.tobytes())
            said[name] = np.where(column == b"", b"", np.frombuffer(opened, "S16")).tobytes()
    said["header"] = dataclasses.replace(each.header, key_id=0)
    said["pairs"] = each.pair_rows.tobytes() + each.pair_ids.tobytes()
    said["ids"] = each.listing_ids(np.arange(each.header.row_count)).tobytes()
    return said


def read(txn: Transaction) -> list[JournalFrame]:
    """Reads every frame and the staged part."""
    return [*list_frames(txn, 0), get_staged(txn, STAGED, 0)[0]]


def key_ids(txn: Transaction) -> set[int]:
    """Returns which keys any value stands under."""
    return {
        glance(head).key_id
        for table in (Table.JOURNAL, Table.PARTS)
        for _, head, _ in txn.heads(table, b"", HEADER_BYTES)
    }


def test_everything_is_rewritten_and_says_the_same(journal: Ledger) -> None:
    """Whatever is read afterwards is what was there, under the new key, and is known as before.

    Each slice of the work is done by whoever comes next, as after a kill.
    """
    with journal.read() as txn:
        before, known = read(txn), seals(txn)
        assert key_ids(txn) == {1}
        left = [get_left(txn)]
        assert left == [count_values(txn)] == [11]
    while not rewriter(journal).work(once(), RUNNING):
        with journal.read() as txn:
            left.append(get_left(txn))
            assert seals(txn) == known
            assert len(read(txn)) == 9
    assert left == sorted(left, reverse=True)
    with journal.read() as txn:
        after = read(txn)
        assert key_ids(txn) == {2}
        assert seals(txn) == known
        assert get_left(txn) == 0
        segments = [find_segment(txn, each) for each in (4, 7)]
    assert [plain(each, NEW) for each in after] == [plain(each, OLD) for each in before]
    assert [each and (each.header.key_id, each.part_count) for each in segments] == [(2, 2), (2, 1)]


def test_rewritten_values_can_be_rewritten_again(journal: Ledger) -> None:
    """The next change of the key finds values like any other, and their first checksums stay."""
    third = TokenCipher(b"3" * 32, key_id=3)
    with journal.read() as txn:
        before, known = read(txn), seals(txn)
    assert rewriter(journal).work(lambda: False, RUNNING)
    again = Rewriter(journal, old=NEW, new=third)
    assert again.work(lambda: False, RUNNING)
    with journal.read() as txn:
        assert [plain(each, third) for each in read(txn)] == [plain(each, OLD) for each in before]
        assert seals(txn) == known


def test_value_under_a_third_key_is_no_ones(journal: Ledger) -> None:
    """What neither key opens is not taken for rewritten."""
    third = TokenCipher(b"3" * 32, key_id=3)
    stranger = Rewriter(journal, old=third, new=NEW)
    with pytest.raises(LedgerCorruptError):
        stranger.work(lambda: False, RUNNING)


def test_damaged_value_is_not_rewritten(journal: Ledger) -> None:
    """A flipped bit is found before the value gets a new checksum that would hide it."""
    key = (1).to_bytes(8, "big")
    with journal.write() as txn:
        payload = txn.get(Table.JOURNAL, key) or b""
        spoilt = bytearray(payload + txn.find_seal(Table.JOURNAL, key))
        spoilt[60] ^= 1
        txn.put_whole(Table.JOURNAL, key, bytes(spoilt))
    with pytest.raises(LedgerCorruptError):
        rewriter(journal).work(lambda: False, RUNNING)
