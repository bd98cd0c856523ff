"""An authority whose files may be replaced while the signer runs."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from rongan_share.model.refusals import IssueRefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from rongan_share.ca.hierarchy import IssuerFiles
    from rongan_share.ca.issue import Issuer

_log = logging.getLogger(__name__)


class KeptIssuer:
    """Signs with what its files say now, or with what they said before they became unfit.

    Args:
        files: Where the authority stands.

    Raises:
        IssueRefusedError: The files are unfit from the start.
        OSError: They cannot be read.
    """

    def __init__(self, files: IssuerFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._stamps = self._look()
        self._issuer = files.load()

    def current(self) -> Issuer:
        """Returns the authority."""
        with self._lock:
            found = self._look()
            if found != self._stamps:
                self._stamps = found
                try:
                    self._issuer = self._files.load()
                except (IssueRefusedError, OSError) as error:
                    # Certificate and key are two files: between them they do not fit.
                    _log.error("changed authority is not used %s: %s", self._files.key, error)
                else:
                    _log.info("changed authority is used %s", self._files.certificate)
            return self._issuer

    def _look(self) -> tuple[tuple[int, ...], ...]:
        return _stamp(self._files.certificate), _stamp(self._files.key)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
