"""From journal frames to runs: what each frame adds, replaces and withdraws.

A set of look-ups finds listings by their tokens of one epoch, the target's. A listing has one if it
was added in that epoch, or beside the epoch before with both tokens, or if its holder has sent it
since (RETOKEN). One that has none keeps the token that it was added with: nobody who asks in the
target's epoch hits it, but its contributor goes on owning it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rongan_share.columns.rows import join_rows, pick_rows
from rongan_share.columns.run import NO_IDS, Run
from rongan_share.columns.snapshot import AT_ONCE, Merging, Snapshot
from rongan_share.errors import LedgerCorruptError
from rongan_share.model.listing import AMENDED_COLUMNS, LISTING_DTYPE, VALUE_COLUMNS
from rongan_share.wire.vocabulary import RowOperation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from rongan_share.ledger.journal import JournalFrame

CHUNK_ROWS = 1_000_000
"""Rows gathered into one run while a long journal is read."""


class _Changed(NamedTuple):
    """What a frame changes of listings that there are.

    Attributes:
        rows: New rows of those that were amended or got another token, not ordered.
        replaced: Ids of all that were changed or withdrawn, ascending.
        rekeyed: Ids of those that got another token, ascending.
        supplied: How many lack a token of the target's epoch no longer, as they have one or live no
            more.
    """

    rows: NDArray[np.void]
    replaced: NDArray[np.uint64]
    rekeyed: NDArray[np.uint64]
    supplied: int


def follow(
    snapshot: Snapshot, frames: Iterable[JournalFrame], *, merging: Merging = AT_ONCE
) -> Snapshot:
    """Returns the snapshot after further frames, which must follow its sequence without a gap."""
    added: list[NDArray[np.void]] = []
    target, sequence = snapshot.target, snapshot.sequence
    for frame in frames:
        if frame.sequence != sequence + 1 or frame.header.key_id != target.key_id:
            # A missing frame would read as "not listed", and so would tokens under another key.
            raise LedgerCorruptError("journal", (sequence + 1).to_bytes(8, "big"))
        changing = _is_changing(frame, target.epoch)
        if changing or sum(rows.size for rows in added) >= CHUNK_ROWS:
            snapshot = _flush(snapshot, added, sequence, merging=merging)
        sequence = frame.sequence
        partner = frame.header.partner_number
        rows = added_rows(frame, target.epoch)
        added.append(rows)
        if frame.header.epoch != target.epoch:
            lacking = int(np.count_nonzero(rows["epoch"] != target.epoch))
            snapshot = snapshot.with_lacking(more_lacking(snapshot.lacking, partner, lacking))
        if changing:
            # A change may name listings of any earlier frame, so those must be found first.
            changed = _changed_rows(frame, snapshot)
            merged = join_rows((changed.rows, *added))
            merged = pick_rows(merged, np.argsort(merged["listing_id"], kind="stable"))
            run = Run.of_rows(
                merged, changed.replaced, owner_keys=snapshot.owner_keys, rekeyed=changed.rekeyed
            )
            lacking_now = more_lacking(snapshot.lacking, partner, -changed.supplied)
            snapshot = snapshot.with_lacking(lacking_now).extend(run, sequence, merging=merging)
            added = []
    return _flush(snapshot, added, sequence, merging=merging)


def added_rows(frame: JournalFrame, epoch: int) -> NDArray[np.void]:
    """Returns the listings that a frame made, in order of their ids.

    Args:
        frame: The frame.
        epoch: Whose tokens they get, if they have one of it.
    """
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
    if frame.header.next_epoch == epoch:
        tokens = frame.columns["next_token"][index]
        named = tokens != b""
        rows["token"][named] = tokens[named]
        rows["epoch"][named] = epoch
    return rows


def more_lacking(lacking: Mapping[int, int], partner: int, count: int) -> Mapping[int, int]:
    """Returns how many listings lack a token, after a contributor has so many more of them."""
    if not count:
        return lacking
    left = lacking.get(partner, 0) + count
    others = {number: some for number, some in lacking.items() if number != partner}
    return {**others, partner: left} if left else others


def _is_changing(frame: JournalFrame, epoch: int) -> bool:
    """Tells whether a frame changes listings that there are, as a set of an epoch sees them."""
    operation = frame.columns["operation"]
    changes = operation != RowOperation.ADD
    if frame.header.next_epoch != epoch:
        changes &= operation != RowOperation.RETOKEN
    return bool(changes.any())


def _changed_rows(frame: JournalFrame, snapshot: Snapshot) -> _Changed:
    """Returns what a frame changes of listings that there are."""
    operation = frame.columns["operation"][frame.pair_rows]
    amend = operation == RowOperation.AMEND
    withdraw = operation == RowOperation.WITHDRAW
    supplied = _count_lacking(snapshot, frame.pair_ids[withdraw])
    if frame.header.next_epoch != snapshot.target.epoch:
        rows = snapshot.rows_of(frame.pair_ids[amend])
        for name in AMENDED_COLUMNS:
            rows[name] = frame.columns[name][frame.pair_rows[amend]]
        return _Changed(rows, np.unique(frame.pair_ids[amend | withdraw]), NO_IDS, supplied)
    retoken = operation == RowOperation.RETOKEN
    retoken &= frame.columns["next_token"][frame.pair_rows] != b""
    kept = amend | retoken
    # One listing may be amended and get a token in one frame: it has one row.
    ids, place = np.unique(frame.pair_ids[kept], return_inverse=True)
    rows = snapshot.rows_of(ids)
    for name in AMENDED_COLUMNS:
        rows[name][place[amend[kept]]] = frame.columns[name][frame.pair_rows[amend]]
    before = rows["token"].copy()
    named = place[retoken[kept]]
    lacked = np.count_nonzero(rows["epoch"][np.unique(named)] != snapshot.target.epoch)
    rows["token"][named] = frame.columns["next_token"][frame.pair_rows[retoken]]
    rows["epoch"][named] = snapshot.target.epoch
    return _Changed(
        rows,
        np.unique(frame.pair_ids[kept | withdraw]),
        ids[rows["token"] != before],
        supplied + int(lacked),
    )


def _count_lacking(snapshot: Snapshot, listing_ids: NDArray[np.uint64]) -> int:
    """Counts those of some listings that live and lack a token of the target's epoch."""
    if not snapshot.lacking or not listing_ids.size:
        return 0
    # The withdrawal of a listing that was dropped from the journal may still stand in it.
    rows = snapshot.find_rows(np.unique(listing_ids))
    lacks = (rows["listing_id"] != 0) & (rows["epoch"] != snapshot.target.epoch)
    return int(np.count_nonzero(lacks))


def _flush(
    snapshot: Snapshot, added: list[NDArray[np.void]], sequence: int, *, merging: Merging
) -> Snapshot:
    """Adds the rows gathered so far as one run, and forgets them."""
    if not added:
        return snapshot.at(sequence)
    run = Run.of_rows(join_rows(added), NO_IDS, owner_keys=snapshot.owner_keys)
    added.clear()
    return snapshot.extend(run, sequence, merging=merging)
