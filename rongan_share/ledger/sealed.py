"""Sealed values: every stored value carries a checksum over its key and itself.

LMDB has none of its own, and a flipped bit could otherwise read as "not listed".
"""

from __future__ import annotations

import hashlib

from rongan_share.errors import LedgerCorruptError

SEAL_BYTES = 16
"""Length of the BLAKE2b checksum at the end of every value."""


def seal(key: bytes, payload: bytes) -> bytes:
    """Returns the payload with its checksum."""
    return payload + _checksum(key, payload)


def unseal(table: str, key: bytes, value: bytes) -> bytes:
    """Returns the payload of a sealed value.

    Raises:
        LedgerCorruptError: The checksum does not match.
    """
    payload = value[:-SEAL_BYTES]
    if len(value) < SEAL_BYTES or value[-SEAL_BYTES:] != _checksum(key, payload):
        raise LedgerCorruptError(table, key)
    return payload


def _checksum(key: bytes, payload: bytes) -> bytes:
    # The payload comes first, so that a large one may be hashed before its key is known.
    digest = hashlib.blake2b(payload, digest_size=SEAL_BYTES)
    digest.update(key)
    return digest.digest()
