from __future__ import annotations

import threading

import pytest

from rongan_share.ledger.promise import Promise


def test_everyone_who_waits_gets_the_value() -> None:
    """A value reaches those who wait already and those who ask later, as often as they ask."""
    promise: Promise[int] = Promise()
    got: list[int] = []
    threads = [threading.Thread(target=lambda: got.append(promise.result(10))) for _ in range(4)]
    for thread in threads:
        thread.start()
    promise.keep(5)
    for thread in threads:
        thread.join()
    assert got == [5] * 4
    assert (promise.result(), promise.result(), promise.exception()) == (5, 5, None)


def test_error_is_raised_and_can_be_asked_for() -> None:
    """An error takes the place of the value."""
    promise: Promise[int] = Promise()
    error = ValueError("any")
    promise.fail(error)
    assert promise.exception() is error
    with pytest.raises(ValueError, match="any"):
        promise.result()


def test_waiting_ends() -> None:
    """Who waits for a limited time is told that nothing came."""
    promise: Promise[int] = Promise()
    with pytest.raises(TimeoutError):
        promise.result(0)
    with pytest.raises(TimeoutError):
        promise.exception(0.001)
