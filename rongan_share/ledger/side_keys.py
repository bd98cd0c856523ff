"""Keys derived from the side secret for what stands beside tokens: nonces, digests, page tokens.

A digest of a request covers its tokens, and a commitment can be opened with its nonce. Unkeyed,
either would let whoever holds the store and the network key confirm guessed identifiers without
the hub key, under which the side secret stands in the ledger (`hub_keys.py`).
Why a long request is compressed first: docs/decisions/0016-keyed-digests.md.
Source: HMAC, RFC 2104; keyed BLAKE2b, RFC 7693; Poly1305, RFC 8439.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

from rongan_share.ledger.derived import derive

_PAGE_SIGNATURE_BYTES = 16
_BLIND_BYTES = 32
_LONG_BYTES = 4_096


class SideKeys:
    """Seals nonces and blinds digests.

    Args:
        secret: The side secret, 32 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        # A nonce is two random blocks, so each is enciphered for itself, like a token.
        self._nonces = Cipher(algorithms.AES256(derive(secret, b"nonces")), modes.ECB())  # noqa: S305
        self._sealing = threading.local()
        self._digests = hashlib.blake2b(key=derive(secret, b"digests"), digest_size=_BLIND_BYTES)
        self._long = hashlib.blake2b(key=derive(secret, b"long"), digest_size=_BLIND_BYTES)
        self._compression = derive(secret, b"compression")
        self._pages = derive(secret, b"pages")
        self._owners = derive(secret, b"owners")

    def __repr__(self) -> str:
        return "SideKeys()"

    @property
    def owner_secret(self) -> bytes:
        """Secret under which contributors' references are mixed into keys of the look-ups."""
        return self._owners

    def seal_nonce(self, nonce: bytes) -> bytes:
        """Enciphers a nonce of 32 bytes for storage."""
        try:
            encryptor = self._sealing.encryptor
        except AttributeError:
            # Making one costs more than using it, and no two threads may share one.
            encryptor = self._sealing.encryptor = self._nonces.encryptor()
        sealed: bytes = encryptor.update(nonce)
        return sealed

    def open_nonce(self, sealed: bytes) -> bytes:
        """Undoes `seal_nonce`."""
        return self._nonces.decryptor().update(sealed)

    def blind(self, content: Sequence[bytes]) -> bytes:
        """Makes a digest of a request that only this hub can make and compare, 32 bytes.

        Args:
            content: The request, in pieces; how it is cut does not matter.
        """
        if sum(map(len, content)) < _LONG_BYTES:
            keyed = self._digests.copy()
            keyed.update(b"".join(content))
            return keyed.digest()
        # A twelfth of the time that hashing a frame takes. The key never changes, which Poly1305
        # forbids a tag that is shown; this one is hashed under another key before it is kept.
        compression = Poly1305(self._compression)
        for piece in content:
            compression.update(piece)
        keyed = self._long.copy()
        keyed.update(compression.finalize())
        return keyed.digest()

    def sign_page(self, content: bytes) -> bytes:
        """Signs what a page token says, 16 bytes, so that only this hub can have made one."""
        return hmac.digest(self._pages, content, hashlib.sha256)[:_PAGE_SIGNATURE_BYTES]
