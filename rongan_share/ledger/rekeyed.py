"""How many values still stand under the hub key that is left, for whoever asks how far it is."""

from __future__ import annotations

from rongan_share.ledger.environment import Table, Transaction

_LEFT = b"rekey_left"


def count_values(txn: Transaction) -> int:
    """Counts journal values and parts of imports, whichever key they stand under."""
    return txn.count(Table.JOURNAL) + txn.count(Table.PARTS)


def get_left(txn: Transaction) -> int:
    """Returns how many values stand under the old key, as far as they were counted."""
    return int.from_bytes(txn.get(Table.META, _LEFT) or b"", "little")


def put_left(txn: Transaction, count: int) -> None:
    """Records how many values stand under the old key."""
    txn.put(Table.META, _LEFT, count.to_bytes(8, "little"))


def take_left(txn: Transaction, count: int) -> None:
    """Records that so many more were rewritten."""
    put_left(txn, max(0, get_left(txn) - count))
