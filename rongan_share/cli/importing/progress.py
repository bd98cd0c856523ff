"""Progress of an import on a terminal: rows, rate, time left."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from rongan_share.cli.messages import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Task

    from rongan_share.cli.importing.blocks import Source


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        """Says the rate of the last while."""
        return Text(say("progress_rate", rate=f"{task.finished_speed or task.speed or 0:,.0f}"))


@contextmanager
def rows_progress(source: Source) -> Iterator[Callable[[int], None]]:
    """Shows how far a file has been read, on stderr if that is a terminal.

    Yields:
        A function that is told how many more rows are done.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _count: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(say("progress_import"), total=source.row_total)

        def on_rows(count: int) -> None:
            # How many rows a CSV file has is known better the further it is read.
            bar.update(task, advance=count, total=source.row_total)

        yield on_rows
