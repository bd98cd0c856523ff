"""Keys derived from the hub key for what stands beside tokens: nonces, digests, page tokens.

A digest of a request covers its tokens, and a commitment can be opened with its nonce. Unkeyed,
either would let whoever holds the store and the network key confirm guessed identifiers without
the hub key.
Source: HKDF, RFC 5869; HMAC, RFC 2104.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

_CHECKED_TEXT = b"rs1 hub key"
_PAGE_SIGNATURE_BYTES = 16


class SideKeys:
    """Seals nonces and blinds digests.

    Args:
        hub_key: 32 bytes.
    """

    def __init__(self, hub_key: bytes) -> None:
        # A nonce is two random blocks, so each is enciphered for itself, like a token.
        self._nonces = Cipher(algorithms.AES256(_derive(hub_key, b"nonces")), modes.ECB())  # noqa: S305
        self._digests = _derive(hub_key, b"digests")
        self._check = _derive(hub_key, b"check")
        self._pages = _derive(hub_key, b"pages")

    def __repr__(self) -> str:
        return "SideKeys()"

    @property
    def check_value(self) -> bytes:
        """32 bytes that tell this hub key from any other and nothing about it."""
        return hmac.digest(self._check, _CHECKED_TEXT, hashlib.sha256)

    def seal_nonce(self, nonce: bytes) -> bytes:
        """Enciphers a nonce of 32 bytes for storage."""
        return self._nonces.encryptor().update(nonce)

    def open_nonce(self, sealed: bytes) -> bytes:
        """Undoes `seal_nonce`."""
        return self._nonces.decryptor().update(sealed)

    def blind(self, digest: bytes) -> bytes:
        """Turns a digest of a request into one that only this hub can compare, 32 bytes."""
        return hmac.digest(self._digests, digest, hashlib.sha256)

    def sign_page(self, content: bytes) -> bytes:
        """Signs what a page token says, 16 bytes, so that only this hub can have made one."""
        return hmac.digest(self._pages, content, hashlib.sha256)[:_PAGE_SIGNATURE_BYTES]


def _derive(hub_key: bytes, purpose: bytes) -> bytes:
    expand = HKDFExpand(algorithm=hashes.SHA256(), length=32, info=b"rs1-hub|" + purpose)
    return expand.derive(hub_key)
