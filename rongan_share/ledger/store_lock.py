"""The lock of a store: one hub at a time, with all the processes that belong to it.

Two locks, because they answer two questions. `hub.lock` is held by whoever opened the store first,
the supervisor, and says at once whether a hub runs. The lock on the directory itself is shared with
the processes that it starts, by a descriptor that they inherit; it lasts until the last of them has
ended, so that a new hub waits for what is left of a killed one.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Self

from rongan_share.errors import StartRefusedError

LOCK_FILE = "hub.lock"
"""File whose lock says that a hub runs."""

IMPORT_LOCK_FILE = "import.lock"
"""File whose lock says that something is being imported."""

ORPHAN_TRIES = 200
"""How often a new hub looks whether the processes of a killed one have ended."""

ORPHAN_PAUSE_SECONDS = 0.05
"""Time between two looks: 10 s in all."""


class StoreHeldError(StartRefusedError):
    """A hub that runs holds the store."""


class StoreLock:
    """A hub's hold on its store, taken by its supervisor or handed down to a process of its.

    Args:
        family: Descriptor of the directory, locked; it may be handed down.
        own: Descriptor of `hub.lock`, locked; None in a process that was let in.
    """

    def __init__(self, *, family: int, own: int | None) -> None:
        self.family = family
        self._own = own

    @classmethod
    def take(cls, directory: Path) -> Self:
        """Takes a store for this process.

        Raises:
            StartRefusedError: Another hub holds it, or processes of a killed one do not end.
        """
        own = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        family = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        lock = cls(family=family, own=own)
        if not _locked(own):
            lock.release()
            holder = "an import or another hub" if _is_importing(directory) else "another hub"
            raise StoreHeldError(f"{holder} holds {directory}")
        if not _outlived(family):
            lock.release()
            raise StartRefusedError(f"processes of a killed hub still hold {directory}")
        return lock

    @classmethod
    def inherit(cls, directory: Path, family: int) -> Self:
        """Lets a process in that the holder of the store started.

        Raises:
            StartRefusedError: The descriptor is not what the holder hands down.
        """
        if not os.path.samestat(os.fstat(family), directory.stat()) or not _locked(family):
            raise StartRefusedError(f"only the hub that holds {directory} may start this process")
        os.set_inheritable(family, False)  # noqa: FBT003 - positional only
        return cls(family=family, own=None)

    def release(self) -> None:
        """Lets the store go, as far as this process is concerned."""
        os.close(self.family)
        if self._own is not None:
            os.close(self._own)


class ImportLock:
    """The hold of whoever imports: one import at a time, beside a hub or without one.

    Args:
        directory: The store.

    Raises:
        StartRefusedError: Another import is under way.
    """

    def __init__(self, directory: Path) -> None:
        name = directory / IMPORT_LOCK_FILE
        self._own = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if not _locked(self._own):
            os.close(self._own)
            raise StartRefusedError(f"another import is under way in {directory}")

    def release(self) -> None:
        """Lets another import begin."""
        os.close(self._own)


def _locked(descriptor: int) -> bool:
    """Takes a lock if nobody else has it; a descriptor that was handed down has it already."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_importing(directory: Path) -> bool:
    """Tells whether an import is under way, beside a hub or without one."""
    try:
        descriptor = os.open(directory / IMPORT_LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _locked(descriptor)
    finally:
        os.close(descriptor)


def _outlived(family: int) -> bool:
    for _ in range(ORPHAN_TRIES):
        if _locked(family):
            return True
        time.sleep(ORPHAN_PAUSE_SECONDS)
    return False
