"""Epoch keys: one 0600 file an epoch, outside the data directory and its backups."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from rongan_share.errors import StartRefusedError
from rongan_share.ledger.cipher import read_key

if TYPE_CHECKING:
    from rongan_share.model.epoch import Epoch


class EpochKeys:
    """Reads epoch keys from their directory, each time anew: the hub keeps none in memory."""

    def __init__(self, directory: Path, *, data_directory: Path) -> None:
        self._directory = directory
        self._data_directory = data_directory

    def path(self, number: int) -> Path:
        """Returns the file of an epoch's key."""
        return self._directory / f"epoch-{number}.key"

    def read(self, number: int) -> bytes:
        """Returns an epoch's key.

        Raises:
            StartRefusedError: The file is missing, open to others, or no key.
        """
        return read_key(self.path(number), data_directory=self._data_directory)

    def verify(self, epoch: Epoch) -> None:
        """Checks that an epoch's key is the one it was opened with.

        Raises:
            StartRefusedError: It is another key; every answer would read as not listed.
        """
        if hashlib.sha256(self.read(epoch.number)).digest() != epoch.key_digest:
            raise StartRefusedError(f"{self.path(epoch.number)} is not the key of this epoch")
