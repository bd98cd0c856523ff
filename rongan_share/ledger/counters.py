"""Single values of the ledger: the gate's generation, the last sequence, the log's origin."""

from __future__ import annotations

from rongan_share.ledger.environment import Table, Transaction

_GENERATION = b"generation"
_SEQUENCE = b"sequence"
_HUB_ID = b"hub_id"
_KEY_CHECK = b"key_check/"
_WRAPPED_SECRET = b"wrapped_secret/"
_LAST_OF_PARTNER = b"last_of_partner/"


def get_generation(txn: Transaction) -> int:
    """Returns the number of changes that every decision is checked against."""
    return _get(txn, _GENERATION)


def bump_generation(txn: Transaction) -> int:
    """Makes every decision that is under way be made again; returns the new generation."""
    generation = _get(txn, _GENERATION) + 1
    _put(txn, _GENERATION, generation)
    return generation


def get_list_sequence(txn: Transaction) -> int:
    """Returns the sequence of the last accepted change; 0 before the first."""
    return _get(txn, _SEQUENCE)


def put_list_sequence(txn: Transaction, sequence: int) -> None:
    """Records the sequence of the last accepted change."""
    _put(txn, _SEQUENCE, sequence)


def get_last_of_partner(txn: Transaction, partner_number: int) -> int:
    """Returns the sequence of a partner's last accepted frame; 0 before its first."""
    return _get(txn, _LAST_OF_PARTNER + partner_number.to_bytes(4, "big"))


def put_last_of_partner(txn: Transaction, partner_number: int, sequence: int) -> None:
    """Records the sequence of a partner's last accepted frame."""
    _put(txn, _LAST_OF_PARTNER + partner_number.to_bytes(4, "big"), sequence)


def get_hub_id(txn: Transaction) -> str:
    """Returns the log's origin."""
    return (txn.get(Table.META, _HUB_ID) or b"").decode()


def put_hub_id(txn: Transaction, hub_id: str) -> None:
    """Names the log's origin, once."""
    txn.put(Table.META, _HUB_ID, hub_id.encode())


def get_key_check(txn: Transaction, key_id: int) -> bytes:
    """Returns the check value of a hub key; empty for one that this ledger does not know."""
    return txn.get(Table.META, _KEY_CHECK + bytes([key_id])) or b""


def put_key_check(txn: Transaction, key_id: int, check_value: bytes) -> None:
    """Records the check value of a hub key, by which a wrong key file is noticed."""
    txn.put(Table.META, _KEY_CHECK + bytes([key_id]), check_value)


def get_wrapped_secret(txn: Transaction, key_id: int) -> bytes:
    """Returns the side secret under a hub key; empty for one that this ledger does not know."""
    return txn.get(Table.META, _WRAPPED_SECRET + bytes([key_id])) or b""


def put_wrapped_secret(txn: Transaction, key_id: int, wrapped: bytes) -> None:
    """Records the side secret under a hub key."""
    txn.put(Table.META, _WRAPPED_SECRET + bytes([key_id]), wrapped)


def forget_key(txn: Transaction, key_id: int) -> None:
    """Removes what is known of a hub key that nothing stands under any more."""
    txn.delete(Table.META, _KEY_CHECK + bytes([key_id]))
    txn.delete(Table.META, _WRAPPED_SECRET + bytes([key_id]))


def _get(txn: Transaction, key: bytes) -> int:
    return int.from_bytes(txn.get(Table.META, key) or b"", "little")


def _put(txn: Transaction, key: bytes, value: int) -> None:
    txn.put(Table.META, key, value.to_bytes(8, "little"))
