"""From journal frames to runs: what each frame adds, replaces and withdraws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rongan_share.columns.rows import join_rows, pick_rows
from rongan_share.columns.run import NO_IDS, Run
from rongan_share.columns.snapshot import AT_ONCE, Merging, Snapshot
from rongan_share.errors import LedgerCorruptError
from rongan_share.model.listing import AMENDED_COLUMNS, LISTING_DTYPE, VALUE_COLUMNS
from rongan_share.wire.vocabulary import RowOperation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from rongan_share.ledger.journal import JournalFrame

CHUNK_ROWS = 1_000_000
"""Rows gathered into one run while a long journal is read."""


def follow(
    snapshot: Snapshot, frames: Iterable[JournalFrame], *, merging: Merging = AT_ONCE
) -> Snapshot:
    """Returns the snapshot after further frames, which must follow its sequence without a gap."""
    added: list[NDArray[np.void]] = []
    sequence = snapshot.sequence
    for frame in frames:
        if frame.sequence != sequence + 1:
            # A missing frame would read as "not listed".
            raise LedgerCorruptError("journal", (sequence + 1).to_bytes(8, "big"))
        operation = frame.columns["operation"]
        if (operation != RowOperation.ADD).any() or sum(rows.size for rows in added) >= CHUNK_ROWS:
            snapshot = _flush(snapshot, added, sequence, merging=merging)
        sequence = frame.sequence
        added.append(added_rows(frame))
        if (operation != RowOperation.ADD).any():
            # A change may name listings of any earlier frame, so those must be found first.
            rows, replaced = changed_rows(frame, snapshot)
            merged = join_rows((rows, *added))
            merged = pick_rows(merged, np.argsort(merged["listing_id"], kind="stable"))
            run = Run.of_rows(merged, replaced, owner_keys=snapshot.owner_keys)
            snapshot = snapshot.extend(run, sequence, merging=merging)
            added = []
    return _flush(snapshot, added, sequence, merging=merging)


def added_rows(frame: JournalFrame) -> NDArray[np.void]:
    """Returns the listings that a frame made, in order of their ids."""
    made = frame.columns["operation"] == RowOperation.ADD
    # An ADD row with a pair found an equal live listing and made none.
    made[frame.pair_rows] = False
    index = np.flatnonzero(made)
    rows = np.zeros(index.size, LISTING_DTYPE)
    rows["listing_id"] = frame.listing_ids(index)
    rows["contributor"] = frame.header.partner_number
    rows["epoch"] = frame.header.epoch
    for name in ("token", "reference", "category", *VALUE_COLUMNS):
        rows[name] = frame.columns[name][index]
    return rows


def changed_rows(
    frame: JournalFrame, snapshot: Snapshot
) -> tuple[NDArray[np.void], NDArray[np.uint64]]:
    """Returns the new rows of amended listings, and the ids of all that were changed."""
    operation = frame.columns["operation"][frame.pair_rows]
    amend = operation == RowOperation.AMEND
    rows = snapshot.rows_of(frame.pair_ids[amend])
    for name in AMENDED_COLUMNS:
        rows[name] = frame.columns[name][frame.pair_rows[amend]]
    replaced = frame.pair_ids[operation != RowOperation.ADD]
    return rows, np.unique(replaced)


def _flush(
    snapshot: Snapshot, added: list[NDArray[np.void]], sequence: int, *, merging: Merging
) -> Snapshot:
    """Adds the rows gathered so far as one run, and forgets them."""
    if not added:
        return snapshot.at(sequence)
    run = Run.of_rows(join_rows(added), NO_IDS, owner_keys=snapshot.owner_keys)
    added.clear()
    return snapshot.extend(run, sequence, merging=merging)
