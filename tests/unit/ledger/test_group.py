from __future__ import annotations

import pytest

from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger import entries
from rongan_share.ledger.environment import Ledger, Table


def test_numbered_values_are_written_at_the_end_only(ledger: Ledger) -> None:
    """What is written in one step reads back, and never takes the place of what is there."""
    with ledger.write() as txn:
        entries.append_entries(txn, [])
        entries.append_entries(txn, [(0, b"a"), (1, b"b")])
        entries.append_nonces(txn, [(1, b"n" * 32)])
    for numbered in ([(1, b"other")], [(2, b"c"), (1, b"other")]):
        with pytest.raises(LedgerCorruptError), ledger.write() as txn:
            entries.append_entries(txn, numbered)
    with ledger.read() as txn:
        assert list(entries.list_entries(txn)) == [(0, b"a"), (1, b"b")]
        assert (entries.find_nonce(txn, 0), entries.find_nonce(txn, 1)) == (None, b"n" * 32)


def test_state_number_moves_with_every_commit(ledger: Ledger) -> None:
    """Two readers see the same number exactly if nothing was committed between them."""
    numbers = []
    for key in (b"", b"a", b"b"):
        if key:
            with ledger.write() as txn:
                txn.put(Table.OBJECTS, key, b"v")
        for _ in range(2):
            with ledger.read() as txn:
                numbers.append(txn.state_number)
    assert numbers[::2] == numbers[1::2]
    assert len(set(numbers)) == 3
