from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.environment import Ledger, Table
from rongan_share.ledger.journal import (
    COLUMN_DTYPES,
    JournalFrame,
    PackedFrame,
    RowsHeader,
    list_frames,
    parse_frame,
)
from rongan_share.ledger.sealed import unseal
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS

SEEDED = settings(deadline=None, derandomize=True, database=None, max_examples=100)


class Capture:
    """Stands for a transaction and keeps what is appended."""

    def __init__(self) -> None:
        self.put: list[tuple[Table, bytes, bytes]] = []

    def put_sealed(self, table: Table, key: bytes, value: bytes) -> None:
        """Keeps one value."""
        self.put.append((table, key, value))


def columns_of(count: int, seed: int, *, next_token: bool) -> dict[str, bytes]:
    """Makes columns of random bytes."""
    random = np.random.default_rng(seed)
    return {
        name: random.bytes(width * count)
        for name, width in CONTRIBUTE_COLUMNS
        if next_token or name != "next_token"
    }


def frame_of(
    count: int, *, seed: int, next_epoch: int, pairs: int
) -> tuple[RowsHeader, PackedFrame]:
    """Packs a random frame."""
    header = RowsHeader(
        key_id=255,
        suite=2,
        epoch=2**32 - 1,
        next_epoch=next_epoch,
        partner_number=2**32 - 2,
        row_count=count,
        time_ns=2**63,
    )
    rows = np.arange(pairs, dtype="<u4") * 3
    packed = PackedFrame(
        header,
        columns_of(count, seed, next_token=bool(next_epoch)),
        pair_rows=rows,
        pair_ids=rows.astype("<u8") << np.uint64(40),
    )
    return header, packed


@SEEDED
@given(
    count=st.integers(1, 40),
    seed=st.integers(0, 2**16),
    next_epoch=st.sampled_from([0, 7]),
    pairs=st.integers(0, 12),
    sequence=st.integers(1, 2**50),
)
def test_frame_comes_back_as_it_was(
    count: int, seed: int, next_epoch: int, pairs: int, sequence: int
) -> None:
    """Header, every column and every pair are read back byte for byte."""
    header, packed = frame_of(count, seed=seed, next_epoch=next_epoch, pairs=pairs)
    capture = Capture()
    packed.append(capture, sequence)  # type: ignore[arg-type]  # a double
    ((table, key, value),) = capture.put
    assert (table, key) == (Table.JOURNAL, sequence.to_bytes(8, "big"))
    frame = parse_frame(sequence, unseal(table.value, key, value))
    assert (frame.sequence, frame.header) == (sequence, header)
    expected = columns_of(count, seed, next_token=bool(next_epoch))
    assert {name: column.tobytes() for name, column in frame.columns.items()} == expected
    assert all(column.dtype == COLUMN_DTYPES[name] for name, column in frame.columns.items())
    assert frame.pair_rows.tolist() == [3 * number for number in range(pairs)]
    assert frame.pair_ids.tolist() == [3 * number << 40 for number in range(pairs)]


def test_one_frame_can_be_written_twice(ledger: Ledger) -> None:
    """A frame whose commit was given up is written under another sequence with its own seal."""
    _, packed = frame_of(3, seed=1, next_epoch=0, pairs=2)

    def fail() -> None:
        with ledger.write() as txn:
            packed.append(txn, 1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with ledger.write() as txn:
        packed.append(txn, 2)
        packed.append(txn, 3)
    with ledger.read() as txn:
        frames = list(list_frames(txn, 0))
    assert [frame.sequence for frame in frames] == [2, 3]
    assert _same(*frames)


def _same(one: JournalFrame, other: JournalFrame) -> bool:
    return all(one.columns[name].tobytes() == other.columns[name].tobytes() for name in one.columns)


def test_frames_are_walked_from_a_sequence_on(ledger: Ledger) -> None:
    """A reader that knows a sequence gets exactly the frames after it, in order."""
    _, packed = frame_of(1, seed=1, next_epoch=0, pairs=0)
    numbers = [1, 2, 255, 256, 257, 70_000]
    with ledger.write() as txn:
        for number in numbers:
            packed.append(txn, number)
    with ledger.read() as txn:
        for after in (0, 1, 254, 255, 256, 70_000):
            found = [frame.sequence for frame in list_frames(txn, after)]
            assert found == [number for number in numbers if number > after]


def test_sequence_is_under_the_seal(ledger: Ledger) -> None:
    """A value that stands under another sequence than it was written for is not read."""
    _, packed = frame_of(1, seed=1, next_epoch=0, pairs=0)
    capture = Capture()
    packed.append(capture, 1)  # type: ignore[arg-type]  # a double
    ((table, _, value),) = capture.put
    with ledger.write() as txn:
        txn.put_sealed(table, (2).to_bytes(8, "big"), value)
    with ledger.read() as txn, pytest.raises(LedgerCorruptError):
        list(list_frames(txn, 0))


@pytest.mark.parametrize(("at", "value"), [(0, 3), (1, 1), (2, 2), (2, 3), (2, 9)])
def test_unknown_format_or_kind_is_not_guessed_at(at: int, value: int) -> None:
    """A value of another format or kind stops the reader: half a journal reads as not listed."""
    capture = Capture()
    frame_of(1, seed=1, next_epoch=0, pairs=0)[1].append(capture, 1)  # type: ignore[arg-type]
    payload = bytearray(capture.put[0][2][:-16])
    payload[at] = value
    with pytest.raises(LedgerCorruptError):
        parse_frame(1, bytes(payload))
