from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rongan_share.audit import verify
from rongan_share.audit.entry import Entry
from rongan_share.audit.verify import LogFault, verify_log
from rongan_share.ledger import entries
from rongan_share.ledger.environment import Ledger, Table, Transaction
from rongan_share.wire.merkle import leaf_hash, root_of

SHOWN = b"\x01" + bytes(7)
SIZE = 7


def entry(number: int) -> bytes:
    """Makes an entry; every third shows a listing."""
    digest = hashlib.sha256(SHOWN).digest() if number % 3 == 0 else b""
    return Entry(
        time_ns=number + 1,
        kind="VERDICT",
        method="VerdictService/CheckSubject",
        decision="GRANTED",
        disclosure_digest=digest,
    ).encode()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with a good log of seven entries."""
    Ledger.create(tmp_path / "ledger")
    with Ledger(tmp_path / "ledger") as opened:
        with opened.write() as txn:
            frontier = entries.get_frontier(txn)
            for number in range(SIZE):
                frontier = entries.append_entry(txn, frontier, entry(number))
                if number % 3 == 0:
                    entries.put_disclosure(txn, number, SHOWN)
            entries.put_frontier(txn, frontier)
        yield opened


def key(index: int) -> bytes:
    """Gives an entry's key."""
    return index.to_bytes(8, "big")


@pytest.mark.parametrize("slice_entries", [1, 2, 3, 7, 100])
def test_good_log_is_re_derived(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, slice_entries: int
) -> None:
    """A good log verifies in slices of any size, and says its size and root."""
    monkeypatch.setattr(verify, "SLICE_ENTRIES", slice_entries)
    progress: list[tuple[int, int]] = []
    report = verify_log(ledger, on_progress=lambda done, of: progress.append((done, of)))
    assert (report.size, report.fault) == (SIZE, None)
    assert report.root == root_of([leaf_hash(entry(number)) for number in range(SIZE)])
    assert progress[-1] == (SIZE, SIZE)


def test_empty_log_is_good(tmp_path: Path) -> None:
    """A log without entries has nothing wrong with it."""
    Ledger.create(tmp_path / "empty")
    with Ledger(tmp_path / "empty") as ledger:
        report = verify_log(ledger, on_progress=lambda _done, _of: None)
    assert (report.size, report.fault) == (0, None)


def remove(txn: Transaction) -> None:
    """Takes an entry away."""
    txn.delete(Table.ENTRIES, key(4))


def replace_entry(txn: Transaction) -> None:
    """Puts another good entry in an entry's place, under a good seal."""
    txn.put(Table.ENTRIES, key(4), entry(40))


def misform(txn: Transaction) -> None:
    """Puts something that is no entry in an entry's place."""
    txn.put(Table.ENTRIES, key(4), b"\x01garbage")


def misread(txn: Transaction) -> None:
    """Puts an integer that is too long into an entry."""
    txn.put(Table.ENTRIES, key(4), b"\x01\x01\x00\x10\x00\x00\x00" + b"\xff" * 16)


def cut(txn: Transaction) -> None:
    """Cuts the log's end off."""
    for index in (5, 6):
        txn.delete(Table.ENTRIES, key(index))


def show_more(txn: Transaction) -> None:
    """Adds a listing to what was shown."""
    entries.put_disclosure(txn, 3, SHOWN * 2)


def show_less(txn: Transaction) -> None:
    """Takes away what was shown."""
    txn.delete(Table.DISCLOSURES, key(3))


def show_unsaid(txn: Transaction) -> None:
    """Claims that an answer showed something though its entry says nothing of it."""
    entries.put_disclosure(txn, 4, SHOWN)


def swap(txn: Transaction) -> None:
    """Lets two entries change places."""
    one, other = txn.get(Table.ENTRIES, key(1)), txn.get(Table.ENTRIES, key(2))
    txn.put(Table.ENTRIES, key(1), other or b"")
    txn.put(Table.ENTRIES, key(2), one or b"")


@pytest.mark.parametrize(
    ("tamper", "index", "rule"),
    [
        (remove, 4, "the entry is missing"),
        (cut, 5, "the entry is missing"),
        (misform, 4, "canonical"),
        (misread, 4, "too long"),
        (replace_entry, SIZE, "do not give the recorded frontier"),
        (swap, SIZE, "do not give the recorded frontier"),
        (show_more, 3, "does not fit its digest"),
        (show_less, 3, "does not fit its digest"),
        (show_unsaid, 4, "does not fit its digest"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_tampering_is_found(
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    tamper: Callable[[Transaction], None],
    index: int,
    rule: str,
) -> None:
    """Each way to tamper with a log under good seals is found, at the first bad entry."""
    with ledger.write() as txn:
        tamper(txn)
    # Slices of one entry, of some, and one that holds them all must find the same.
    for slice_entries in (1, 3, 100):
        monkeypatch.setattr(verify, "SLICE_ENTRIES", slice_entries)
        fault = verify_log(ledger, on_progress=lambda _done, _of: None).fault
        assert isinstance(fault, LogFault)
        assert fault.index == index
        assert rule in fault.rule


def test_flipped_bit_is_found(tmp_path: Path) -> None:
    """A bit that flipped on the disk is found at its entry."""
    Ledger.create(tmp_path / "other")
    marker = b"a method that can be found in the file"
    with Ledger(tmp_path / "other") as opened, opened.write() as txn:
        raw = Entry(time_ns=1, kind="K", method=marker.decode(), decision="D").encode()
        entries.put_frontier(txn, entries.append_entry(txn, entries.get_frontier(txn), raw))
    path = tmp_path / "other" / "data.mdb"
    content = bytearray(path.read_bytes())
    content[bytes(content).rindex(marker)] ^= 1
    path.write_bytes(content)
    with Ledger(tmp_path / "other") as opened:
        report = verify_log(opened, on_progress=lambda _done, _of: None)
    assert report.fault == LogFault(0, "the stored bytes do not match their checksum")
