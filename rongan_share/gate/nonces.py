"""Nonces of entries, drawn from the system many at a time."""

from __future__ import annotations

import secrets

from rongan_share.wire.canonical import NONCE_BYTES

_DRAWN_COUNT = 64


class Nonces:
    """Hands out nonces, each once, to any thread.

    A draw is a call of the system that lets go of the interpreter's lock, and costs an item more
    in waiting to get it back than in drawing.
    """

    def __init__(self) -> None:
        self._drawn: list[bytes] = []

    def __repr__(self) -> str:
        return "Nonces()"

    def take(self) -> bytes:
        """Returns 32 random bytes that nobody else is given."""
        try:
            # One step of the interpreter, so no lock is needed.
            return self._drawn.pop()
        except IndexError:
            drawn = secrets.token_bytes(NONCE_BYTES * _DRAWN_COUNT)
            places = range(NONCE_BYTES, len(drawn), NONCE_BYTES)
            self._drawn.extend([drawn[at : at + NONCE_BYTES] for at in places])
            return drawn[:NONCE_BYTES]
