"""A segment takes a run of sequences, and reads as the frames that it is made of."""

from __future__ import annotations

import numpy as np
import pytest

from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.counters import put_list_sequence
from rongan_share.ledger.environment import Ledger, Table
from rongan_share.ledger.imports import PartNote, find_note, put_part
from rongan_share.ledger.journal import PackedFrame, find_seal, list_frames
from rongan_share.ledger.segments import (
    Segment,
    append_segment,
    digest_of_seals,
    find_segment,
    part_key,
)
from rongan_share.ledger.values import RowsHeader
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS

IMPORT = bytes(range(16))
NO_ROWS, NO_IDS = np.zeros(0, "<u4"), np.zeros(0, "<u8")


def header(row_count: int) -> RowsHeader:
    """Makes the head of a value."""
    return RowsHeader(1, 1, 1, 0, 7, row_count, 99)


def frame(row_count: int) -> PackedFrame:
    """Makes rows whose tokens say how many there are."""
    columns = {
        name: bytes([row_count]) * (width * row_count)
        for name, width in CONTRIBUTE_COLUMNS
        if name != "next_token"
    }
    return PackedFrame(header(row_count), columns, pair_rows=NO_ROWS, pair_ids=NO_IDS)


@pytest.fixture(name="journal")
def journal_with_a_segment(ledger: Ledger) -> Ledger:
    """Frames 1 and 2, a segment of three parts as 3 to 5, and frame 6."""
    note = PartNote(places=bytes(4), rows=bytes(8))
    sealed = [
        frame(count).sealed(part_key(IMPORT, number)) for number, count in enumerate((30, 31, 32))
    ]
    with ledger.write() as txn:
        for number, value in enumerate(sealed):
            put_part(txn, IMPORT, number, sealed=value, note=note)
    with ledger.write() as txn:
        frame(11).append(txn, 1)
        frame(12).append(txn, 2)
        seals = b"".join(value[-16:] for value in sealed)
        append_segment(txn, Segment(3, header(93), IMPORT, seals))
        frame(16).append(txn, 6)
        put_list_sequence(txn, 6)
    return ledger


def test_frames_from_anywhere(journal: Ledger) -> None:
    """Every frame comes once and in order, wherever the reading begins."""
    counts = [11, 12, 30, 31, 32, 16]
    with journal.read() as txn:
        for after in range(7):
            frames = list(list_frames(txn, after))
            assert [each.sequence for each in frames] == list(range(after + 1, 7))
            assert [each.header.row_count for each in frames] == counts[after:]
            for each in frames:
                assert each.columns["token"].tobytes()[0] == each.header.row_count


def test_frames_up_to_a_segment(journal: Ledger) -> None:
    """Whoever has the columns of a segment reads up to it, and else all of it and no further."""
    with journal.read() as txn:
        read = [
            [each.sequence for each in list_frames(txn, after, to_segment=True)]
            for after in range(7)
        ]
    assert read == [[1, 2], [2], [3, 4, 5], [4, 5], [5], [6], []]


def test_segment_of_a_sequence(journal: Ledger) -> None:
    """Each of its sequences finds it, and each has a seal of its own."""
    with journal.read() as txn:
        found = [find_segment(txn, sequence) for sequence in range(1, 8)]
        seals = {find_seal(txn, sequence) for sequence in range(1, 7)}
        assert find_seal(txn, 7) == b""
    assert [each is not None for each in found] == [False, False, True, True, True, False, False]
    assert len(seals) == 6
    segment = found[3]
    assert segment is not None
    assert (segment.first_sequence, segment.last_sequence, segment.part_count) == (3, 5, 3)
    assert segment.digest == digest_of_seals([segment.seals])


def test_part_that_is_gone_or_another(journal: Ledger) -> None:
    """A part that is not the one that was imported is told, not read."""
    note = PartNote(places=bytes(4), rows=bytes(8))
    with journal.write() as txn:
        other = frame(33).sealed(part_key(IMPORT, 1))
        put_part(txn, IMPORT, 1, sealed=other, note=note)
    with journal.read() as txn, pytest.raises(LedgerCorruptError):
        list(list_frames(txn, 0))
    with journal.write() as txn:
        txn.delete(Table.PARTS, part_key(IMPORT, 1))
    with journal.read() as txn, pytest.raises(LedgerCorruptError):
        list(list_frames(txn, 3))


def test_rows_of_a_part_are_found_in_the_file(ledger: Ledger) -> None:
    """A place in a part tells its row of the file, across rows that were left out."""
    rows = np.array([5, 6, 9, 10, 11, 40])
    begins = np.array([0, 2, 5])
    note = PartNote(
        places=begins.astype("<u4").tobytes(), rows=rows[begins].astype("<u8").tobytes()
    )
    with ledger.write() as txn:
        put_part(txn, IMPORT, 0, sealed=bytes(20), note=note)
    with ledger.read() as txn:
        kept = find_note(txn, IMPORT, 0)
    assert kept is not None
    assert [kept.row_of(place) for place in range(6)] == rows.tolist()
