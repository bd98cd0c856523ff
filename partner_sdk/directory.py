"""A directory of credentials whose files are replaced together or not at all.

No file system replaces two files at once, and a key beside another key's certificate is worth
nothing. So new files are written into ``staged``, which one rename turns into ``ready``; from then
on they are what holds, and whoever finds ``ready`` moves the rest of it into place.

::

    certificate.pem key.pem roots.pem trust-bundle.pb     what is used
    next/        a key that a certificate is asked for, later the certificate too
    previous/    the pair before, in case that a hub is restored to a time when it knew no other
    staged/      being written; left over from a crash it is thrown away
    ready/       complete; what of it is left is moved into place
    .lock        held by the one process that changes any of this
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from partner_sdk.errors import SdkError

if os.name == "posix":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CERTIFICATE_FILE = "certificate.pem"
"""The partner's certificate, followed by its intermediates."""

KEY_FILE = "key.pem"
"""The partner's private key, readable by its owner alone."""

ROOTS_FILE = "roots.pem"
"""The roots by which the hub is recognised."""

BUNDLE_FILE = "trust-bundle.pb"
"""The signed list of roots that `ROOTS_FILE` was made from."""

NEXT, PREVIOUS = "next", "previous"
_STAGED, _READY, _LOCK = "staged", "ready", ".lock"

_FILES = (KEY_FILE, BUNDLE_FILE, ROOTS_FILE, CERTIFICATE_FILE)
_PAIR = (KEY_FILE, CERTIFICATE_FILE)
_SECRET_MODE, _OPEN_MODE = 0o600, 0o644


class DirectoryBusyError(SdkError):
    """Another process changes the credentials in this directory."""


class CredentialsDirectory:
    """Where a partner's credentials stand, and how they are replaced.

    Args:
        path: The directory.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._staged, self._ready = self.path / _STAGED, self.path / _READY

    @property
    def next(self) -> Path:
        """Folder of the pair that is to come; need not exist."""
        return self.path / NEXT

    @contextmanager
    def locked(self, *, wait: bool = True) -> Iterator[None]:
        """Holds the directory for a block: nobody else changes it meanwhile.

        What a crash left is settled first. Where the system has no such locks, nothing is held.

        Args:
            wait: For whoever holds it.

        Raises:
            DirectoryBusyError: Another holds it, and waiting was not asked for.
            OSError: The directory does not exist or cannot be written.
        """
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, _SECRET_MODE)
        try:
            if os.name == "posix":
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                except BlockingIOError:
                    raise DirectoryBusyError(f"{self.path}: another process is at work") from None
            self._settle()
            yield
        finally:
            os.close(descriptor)

    def settle(self) -> None:
        """Moves into place what is ready and was left by a crash."""
        if self._ready.is_dir():
            with self.locked():
                pass

    def replace(self, files: Mapping[str, bytes]) -> None:
        """Replaces files together; call it while holding the directory.

        A pair that is replaced is kept as ``previous``.

        Args:
            files: Content by name.
        """
        shutil.rmtree(self._staged, ignore_errors=True)
        self._staged.mkdir(mode=0o700)
        for name, content in files.items():
            write_new(self._staged / name, content)
        old = [self.path / name for name in _PAIR if KEY_FILE in files]
        if old and all(path.exists() for path in old):
            kept = self._staged / PREVIOUS
            kept.mkdir(mode=0o700)
            for path in old:
                write_new(kept / path.name, path.read_bytes())
            _sync(kept)
        _sync(self._staged)
        self._staged.rename(self._ready)
        _sync(self.path)
        self._settle()

    def _settle(self) -> None:
        shutil.rmtree(self._staged, ignore_errors=True)
        if not self._ready.is_dir():
            return
        if (self._ready / PREVIOUS).is_dir():
            shutil.rmtree(self.path / PREVIOUS, ignore_errors=True)
            (self._ready / PREVIOUS).rename(self.path / PREVIOUS)
        if (self._ready / CERTIFICATE_FILE).exists():
            # The pair that was to come is this one, or it follows one that is gone.
            shutil.rmtree(self.next, ignore_errors=True)
        for name in _FILES:
            if (self._ready / name).exists():
                (self._ready / name).replace(self.path / name)
        _sync(self.path)
        self._ready.rmdir()
        _sync(self.path)


def write_new(path: Path, content: bytes) -> None:
    """Writes a new file, durably; keys for their owner alone.

    Raises:
        FileExistsError: There is one of that name already.
    """
    _write_new(path, content, path.name)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that is there whole or not at all, over an older one."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    _write_new(part, content, path.name)
    part.replace(path)
    _sync(path.parent)


def _write_new(path: Path, content: bytes, name: str) -> None:
    mode = _SECRET_MODE if name == KEY_FILE else _OPEN_MODE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Makes what was made, renamed or removed in a folder durable."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
