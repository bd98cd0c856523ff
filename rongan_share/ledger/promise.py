"""What a caller waits on while its item is committed.

A `concurrent.futures.Future` does more (states, cancelling, callbacks) and takes several times as
long at it. Every item makes one, waits on one and is woken by one.
"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Promise(Generic[Value]):
    """A value that one thread gives and others wait for, once."""

    __slots__ = ("_error", "_unkept", "_value")

    def __init__(self) -> None:
        self._unkept = threading.Lock()
        self._unkept.acquire()
        self._value: Value | None = None
        self._error: Exception | None = None

    def keep(self, value: Value) -> None:
        """Gives the value and wakes whoever waits."""
        self._value = value
        self._unkept.release()

    def fail(self, error: Exception) -> None:
        """Gives an error in place of the value."""
        self._error = error
        self._unkept.release()

    def exception(self, timeout: float = -1) -> Exception | None:
        """Waits, and returns the error, or None for a value.

        Args:
            timeout: Most seconds to wait; -1 without end.

        Raises:
            TimeoutError: Nothing came in that time.
        """
        if not self._unkept.acquire(timeout=timeout):
            raise TimeoutError
        # Left open for others who wait, and for whoever asks again.
        self._unkept.release()
        return self._error

    def result(self, timeout: float = -1) -> Value:
        """Waits, and returns the value, or raises the error.

        Raises:
            TimeoutError: Nothing came in that time.
        """
        error = self.exception(timeout)
        if error is not None:
            raise error
        return self._value  # type: ignore[return-value]  # kept, so it is a value
