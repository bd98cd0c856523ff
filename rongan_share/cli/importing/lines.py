"""Which line of a CSV file a row begins in: rows may span lines, and empty lines are no rows."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class _Counted:
    """Lines of a file, counted as they are taken."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken += 1
        return line


def find_lines(path: Path, rows: Iterable[int]) -> dict[int, int]:
    """Finds the lines in which rows of a CSV file begin; it reads up to the last of them.

    Args:
        path: The file, whose first line is its header.
        rows: Rows, from 0, as pyarrow counts them: those that it skips too.

    Returns:
        The line of each row, from 1; rows that the file has not are left out.

    Raises:
        OSError: The file cannot be read.
    """
    wanted = set(rows)
    last = max(wanted, default=-1)
    found: dict[int, int] = {}
    # Of a file's characters only line ends and quotes matter here, and those are ASCII.
    with path.open(encoding="latin-1", newline="") as file:
        lines = _Counted(file)
        next(lines, "")
        row = 0
        for text in lines:
            if not text.strip("\r\n"):
                continue
            if row in wanted:
                found[row] = lines.taken
            if row >= last:
                break
            if '"' in text:
                _skip_rest(text, lines)
            row += 1
    return found


def _skip_rest(text: str, lines: Iterator[str]) -> None:
    """Takes the further lines of a row whose first line has quotes."""

    def of_row() -> Iterator[str]:
        yield text
        yield from lines

    try:
        next(csv.reader(of_row()), None)
    except csv.Error:
        # A cell as long as that belongs to a quote that is never closed: there are no more rows.
        for _ in lines:
            pass
