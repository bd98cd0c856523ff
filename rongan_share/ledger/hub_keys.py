"""The hub keys: one 0600 file each, outside the data directory, and what the ledger knows of them.

The ledger keeps a check value of each key that it uses, by which a wrong file is noticed, and the
side secret, from which `SideKeys` are derived, wrapped under it: another hub key needs 32 bytes
wrapped anew, and what stands beside tokens stays as it is (docs/decisions/0029-rekey.md).
Source: AES-256-GCM, NIST SP 800-38D; HKDF, RFC 5869.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rongan_share.errors import StartRefusedError
from rongan_share.ledger.cipher import TokenCipher, read_key
from rongan_share.ledger.counters import (
    get_hub_id,
    get_key_check,
    get_wrapped_secret,
    put_key_check,
    put_wrapped_secret,
)
from rongan_share.ledger.derived import derive
from rongan_share.ledger.side_keys import SideKeys
from rongan_share.model.hub_key import RekeyPhase

if TYPE_CHECKING:
    from pathlib import Path

    from rongan_share.config import Settings
    from rongan_share.ledger.environment import Ledger, Transaction
    from rongan_share.model.hub_key import HubKey

MOST_KEY_ID = 255
"""Highest number of a hub key; 1 comes after it."""

_CHECKED_TEXT = b"rs1 hub key"
_IV_BYTES = 12
_log = logging.getLogger(__name__)


class KeyMarks(NamedTuple):
    """What the ledger keeps of a hub key: nothing that tells anything without it.

    Attributes:
        check_value: 32 bytes that tell it from any other.
        wrapped_secret: The side secret under it.
    """

    check_value: bytes
    wrapped_secret: bytes

    def put(self, txn: Transaction, key_id: int) -> None:
        """Writes them into the ledger."""
        put_key_check(txn, key_id, self.check_value)
        put_wrapped_secret(txn, key_id, self.wrapped_secret)


def marks_of(key: bytes, side_secret: bytes, *, hub_id: str, key_id: int) -> KeyMarks:
    """Makes what the ledger keeps of a hub key.

    Args:
        key: The hub key.
        side_secret: What is wrapped under it, 32 bytes.
        hub_id: The log's origin; wrapped for one hub, it opens in no other.
        key_id: The key's number.
    """
    iv = secrets.token_bytes(_IV_BYTES)
    wrapped = _wrapping(key).encrypt(iv, side_secret, _bound_to(hub_id, key_id))
    return KeyMarks(_check_value(key), iv + wrapped)


def hub_key_path(folder: Path, key_id: int) -> Path:
    """Returns the file of a hub key."""
    return folder / f"hub-{key_id}.key"


def digest_of_key(key: bytes) -> bytes:
    """Returns what an operator names a key by."""
    return hashlib.sha256(key).digest()


def used_ids(hub_key: HubKey) -> list[int]:
    """Returns the numbers of the keys that tokens stand under, or will."""
    ids = [hub_key.key_id, hub_key.next_key_id]
    if hub_key.phase is not RekeyPhase.REWRITTEN:
        ids.append(hub_key.old_key_id)
    return [key_id for key_id in ids if key_id]


def next_key_id(key_id: int) -> int:
    """Returns the number of the key that comes after one."""
    return key_id % MOST_KEY_ID + 1


def previous_key_id(key_id: int) -> int:
    """Returns the number of the key that came before one."""
    return (key_id - 2) % MOST_KEY_ID + 1


class HubKeys:
    """Reads hub keys from their folder when they are first needed; keeps ciphers, shows no key.

    Args:
        folder: Holds one `hub-N.key` a key.
        ledger: The open store, which knows each key that it uses.
        data_directory: The store's directory, in which no key may lie.
    """

    def __init__(self, folder: Path, ledger: Ledger, *, data_directory: Path) -> None:
        self._folder = folder
        self._ledger = ledger
        self._data_directory = data_directory
        self._ciphers: dict[int, TokenCipher] = {}
        self._side_keys: SideKeys | None = None

    @staticmethod
    def of(settings: Settings, ledger: Ledger) -> HubKeys:
        """Returns the hub keys of a hub's configuration."""
        folder, data = settings.keys.hub_keys, settings.data_directory
        return HubKeys(folder, ledger, data_directory=data)

    def __repr__(self) -> str:
        return f"HubKeys({sorted(self._ciphers)})"

    def path(self, key_id: int) -> Path:
        """Returns the file of a key."""
        return hub_key_path(self._folder, key_id)

    def cipher(self, key_id: int) -> TokenCipher:
        """Returns a key's cipher over tokens at rest.

        Raises:
            StartRefusedError: The file is missing, open to others, or not that key of this store.
        """
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            # Read twice by two threads it is the same: whoever comes last is kept.
            cipher = TokenCipher(self._read_known(key_id), key_id=key_id)
            self._ciphers[key_id] = cipher
        return cipher

    def get(self, key_id: int, /) -> TokenCipher | None:
        """Returns a key's cipher, or None if it is not at hand."""
        try:
            return self.cipher(key_id)
        except StartRefusedError as refused:
            _log.error("%s", refused)
            return None

    def verify(self, hub_key: HubKey) -> None:
        """Reads every key that tokens stand under, or will, and keeps no other.

        Raises:
            StartRefusedError: As of `cipher`.
        """
        for key_id in used_ids(hub_key):
            self.cipher(key_id)
        self.forget_unused(hub_key)

    def forget_unused(self, hub_key: HubKey) -> None:
        """Keeps no key that nothing stands under."""
        for key_id in self._ciphers.keys() - set(used_ids(hub_key)):
            self._ciphers.pop(key_id, None)

    def side_keys(self, key_id: int) -> SideKeys:
        """Returns the keys over nonces and digests: the same whichever key they were wrapped under.

        Args:
            key_id: A key that the ledger uses.

        Raises:
            StartRefusedError: As of `cipher`.
        """
        if self._side_keys is None:
            self._side_keys = SideKeys(self._side_secret(key_id))
        return self._side_keys

    def digest_of_file(self, key_id: int) -> bytes:
        """Returns SHA-256 of the key in a file, whether or not the ledger uses it.

        Raises:
            StartRefusedError: The file is missing, open to others, or no key.
        """
        return digest_of_key(self._read(key_id))

    def marks_of_next(self, key_id: int, *, present_id: int) -> KeyMarks:
        """Makes what the ledger will keep of a key that comes.

        Args:
            key_id: The key that comes.
            present_id: A key that the ledger uses.

        Raises:
            StartRefusedError: A file is missing, open to others, or no key; or both are the same.
        """
        key, present = self._read(key_id), self._read_known(present_id)
        if hmac.compare_digest(key, present):
            raise StartRefusedError(f"{self.path(key_id)} is key {present_id} once more")
        with self._ledger.read() as txn:
            hub_id = get_hub_id(txn)
        return marks_of(key, self._side_secret(present_id), hub_id=hub_id, key_id=key_id)

    def _read(self, key_id: int) -> bytes:
        return read_key(self.path(key_id), data_directory=self._data_directory)

    def _read_known(self, key_id: int) -> bytes:
        key = self._read(key_id)
        with self._ledger.read() as txn:
            known = get_key_check(txn, key_id)
        if not hmac.compare_digest(known, _check_value(key)):
            # With another key every answer would read as not listed.
            raise StartRefusedError(f"{self.path(key_id)} is not key {key_id} of this store")
        return key

    def _side_secret(self, key_id: int) -> bytes:
        key = self._read_known(key_id)
        with self._ledger.read() as txn:
            hub_id, wrapped = get_hub_id(txn), get_wrapped_secret(txn, key_id)
        iv, sealed = wrapped[:_IV_BYTES], wrapped[_IV_BYTES:]
        try:
            return _wrapping(key).decrypt(iv, sealed, _bound_to(hub_id, key_id))
        except (InvalidTag, ValueError):
            msg = f"the store has no secret that opens under hub key {key_id}"
            raise StartRefusedError(msg) from None


def _check_value(key: bytes) -> bytes:
    return hmac.digest(derive(key, b"check"), _CHECKED_TEXT, hashlib.sha256)


def _wrapping(key: bytes) -> AESGCM:
    # A key of its own: the hub key enciphers single blocks of tokens, which GCM would make too.
    return AESGCM(derive(key, b"wrapping"))


def _bound_to(hub_id: str, key_id: int) -> bytes:
    return b"rs1-hub|side secret|" + bytes([key_id]) + hub_id.encode()
