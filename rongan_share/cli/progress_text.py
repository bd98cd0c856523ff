"""How far something is, in one line."""

from __future__ import annotations

import sys

_BAR_CELLS = 24


def progress_text(done: int, whole: int) -> str:
    """Says how many of all are done, with a bar on a terminal."""
    share = done / whole if whole else 1.0
    said = f"{done:,} / {whole:,} ({100 * share:.1f} %)"
    if sys.stdout is None or not sys.stdout.isatty():
        return said
    cells = int(_BAR_CELLS * share)
    return f"{'#' * cells}{'.' * (_BAR_CELLS - cells)} {said}"
