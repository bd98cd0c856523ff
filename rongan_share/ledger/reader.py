"""A reader: one read transaction for whoever may need one, opened when first asked for."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rongan_share.ledger.environment import Ledger, Transaction


class Reader:
    """Opens a read transaction at most once, and ends it with the block it is used in.

    Args:
        ledger: What is read.

    Most items are decided without reading anything. Each step into LMDB lets go of the
    interpreter's lock, and to get it back among many threads takes longer than the step.
    """

    __slots__ = ("_ledger", "_opened", "_stack")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._stack: ExitStack | None = None
        self._opened: Transaction | None = None

    def transaction(self) -> Transaction:
        """Returns the transaction, to be held less than a second from now on.

        Raises:
            RonganError: STORE_BUSY, STORE_FAILED or STORE_CORRUPT.
        """
        if self._opened is None:
            self._stack = ExitStack()
            self._opened = self._stack.enter_context(self._ledger.read())
        return self._opened

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stack is not None:
            self._opened = None
            self._stack.__exit__(kind, error, trace)
