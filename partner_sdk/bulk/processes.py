"""Tokens made by worker processes, one a core; they are spawned, never forked."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from typing import TYPE_CHECKING

from partner_sdk.bulk.arrays import Column
from partner_sdk.bulk.tokenise import tokenise_columns
from rongan_share.wire.vocabulary import IdentifierType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future
    from types import TracebackType

    from partner_sdk.bulk.outcome import TokenColumns
    from rongan_share.wire.tokens import Tokenizer

MOST_ROWS = 65_536
"""Most tokens of a frame, so that each outcome fits one."""

_WAITING_PER_PROCESS = 3
"""Enough that no process waits for the reader, and few enough that memory stays small."""


@dataclass(frozen=True, slots=True)
class _Setting:
    tokenizer: Tokenizer
    today: date | None


class BulkTokenizer:
    """Worker processes that make tokens; to be used in a ``with`` block, and again and again.

    A program that uses it must be importable without running: ``if __name__ == "__main__":``.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        today: date | None = None,
        most_rows: int = MOST_ROWS,
        processes: int | None = None,
    ) -> None:
        """Prepares the processes, which start with the first work.

        Args:
            tokenizer: Makes the tokens; the processes get its key through a pipe.
            today: Day in Asia/Shanghai that grades future birth dates.
            most_rows: Most rows of an outcome; of a frame, no more than the burst of the agreement.
            processes: How many; None = as many as there are cores for this one.
        """
        self._most_rows = most_rows
        self._count = processes or _core_count()
        self._pool = ProcessPoolExecutor(
            self._count,
            mp_context=get_context("spawn"),
            initializer=_begin,
            initargs=(_Setting(tokenizer, today),),
        )

    def __enter__(self) -> BulkTokenizer:  # noqa: PYI034 - Self came with Python 3.11
        """Enters a block at whose end the processes end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the processes; work not begun is dropped."""
        self._pool.shutdown(cancel_futures=True)

    def tokenise(
        self,
        batches: Iterable[tuple[Column, Column]],
        *,
        stripped: bool = False,
    ) -> Iterator[TokenColumns]:
        """Makes the tokens of columns, in their order, so many rows at once as were said.

        Args:
            batches: Values and types, as `tokenise_columns` takes them.
            stripped: As there.

        Raises:
            BrokenProcessPool: A process ended before its work did.
        """
        waiting: deque[Future[TokenColumns]] = deque()
        first_row = 0
        for columns in _cut(batches, self._most_rows):
            waiting.append(self._pool.submit(_work, columns, first_row, stripped=stripped))
            first_row += len(columns[0])
            if len(waiting) > self._count * _WAITING_PER_PROCESS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _core_count() -> int:
    # Not every system says which cores a process may use.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cut(
    batches: Iterable[tuple[Column, Column]], most_rows: int
) -> Iterator[tuple[Column, Column]]:
    for values, types in batches:
        for start in range(0, len(values), most_rows):
            rows = slice(start, start + most_rows)
            # One type for all is no column.
            yield values[rows], types if isinstance(types, IdentifierType) else types[rows]


_settings: list[_Setting] = []


def _begin(setting: _Setting) -> None:
    _settings.append(setting)


def _work(columns: tuple[Column, Column], first_row: int, *, stripped: bool) -> TokenColumns:
    (setting,) = _settings
    values, types = columns
    return tokenise_columns(
        values,
        types,
        tokenizer=setting.tokenizer,
        today=setting.today,
        first_row=first_row,
        stripped=stripped,
    )
