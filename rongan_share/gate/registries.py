"""The registry in memory, read again whenever the generation has moved in the ledger."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rongan_share.ledger.counters import get_generation
from rongan_share.ledger.objects import load_registry

if TYPE_CHECKING:
    from rongan_share.ledger.environment import Transaction
    from rongan_share.model.registry import Registry


class Registries:
    """Hands out the registry that belongs to a transaction."""

    def __init__(self) -> None:
        self._registry: Registry | None = None
        self._seen: tuple[int, Registry | None] = (-1, None)
        self._lock = threading.Lock()

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
        registry = self._registry
        if registry is not None and registry.generation == generation:
            return registry
        with self._lock:
            registry = self._registry
            if registry is None or registry.generation < generation:
                self._registry = registry = load_registry(txn)
        # An older transaction than the cached registry reads its own, once.
        return registry if registry.generation == generation else load_registry(txn)
