"""Work done in threads whose results come in the order in which it was given."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future

    GivenT = TypeVar("GivenT")
    DoneT = TypeVar("DoneT")


def in_order(
    pool: Executor, do: Callable[[GivenT], DoneT], given: Iterable[GivenT], *, ahead: int
) -> Iterator[DoneT]:
    """Does something to each of many things, several at a time.

    Args:
        pool: Who does it.
        do: What is done.
        given: To what; it is taken no faster than results are.
        ahead: How many are under way or done at most before they are taken.
    """
    under_way: deque[Future[DoneT]] = deque()
    for each in given:
        under_way.append(pool.submit(do, each))
        if len(under_way) > ahead:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


class Behind:
    """Lets one thread do things in their order while others go on, but not far behind them.

    Args:
        pool: One thread.
        most: How many things may wait.
    """

    def __init__(self, pool: Executor, most: int) -> None:
        self._pool = pool
        self._most = most
        self._under_way: deque[Future[None]] = deque()

    def do(self, what: Callable[[], None]) -> None:
        """Gives one thing; an earlier one that failed is raised here."""
        self._under_way.append(self._pool.submit(what))
        self.wait(self._most)

    def wait(self, left: int = 0) -> None:
        """Waits until no more than so many are under way."""
        while len(self._under_way) > left:
            self._under_way.popleft().result()
