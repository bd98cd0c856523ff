"""Public files that a command replaces: readers see the old one or the new one whole."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

_PUBLIC_MODE = 0o644


def replace_file(path: Path, content: bytes, *, mode: int = _PUBLIC_MODE) -> None:
    """Replaces a file, durably.

    Raises:
        OSError: The folder cannot be written; what was there before is still there.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
            os.fchmod(opened.fileno(), mode)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(path)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
