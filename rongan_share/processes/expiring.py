"""Ends listings that expired long ago: the hub withdraws them, so that compaction can drop them.

An expired listing still lives: its contributor may renew it. Once it has not for as long as
`[retention]` says, it is withdrawn in the contributor's name by a frame like any other, so that
every reader, every check of the contributor's frames and the log know of it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from rongan_share.clock import Clock, nanoseconds
from rongan_share.columns.freeze import newest
from rongan_share.columns.homes import homes_of, rows_at
from rongan_share.columns.imported import ImportedColumns
from rongan_share.columns.journal_reader import JournalReader
from rongan_share.columns.rows import join_rows, pick_rows
from rongan_share.columns.spilling import Spilling
from rongan_share.errors import MovedError
from rongan_share.gate.notes import note_maker
from rongan_share.ledger.committer import Committer, Placement, Proposal
from rongan_share.ledger.counters import get_last_of_partner, put_last_of_partner
from rongan_share.ledger.journal import PackedFrame, RowsHeader
from rongan_share.ledger.objects import load_registry
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS, MAX_FRAME_ROWS
from rongan_share.wire.vocabulary import RowOperation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from threading import Event

    from numpy.typing import NDArray

    from rongan_share.columns.frozen import FrozenColumns
    from rongan_share.columns.snapshot import Snapshot
    from rongan_share.config import Settings
    from rongan_share.ledger.environment import Ledger, Transaction
    from rongan_share.model.registry import Registry
    from rongan_share.processes.column_folder import ColumnSets

EXPIRED = "hub/listings_expired"
"""Entered with each frame of withdrawals."""

_CHUNK_ROWS = 1 << 18
_HELD_ROWS = 1 << 19
_KEPT = ("reference", "type", "token", "category")
_log = logging.getLogger(__name__)


class Expiring:
    """Withdraws what expired longer ago than it may be renewed.

    Args:
        settings: Say for how long.
        ledger: The ledger.
        sets: Frozen columns.
        clock: The hub's clock.
    """

    def __init__(
        self, settings: Settings, ledger: Ledger, sets: ColumnSets, *, clock: Clock
    ) -> None:
        self._days = settings.retention.expired_days
        self._ledger = ledger
        self._sets = sets
        self._clock = clock
        self._last: dict[int, int] = {}

    def round(self, now: datetime, stopping: Event) -> int:
        """Withdraws what is due; returns how many listings.

        What a contributor is changing at the same moment is left for the next round.

        Args:
            now: The time that was found fit to be believed, whatever the clock says meanwhile.
            stopping: Set when the hub stops.
        """
        committer = Committer(self._ledger, self._clock, lambda _sequence: None)
        committer.start()
        columns = self._sets.serving()
        try:
            with columns.scratch() as folder:
                spilling = Spilling(folder, newest(self._ledger, columns))
                snapshot = self._read(spilling, columns)
                before = shanghai_day(now) - self._days
                return sum(
                    self._withdraw(committer, rows, snapshot)
                    for rows in _expired_frames(snapshot, before)
                    if not stopping.is_set()
                )
        finally:
            committer.stop()

    def _read(self, spilling: Spilling, columns: FrozenColumns) -> Snapshot:
        imported = ImportedColumns(columns)
        reader = JournalReader(self._ledger, imported, recipher=columns.recipher)
        while spilling.read_on(reader):
            pass
        return spilling.snapshot

    def _withdraw(self, committer: Committer, rows: NDArray[np.void], known: Snapshot) -> int:
        number, count = int(rows["contributor"][0]), int(rows.size)
        with self._ledger.read() as txn:
            registry = load_registry(txn)
        packed = self._pack(rows, registry, key_id=known.target.key_id)
        ours = self._last.get(number, 0)

        def expect(txn: Transaction) -> None:
            # Its own frames may have renewed some of them, ours name others.
            if get_last_of_partner(txn, number) > max(known.sequence, ours):
                raise MovedError

        def write(txn: Transaction, placement: Placement) -> None:
            packed.append(txn, placement.sequence)
            put_last_of_partner(txn, number, placement.sequence)

        names = {partner.number: name for name, partner in registry.partners.items()}
        facts = {"partner": names[number], "listings": str(count)}
        proposal = Proposal(
            make_entry=note_maker(EXPIRED, facts),
            expectations=(expect,),
            sequence_count=1,
            writes=(write,),
        )
        try:
            self._last[number] = committer.submit(proposal).result().placement.sequence
        except MovedError:
            _log.info("expired listings are left for the next round partner=%d", number)
            return 0
        return count

    def _pack(self, rows: NDArray[np.void], registry: Registry, *, key_id: int) -> PackedFrame:
        count = int(rows.size)
        header = RowsHeader(
            key_id=key_id,
            suite=registry.epoch.suite,
            epoch=int(rows["epoch"][0]),
            next_epoch=0,
            partner_number=int(rows["contributor"][0]),
            row_count=count,
            time_ns=nanoseconds(self._clock.now()),
        )
        columns = {
            name: np.ascontiguousarray(rows[name]).tobytes()
            if name in _KEPT
            else bytes(width * count)
            for name, width in CONTRIBUTE_COLUMNS
            if name != "next_token"
        }
        columns["operation"] = bytes([RowOperation.WITHDRAW]) * count
        return PackedFrame(
            header,
            columns,
            pair_rows=np.arange(count, dtype="<u4"),
            pair_ids=rows["listing_id"].copy(),
        )


def _expired_frames(snapshot: Snapshot, before: int) -> Iterator[NDArray[np.void]]:
    """Gathers live listings whose last day is before a day: of one contributor and epoch each.

    Each frame is looked for once the one before it was withdrawn, so that little is held.
    """
    homes = homes_of(snapshot.runs)
    held: dict[tuple[int, int], list[NDArray[np.void]]] = {}
    for place, home in enumerate(homes):
        for begin in range(home.first, home.run.row_count, _CHUNK_ROWS):
            end = min(begin + _CHUNK_ROWS, home.run.row_count)
            rows = rows_at(homes, place, begin, end=end)
            expired = (rows["expiry_day"] != 0) & (rows["expiry_day"] < before)
            if not expired.any():
                continue
            for owner, some in _by_owner(pick_rows(rows, expired)):
                held.setdefault(owner, []).append(some)
            if sum(part.size for parts in held.values() for part in parts) >= _HELD_ROWS:
                for parts in held.values():
                    yield from _cut(join_rows(parts))
                held.clear()
    for parts in held.values():
        yield from _cut(join_rows(parts))


def _by_owner(rows: NDArray[np.void]) -> Iterator[tuple[tuple[int, int], NDArray[np.void]]]:
    """Splits rows by contributor and epoch."""
    owners = rows["contributor"].astype(np.uint64) << np.uint64(32) | rows["epoch"]
    for owner in np.unique(owners):
        number = int(owner)
        yield (number >> 32, number & 0xFFFFFFFF), pick_rows(rows, owners == owner)


def _cut(rows: NDArray[np.void]) -> Iterator[NDArray[np.void]]:
    for begin in range(0, rows.size, MAX_FRAME_ROWS):
        yield rows[begin : begin + MAX_FRAME_ROWS]
