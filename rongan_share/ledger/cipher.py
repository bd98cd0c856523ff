"""The hub's own key over tokens at rest: one AES-256 block a token, a keyed permutation.

A permutation keeps equal tokens equal, which look-ups need, and hides which tokens they are from
whoever holds the store but not the key. One block each is all a token has, so no mode of operation
applies. Source: FIPS 197.
"""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from rongan_share.errors import StartRefusedError
from rongan_share.wire.frames import TOKEN_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY_BYTES = 32
"""Length of the hub key and of epoch keys."""


class TokenCipher:
    """Enciphers columns of tokens.

    Args:
        key: 32 bytes.
        key_id: Number of the key, 1 to 255; stands in every journal value.
    """

    def __init__(self, key: bytes, *, key_id: int) -> None:
        self.key_id = key_id
        self._enciphering = threading.local()
        self._cipher = Cipher(algorithms.AES256(key), modes.ECB())  # noqa: S305 - see the module

    def __repr__(self) -> str:
        return f"TokenCipher(key_id={self.key_id})"

    def encipher(self, tokens: bytes) -> bytes:
        """Enciphers a column of 16-byte tokens."""
        try:
            encryptor = self._enciphering.encryptor
        except AttributeError:
            # Making one costs more than a token does, and no two threads may share one.
            encryptor = self._enciphering.encryptor = self._cipher.encryptor()
        # `update` takes eight times as long for a whole frame.
        enciphered = bytearray(len(tokens) + TOKEN_BYTES - 1)
        length = encryptor.update_into(tokens, enciphered)
        return bytes(memoryview(enciphered)[:length])

    def decipher(self, enciphered: bytes) -> bytes:
        """Undoes `encipher`."""
        return self._cipher.decryptor().update(enciphered)


def recipher(
    column: NDArray[np.bytes_], theirs: TokenCipher, ours: TokenCipher
) -> NDArray[np.bytes_]:
    """Enciphers tokens under another key; zeros stand for no token and stay."""
    moved = np.frombuffer(ours.encipher(theirs.decipher(column.tobytes())), "S16")
    return np.where(column == b"", column, moved)


def write_key(path: Path, key: bytes) -> None:
    """Writes a key into a new file that only its owner can read.

    Raises:
        FileExistsError: A file of this name exists; keys are never overwritten.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.hex().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_key(path: Path, *, data_directory: Path) -> bytes:
    """Reads a key.

    Args:
        path: The key's file.
        data_directory: The ledger's directory; a key inside it would leave with every backup.

    Raises:
        StartRefusedError: The key lies inside the data directory, others can read it, or it is no
        key.
    """
    if path.resolve().is_relative_to(data_directory.resolve()):
        msg = f"key file {path} lies inside the data directory"
        raise StartRefusedError(msg)
    try:
        mode = path.stat().st_mode
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        msg = f"key file {path} cannot be read as a key"
        raise StartRefusedError(msg) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        msg = f"key file {path} may be read by others; set its mode to 0600"
        raise StartRefusedError(msg)
    if len(key) != KEY_BYTES:
        msg = f"key file {path} does not hold {KEY_BYTES} bytes"
        raise StartRefusedError(msg)
    return key
