"""Files that a command makes: whole or not at all, and never over another file."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from partner_sdk.cli.failures import RefusedHereError
from rongan_share.cli.messages import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_PUBLIC_MODE = 0o644


@contextmanager
def new_file(path: Path, *, mode: int = _PUBLIC_MODE) -> Iterator[BinaryIO]:
    """Opens a draft that takes the file's name when the block ends well.

    Args:
        path: The file.
        mode: Its mode; until it has its name, nobody else may read it.

    Raises:
        RefusedHereError: Something stands there already; it could be a key.
        OSError: The folder cannot be written.
    """
    if path.exists():
        raise RefusedHereError(f"{path}: {say('file_exists')}")
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            yield opened
            os.fchmod(opened.fileno(), mode)
            opened.flush()
            os.fsync(opened.fileno())
        # Unlike a rename, a link never replaces what was made there meanwhile.
        os.link(draft, path)
    except FileExistsError:
        raise RefusedHereError(f"{path}: {say('file_exists')}") from None
    finally:
        with suppress(OSError):
            draft.unlink()
