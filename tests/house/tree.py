"""Which files of the tree are ours: all but hidden, built and generated ones."""

from __future__ import annotations

import functools
import os
from pathlib import Path

ROOT = Path(__file__).parents[2]

_BUILT = {"__pycache__", "build", "dist", "htmlcov", "node_modules"}


@functools.cache
def files() -> tuple[Path, ...]:
    """Lists our files as paths below the root, without entering hidden or built folders."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _BUILT]
        found += [(Path(folder) / name).relative_to(ROOT) for name in names]
    return tuple(sorted(found))


def python_files() -> list[Path]:
    """Lists the Python files that are written by hand."""
    return [path for path in files() if path.suffix == ".py" and not _is_generated(path)]


def pages() -> list[Path]:
    """Lists the Markdown pages."""
    return [path for path in files() if path.suffix == ".md"]


def read(path: Path) -> str:
    """Returns the text of a file given below the root."""
    return (ROOT / path).read_text(encoding="utf-8")


def _is_generated(path: Path) -> bool:
    return path.parts[:2] == ("rongan_share", "v1") and "_pb2" in path.stem
