"""Look-ups as compiled loops. Needs numba; `columns/kernel.py` says what stands in for it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from numba import config

_SOURCES = Path(__file__).parent


def forget_outdated(sources: Path, kept: list[Path]) -> None:
    """Removes compiled code that is older than any source.

    Numba keeps compiled code by the date of the file that a function stands in; but it was made of
    what the other files said as well, such as where a column of a table lies.

    Args:
        sources: Folder of the sources.
        kept: Folders below which compiled code is kept.
    """
    newest = max(path.stat().st_mtime_ns for path in sources.glob("*.py"))
    for folder in kept:
        for path in folder.rglob("*.nbi"):
            # Another process may be at the same, or the folder be for reading only.
            with suppress(OSError):
                if path.stat().st_mtime_ns < newest:
                    path.unlink()


forget_outdated(
    _SOURCES,
    [_SOURCES / "__pycache__", *([Path(config.CACHE_DIR)] if config.CACHE_DIR else [])],
)
