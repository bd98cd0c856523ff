"""The registry in memory, brought up to date whenever the generation has moved in the ledger."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rongan_share.ledger.counters import get_generation
from rongan_share.ledger.objects import load_registry, update_registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from rongan_share.ledger.environment import Transaction
    from rongan_share.model.registry import Registry

KEPT = 8
"""Registries kept, newest last: calls that began before a change still read the one before it."""


class Registries:
    """Hands out the registry that belongs to a transaction.

    Args:
        on_new: Told of each that is read because the generation has moved.
    """

    def __init__(self, on_new: Callable[[Registry], None] = lambda _: None) -> None:
        self._on_new = on_new
        self._kept: tuple[Registry, ...] = ()
        self._seen: tuple[int, Registry | None] = (-1, None)
        self._lock = threading.Lock()

    @property
    def known(self) -> Registry | None:
        """The newest registry that was read, which may be outdated; None before the first.

        Only for what the commit holds to its generation, and for no refusal.
        """
        return self._kept[-1] if self._kept else None

    def current(self, txn: Transaction) -> Registry:
        """Returns the registry as the transaction sees it."""
        # What one commit left is read once, however many calls see it before the next.
        number, seen = self._seen
        if seen is not None and number == txn.state_number:
            return seen
        registry = self._current(txn)
        self._seen = (txn.state_number, registry)
        return registry

    def _current(self, txn: Transaction) -> Registry:
        generation = get_generation(txn)
        registry = _find(self._kept, generation)
        if registry is not None:
            return registry
        with self._lock:
            registry = _find(self._kept, generation)
            if registry is not None:
                return registry
            if not self._kept:
                registry = load_registry(txn)
            elif self._kept[-1].generation < generation:
                registry = update_registry(txn, self._kept[-1])
            else:
                # A transaction older than all that is kept reads its own, once.
                return load_registry(txn)
            self._kept = (*self._kept[1 - KEPT :], registry)
            self._on_new(registry)
            return registry


def _find(kept: tuple[Registry, ...], generation: int) -> Registry | None:
    return next((each for each in reversed(kept) if each.generation == generation), None)
