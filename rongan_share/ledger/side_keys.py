"""Keys derived from the hub key for what stands beside tokens: nonces, digests, page tokens.

A digest of a request covers its tokens, and a commitment can be opened with its nonce. Unkeyed,
either would let whoever holds the store and the network key confirm guessed identifiers without
the hub key. Why a long request is compressed first: docs/decisions/0016-keyed-digests.md.
Source: HKDF, RFC 5869; HMAC, RFC 2104; keyed BLAKE2b, RFC 7693; Poly1305, RFC 8439.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.poly1305 import Poly1305

_CHECKED_TEXT = b"rs1 hub key"
_PAGE_SIGNATURE_BYTES = 16
_BLIND_BYTES = 32
_LONG_BYTES = 4_096


class SideKeys:
    """Seals nonces and blinds digests.

    Args:
        hub_key: 32 bytes.
    """

    def __init__(self, hub_key: bytes) -> None:
        # A nonce is two random blocks, so each is enciphered for itself, like a token.
        self._nonces = Cipher(algorithms.AES256(_derive(hub_key, b"nonces")), modes.ECB())  # noqa: S305
        self._sealing = threading.local()
        self._digests = hashlib.blake2b(key=_derive(hub_key, b"digests"), digest_size=_BLIND_BYTES)
        self._long = hashlib.blake2b(key=_derive(hub_key, b"long"), digest_size=_BLIND_BYTES)
        self._compression = _derive(hub_key, b"compression")
        self._check = _derive(hub_key, b"check")
        self._pages = _derive(hub_key, b"pages")
        self._owners = _derive(hub_key, b"owners")

    def __repr__(self) -> str:
        return "SideKeys()"

    @property
    def check_value(self) -> bytes:
        """32 bytes that tell this hub key from any other and nothing about it."""
        return hmac.digest(self._check, _CHECKED_TEXT, hashlib.sha256)

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


def _derive(hub_key: bytes, purpose: bytes) -> bytes:
    expand = HKDFExpand(algorithm=hashes.SHA256(), length=32, info=b"rs1-hub|" + purpose)
    return expand.derive(hub_key)
