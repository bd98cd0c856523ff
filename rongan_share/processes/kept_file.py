"""A file that is read again when it changes; what was read last stays while it is unfit."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from rongan_share.errors import StartRefusedError

if TYPE_CHECKING:
    from pathlib import Path

Content = TypeVar("Content")

_log = logging.getLogger(__name__)


class KeptFile(Generic[Content]):
    """What a file says.

    Args:
        path: The file.
        parse: Reads its bytes.
        unfit: What `parse` raises for bytes that may not be used.
        absent: What is said while there is no file; None if there must be one.

    Raises:
        StartRefusedError: The file is unfit from the start, or missing where it must be there.
    """

    def __init__(
        self,
        path: Path,
        parse: Callable[[bytes], Content],
        *,
        unfit: type[Exception],
        absent: Content | None = None,
    ) -> None:
        self._path = path
        self._parse = parse
        self._unfit = unfit
        self._absent = absent
        self._lock = threading.Lock()
        # Taken before the file is read: what changes meanwhile is looked at again.
        self._stamp = self._look()
        try:
            self._content = self._read()
        except (OSError, unfit) as error:
            raise StartRefusedError(f"cannot use {path}: {error}") from None

    def current(self) -> Content:
        """Returns what the file says, or what it said before it became unfit."""
        with self._lock:
            found = self._look()
            if found != self._stamp:
                self._stamp = found
                try:
                    self._content = self._read()
                except (OSError, self._unfit) as error:
                    _log.error("changed file is not used path=%s: %s", self._path, error)
                else:
                    _log.info("changed file is used path=%s", self._path)
            return self._content

    def _look(self) -> tuple[int, ...]:
        """Says by what the file is known from another one in its place."""
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _read(self) -> Content:
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            if self._absent is None:
                raise
            return self._absent
        return self._parse(raw)
