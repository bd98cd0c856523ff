"""The chore of columns: those of the set that answers come from, then those of a set that comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.columns.freeze import Freezer

if TYPE_CHECKING:
    from threading import Event

    from rongan_share.clock import Clock
    from rongan_share.ledger.environment import Ledger
    from rongan_share.model.hub_key import Target
    from rongan_share.processes.column_folder import ColumnSets


class Freezing:
    """Freezes the columns of every set that is served or will be, and removes all others.

    Args:
        ledger: The ledger.
        sets: The columns.
        clock: Tells when they were written.
    """

    def __init__(self, ledger: Ledger, sets: ColumnSets, clock: Clock) -> None:
        self._ledger = ledger
        self._sets = sets
        self._clock = clock
        self._freezers: dict[Target, Freezer] = {}

    def round(self, stopping: Event) -> None:
        """Makes new columns of each set where it is worth while, unless the hub stops."""
        targets = self._sets.targets()
        self._freezers = {target: self._freezer(target) for target in targets}
        self._sets.retire(targets)
        for freezer in self._freezers.values():
            freezer.round(stopping)

    def _freezer(self, target: Target) -> Freezer:
        known = self._freezers.get(target)
        return known or Freezer(self._ledger, self._sets.of(target), self._clock)
