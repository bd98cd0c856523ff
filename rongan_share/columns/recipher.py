"""Tokens that stand under another hub key, enciphered anew on their way into a set of look-ups."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Protocol

from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.cipher import recipher

if TYPE_CHECKING:
    from rongan_share.ledger.cipher import TokenCipher
    from rongan_share.ledger.journal import JournalFrame

_TOKENS = ("token", "next_token")
_log = logging.getLogger(__name__)


class Ciphers(Protocol):
    """Hub keys by their ids."""

    def get(self, key_id: int, /) -> TokenCipher | None:
        """Returns a key's cipher, or None if it is not at hand."""


class Recipher:
    """Brings frames under one key.

    Args:
        key_id: The key.
        ciphers: Every key that is at hand, by its id.
    """

    def __init__(self, key_id: int, ciphers: Ciphers) -> None:
        self._key_id = key_id
        self._ciphers = ciphers

    def __repr__(self) -> str:
        return f"Recipher(key_id={self._key_id})"

    def frame(self, frame: JournalFrame) -> JournalFrame:
        """Returns a frame with its tokens under the key: itself if they are already.

        Raises:
            LedgerCorruptError: They stand under a key that is not at hand. A frame that was left
                out would read as "not listed".
        """
        header = frame.header
        if header.key_id == self._key_id:
            return frame
        tokens = {name: frame.columns[name] for name in _TOKENS if name in frame.columns}
        if any(column.any() for column in tokens.values()):
            theirs, ours = self._ciphers.get(header.key_id), self._ciphers.get(self._key_id)
            if theirs is None or ours is None:
                _log.error("a hub key is not at hand key_id=%d", header.key_id)
                raise LedgerCorruptError("journal", frame.sequence.to_bytes(8, "big"))
            tokens = {name: recipher(column, theirs, ours) for name, column in tokens.items()}
        return dataclasses.replace(
            frame,
            header=dataclasses.replace(header, key_id=self._key_id),
            columns={**frame.columns, **tokens},
        )
