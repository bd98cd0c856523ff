"""Tokens: sixteen keyed bytes that stand for one identifier in one epoch.

Made by partners only; the hub never holds an identifier. One HMAC costs two copies of prepared hash
states, which is three times as fast as building it anew for each identifier.

Source: RFC 2104; FIPS 180-4; GB/T 32905 (SM3); GM/T 0042-2015.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from cryptography.hazmat.primitives import hashes

from rongan_share.wire.identifiers import CANONICAL_VERSION, PART_SEPARATOR, Canonical
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.vocabulary import Suite

TOKEN_BYTES = 16
"""Length of a token, bytes."""

EPOCH_KEY_BYTES = 32
"""Length of an epoch key, bytes."""

# Both hash functions work on blocks of this length.
_BLOCK_BYTES = 64
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))
_CANONICAL_PREFIX = CANONICAL_VERSION + PART_SEPARATOR


class Tokenizer:
    """Makes the tokens of one epoch. Never shows its key."""

    __slots__ = ("_digest", "_suite")

    def __init__(self, suite: Suite, key: bytes) -> None:
        """Prepares the hash states.

        Args:
            suite: The keyed function of the epoch.
            key: The epoch key, 32 bytes, secret.

        Raises:
            MalformedError: The key has another length.
        """
        if len(key) != EPOCH_KEY_BYTES:
            raise MalformedError("epoch key", f"needs {EPOCH_KEY_BYTES} bytes")
        self._suite = suite
        self._digest = keyed_hash(suite, key)

    def __repr__(self) -> str:
        """Names the suite only."""
        return f"Tokenizer({self._suite.name})"

    def token(self, canonical: Canonical | str) -> bytes:
        """Makes the token of one canonical identifier, 16 bytes.

        Raises:
            MalformedError: A text that is no canonical string: its token would never match
                anything, which reads as "not listed".
        """
        text = canonical.text if isinstance(canonical, Canonical) else canonical
        return self.tokens((text,))

    def tokens(self, texts: Iterable[str]) -> bytes:
        """Makes the tokens of many canonical strings, joined in order, 16 bytes each.

        Raises:
            MalformedError: As ``token``; the position is the index of the text.
        """
        digest = self._digest
        return b"".join(
            digest(_encoded(text, index))[:TOKEN_BYTES] for index, text in enumerate(texts)
        )


def _encoded(text: str, index: int) -> bytes:
    try:
        if text.startswith(_CANONICAL_PREFIX):
            return text.encode()
    except UnicodeEncodeError:
        # It carries the whole text, so the refusal below must not have it as its context.
        pass
    raise MalformedError("token", "made from canonical strings only", index)


def keyed_hash(suite: Suite, key: bytes) -> Callable[[bytes], bytes]:
    """Gives the full HMAC of a suite under a key of any length, as a function of the message."""
    return _hmac_sm3(key) if suite is Suite.HMAC_SM3 else _hmac_sha256(key)


def _hmac_sha256(key: bytes) -> Callable[[bytes], bytes]:
    block = _padded(key if len(key) <= _BLOCK_BYTES else hashlib.sha256(key).digest())
    inner_state = hashlib.sha256(block.translate(_INNER_PAD))
    outer_state = hashlib.sha256(block.translate(_OUTER_PAD))

    def digest(message: bytes) -> bytes:
        inner = inner_state.copy()
        inner.update(message)
        outer = outer_state.copy()
        outer.update(inner.digest())
        return outer.digest()

    return digest


def _hmac_sm3(key: bytes) -> Callable[[bytes], bytes]:
    # hashlib has SM3 only where the system's OpenSSL does; cryptography always brings its own.
    block = _padded(key if len(key) <= _BLOCK_BYTES else _sm3_of(key).finalize())
    inner_state = _sm3_of(block.translate(_INNER_PAD))
    outer_state = _sm3_of(block.translate(_OUTER_PAD))

    def digest(message: bytes) -> bytes:
        inner = inner_state.copy()
        inner.update(message)
        outer = outer_state.copy()
        outer.update(inner.finalize())
        return outer.finalize()

    return digest


def _sm3_of(start: bytes) -> hashes.Hash:
    state = hashes.Hash(hashes.SM3())
    state.update(start)
    return state


def _padded(key: bytes) -> bytes:
    return key.ljust(_BLOCK_BYTES, b"\0")
