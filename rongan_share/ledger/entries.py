"""The audit log's tables: entries by index, the frontier of their tree, and side tables.

Nonces and business references can be erased without touching an entry: that unlinks it from its
tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.environment import Table, Transaction
from rongan_share.wire.merkle import Frontier, leaf_hash

_FRONTIER = b"frontier"


def get_frontier(txn: Transaction) -> Frontier:
    """Returns size and frontier of the log's tree.

    Raises:
        LedgerCorruptError: The stored frontier does not fit its size.
    """
    payload = txn.get(Table.META, _FRONTIER)
    if payload is None:
        return Frontier()
    try:
        return Frontier.parse(payload)
    except ValueError as error:
        raise LedgerCorruptError(Table.META.value, _FRONTIER) from error


def put_frontier(txn: Transaction, frontier: Frontier) -> None:
    """Records size and frontier of the log's tree."""
    txn.put(Table.META, _FRONTIER, frontier.encode())


def append_entry(txn: Transaction, frontier: Frontier, entry: bytes) -> Frontier:
    """Writes an entry at the log's end; returns the frontier that the caller must record."""
    txn.put(Table.ENTRIES, _key(frontier.size), entry)
    return frontier.append(leaf_hash(entry))


def append_entries(txn: Transaction, numbered: Sequence[tuple[int, bytes]]) -> None:
    """Writes entries with their indices at the log's end; the caller records the frontier."""
    txn.append_all(Table.ENTRIES, [(_key(index), entry) for index, entry in numbered])


def find_entry(txn: Transaction, index: int) -> bytes | None:
    """Returns an entry's canonical bytes, or None past the end."""
    return txn.get(Table.ENTRIES, _key(index))


def list_entries(txn: Transaction, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Walks entries from an index on."""
    for key, entry in txn.scan(Table.ENTRIES, _key(start)):
        yield int.from_bytes(key, "big"), entry


def put_nonce(txn: Transaction, index: int, nonce: bytes) -> None:
    """Keeps the nonce that opens an entry's commitments, sealed under the hub key."""
    txn.put(Table.NONCES, _key(index), nonce)


def append_nonces(txn: Transaction, numbered: Sequence[tuple[int, bytes]]) -> None:
    """Keeps the sealed nonces of the newest entries, each under its entry's index."""
    txn.append_all(Table.NONCES, [(_key(index), nonce) for index, nonce in numbered])


def find_nonce(txn: Transaction, index: int) -> bytes | None:
    """Returns an entry's sealed nonce, or None if it has none or it was erased."""
    return txn.get(Table.NONCES, _key(index))


def put_business_refs(txn: Transaction, index: int, references: bytes) -> None:
    """Keeps the partner's pseudonyms of a question, 16 bytes each."""
    txn.put(Table.BUSINESS_REFS, _key(index), references)


def put_disclosure(txn: Transaction, index: int, listing_ids: bytes) -> None:
    """Keeps which listings an answer was folded from: u64 each, little-endian, ascending."""
    txn.put(Table.DISCLOSURES, _key(index), listing_ids)


def find_disclosure(txn: Transaction, index: int) -> bytes | None:
    """Returns which listings an answer was folded from, or None."""
    return txn.get(Table.DISCLOSURES, _key(index))


def _key(index: int) -> bytes:
    return index.to_bytes(8, "big")
