"""The hub's store as an import sees it: beside a hub that serves, or alone."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from rongan_share.clock import SystemClock
from rongan_share.columns.freeze import open_up_to
from rongan_share.columns.imported import ImportedColumns
from rongan_share.errors import StartRefusedError
from rongan_share.ledger.counters import get_last_of_partner
from rongan_share.ledger.environment import Ledger
from rongan_share.ledger.hub_keys import HubKeys
from rongan_share.ledger.objects import load_registry
from rongan_share.ledger.store_lock import ImportLock, StoreHeldError
from rongan_share.processes.column_folder import ColumnSets
from rongan_share.wire.taxonomy import packaged_taxonomy

if TYPE_CHECKING:
    from types import TracebackType

    from rongan_share.clock import Clock
    from rongan_share.columns.owner_keys import OwnerKeys
    from rongan_share.columns.snapshot import Snapshot
    from rongan_share.config import Settings
    from rongan_share.model.registry import Registry


class ImportStore:
    """An open store. Use as a context manager.

    Args:
        settings: The hub's configuration.
        clock: Tells the time; the hub's by default.
        ledger: The store of a hub in this process, which cannot be opened twice; opened if None.

    Attributes:
        ledger: The store.
        directory: Where it is.
        alone: Whether no hub serves it; then none can start before the import has ended.
        clock: Tells the time.
        hub_keys: The hub's keys over tokens.
        side_keys: Its keys over digests.
        columns: The frozen columns of the set that answers come from.
        imported: The columns of imports.

    Raises:
        StartRefusedError: Another import is under way, or the key is not the store's.
    """

    def __init__(
        self, settings: Settings, clock: Clock | None = None, *, ledger: Ledger | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock(settings.clock.offset_seconds)
        self.taxonomy = packaged_taxonomy()
        self.directory = directory = settings.data_directory
        with ExitStack() as ending:
            if not directory.is_dir():
                raise StartRefusedError(f"{directory} holds no ledger")
            ending.callback(ImportLock(directory).release)
            self.alone = False
            if ledger is None:
                ledger, self.alone = _open(settings)
                ending.callback(ledger.close)
            self.ledger = ledger
            self.hub_keys = HubKeys.of(settings, ledger)
            hub_key = self.registry.hub_key
            self.hub_keys.verify(hub_key)
            self.side_keys = self.hub_keys.side_keys(hub_key.key_id)
            self._sets = ColumnSets(settings, self.ledger, self.hub_keys)
            self.columns = self._sets.serving()
            self.imported = ImportedColumns(self.columns)
            self._ending = ending.pop_all()

    @property
    def registry(self) -> Registry:
        """Partners, agreements and epoch as they stand."""
        with self.ledger.read() as txn:
            return load_registry(txn)

    def take_target(self) -> None:
        """Goes over to the set that answers come from now, if it is another one since."""
        columns = self._sets.serving()
        if columns.target != self.columns.target:
            self.columns, self.imported = columns, ImportedColumns(columns)

    @property
    def owner_keys(self) -> OwnerKeys:
        """What makes the keys by which contributors' own listings are found."""
        return self.columns.owner_keys

    def last_of_partner(self, number: int) -> int:
        """Returns the sequence of a partner's last frame; 0 before its first."""
        with self.ledger.read() as txn:
            return get_last_of_partner(txn, number)

    def snapshot(self, sequence: int) -> Snapshot:
        """Returns look-ups that know everything up to a sequence at least."""
        return open_up_to(sequence, self.ledger, self.columns, imported=self.imported).snapshot

    def close(self) -> None:
        """Lets the store go."""
        self._ending.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _open(settings: Settings) -> tuple[Ledger, bool]:
    try:
        return Ledger(settings.data_directory), True
    except StoreHeldError:
        # It writes what no hub writes, so it may work beside one.
        return Ledger(settings.data_directory, beside=True), False
