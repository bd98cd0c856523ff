"""Compaction: rows that nothing can show any more leave the journal, value by value.

A row is dead once what ended it is older than retention: the ADD and the AMENDs of a withdrawn
listing, an AMEND that a later one overruled, an ADD that found an equal listing and changed
nothing; and a WITHDRAW whose listing is gone. A RETOKEN is dead with its listing, once a later one
gave another token of the same epoch, or when no answer will come from that epoch any more. A value
is written anew, under its sequence, where enough of it is dead; the parts of an import are values
like any other, and of ADDs alone.

The order keeps the journal right at every moment, whoever reads it and wherever the hub is killed:
first AMENDs and RETOKENs of withdrawn listings, then listings none of which are left, then
withdrawals of listings that are gone. The last alone may mislead a reader who is between the two;
it is counted (`compacted.Forgotten`), and such a reader begins again.
"""

from __future__ import annotations

import dataclasses
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rongan_share.ledger.compacted import (
    Compacted,
    add_compacted,
    end_pass,
    get_passed_sequence,
    put_forgotten,
    put_passed_sequence,
)
from rongan_share.ledger.journal import (
    JournalFrame,
    Original,
    PackedFrame,
    find_frame_at,
    find_value_seal,
    list_frames,
)
from rongan_share.ledger.segments import find_segment
from rongan_share.wire.frames import LISTING_ROW_BITS
from rongan_share.wire.vocabulary import RowOperation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from threading import Event

    from numpy.typing import NDArray

    from rongan_share.ledger.environment import Ledger

LEAST_SHARE = 0.2
"""Part of a value's rows and pairs that must be dead for the value to be written anew."""

MOST_CHANGES = 8_000_000
"""Changes of listings that one pass keeps in mind, 16 bytes each; the next goes on from there.

Where changes end that live on, as many may be left in the journal for good: a pass that began at
their beginning each time would never come past them.
"""

_BATCH_FRAMES = 8
_NO_IDS = np.zeros(0, np.uint64)


class Newest(NamedTuple):
    """The last frame that said something of each listing which only the last one counts of.

    Attributes:
        ids: Listings, ascending.
        sequences: The frame, for each of those.
    """

    ids: NDArray[np.uint64]
    sequences: NDArray[np.uint64]

    @staticmethod
    def of(said: list[tuple[NDArray[np.uint64], int]]) -> Newest:
        """Finds it in what frames said, in their order: ids and the frame's sequence."""
        ids = np.concatenate([_NO_IDS, *(some for some, _ in said)])
        sequences = [np.full(some.size, sequence, np.uint64) for some, sequence in said]
        # Of equal ids the last one is the newest: frames came in order.
        order = np.argsort(ids, kind="stable")
        last = np.append(ids[order][1:] != ids[order][:-1], True)[: ids.size]
        return Newest(ids[order][last], np.concatenate([_NO_IDS, *sequences])[order][last])

    def overrule(self, listing_ids: NDArray[np.uint64], sequence: int) -> NDArray[np.bool_]:
        """Tells of which of some listings a frame later than a sequence said it."""
        overruled = _within(self.ids, listing_ids)
        place = np.searchsorted(self.ids, listing_ids[overruled])
        overruled[overruled] = self.sequences[place] > sequence
        return overruled


class Pass(NamedTuple):
    """What one pass through the journal drops.

    Attributes:
        after: The sequence behind which the pass keeps in mind what changed.
        passed: The sequence up to which it does; 0 if to the end.
        withdrawn: Ids of listings that were withdrawn between those, ascending.
        amended: Listings that were amended between them.
        retokened: Listings that were given a token between them, by the epoch of the token.
        changing: Sequences of the frames that withdraw or amend, or add what was there, from the
            beginning of the journal on, ascending.
    """

    after: int
    passed: int
    withdrawn: NDArray[np.uint64]
    amended: Newest
    retokened: dict[int, Newest]
    changing: NDArray[np.uint64]


class Compactor:
    """Makes passes through the journal.

    Args:
        ledger: The open store.
        stopping: Set when the hub stops: a pass ends between two values.
        least_share: See LEAST_SHARE.
        most_changes: See MOST_CHANGES.
    """

    def __init__(
        self,
        ledger: Ledger,
        stopping: Event,
        *,
        least_share: float = LEAST_SHARE,
        most_changes: int = MOST_CHANGES,
    ) -> None:
        self._ledger = ledger
        self._stopping = stopping
        self._least_share = least_share
        self._most_changes = most_changes

    def run(
        self, before_ns: int, through: int, *, now_ns: int, epochs: Collection[int]
    ) -> Compacted | None:
        """Makes one pass.

        Args:
            before_ns: What ended before this instant is dead, nanoseconds since 1970-01-01 UTC.
            through: The last sequence that may be touched.
            now_ns: Now.
            epochs: Whose tokens sets of look-ups are made of, or will be: tokens of any other epoch
                that listings were given later are dead.

        Returns:
            What was done so far, over all passes; None if the hub stops.

        Raises:
            LedgerCorruptError: A value's checksum does not match.
        """
        wanted = self._look_through(before_ns, through, epochs)
        amended_still = self._drop_changes(wanted)
        gone = self._drop_listings(np.setdiff1d(wanted.withdrawn, amended_still))
        self._drop_withdrawals(wanted, gone)
        if self._stopping.is_set():
            return None
        with self._ledger.write() as txn:
            put_passed_sequence(txn, wanted.passed)
            return end_pass(txn, now_ns)

    def _look_through(self, before_ns: int, through: int, epochs: Collection[int]) -> Pass:
        """Gathers what was changed before an instant, from where the last pass ended on."""
        withdrawn = [_NO_IDS]
        amended: list[tuple[NDArray[np.uint64], int]] = []
        retokened: dict[int, list[tuple[NDArray[np.uint64], int]]] = {each: [] for each in epochs}
        changing: list[int] = []
        with self._ledger.read() as txn:
            after = get_passed_sequence(txn)
        count = passed = 0
        for frame in self._frames(through):
            # The clock may have gone back since: then what follows an older frame waits.
            if frame.header.time_ns >= before_ns:
                break
            if not frame.pair_ids.size:
                continue
            if count >= self._most_changes:
                passed = changing[-1]
                break
            changing.append(frame.sequence)
            if frame.sequence <= after:
                continue
            operation = frame.columns["operation"][frame.pair_rows]
            withdrawn.append(frame.pair_ids[operation == RowOperation.WITHDRAW])
            amended.append((frame.pair_ids[operation == RowOperation.AMEND], frame.sequence))
            if frame.header.next_epoch in retokened:
                ids = frame.pair_ids[operation == RowOperation.RETOKEN]
                retokened[frame.header.next_epoch].append((ids, frame.sequence))
            count += frame.pair_ids.size
        return Pass(
            after,
            passed,
            np.unique(np.concatenate(withdrawn)),
            Newest.of(amended),
            {epoch: Newest.of(said) for epoch, said in retokened.items()},
            np.array(changing, np.uint64),
        )

    def _drop_changes(self, wanted: Pass) -> NDArray[np.uint64]:
        """Drops what no longer matters of changes; returns withdrawn listings amended still.

        Those of earlier passes too: a listing may not go before every change of it.
        """
        still = [_NO_IDS]
        for frame in self._frames_at(wanted.changing):
            operation = frame.columns["operation"][frame.pair_rows]
            amending = operation == RowOperation.AMEND
            retokening = operation == RowOperation.RETOKEN
            ended = (amending | retokening) & _within(wanted.withdrawn, frame.pair_ids)
            dead = ended | (operation == RowOperation.ADD)
            dead |= amending & wanted.amended.overrule(frame.pair_ids, frame.sequence)
            given = wanted.retokened.get(frame.header.next_epoch)
            if given is not None:
                retokening &= given.overrule(frame.pair_ids, frame.sequence)
            dead |= retokening
            if not self._rewrite(frame, _rows_without(frame, dead), dead):
                still.append(frame.pair_ids[ended])
        return np.concatenate(still)

    def _drop_listings(self, withdrawn: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Drops listings; returns those that are gone, by this pass or an earlier one."""
        gone = [_NO_IDS]
        homes = withdrawn >> np.uint64(LISTING_ROW_BITS)
        for frame in self._frames_at(np.unique(homes)):
            own = withdrawn[
                np.searchsorted(homes, frame.sequence) : np.searchsorted(
                    homes, frame.sequence, side="right"
                )
            ]
            made = frame.columns["operation"] == RowOperation.ADD
            made[frame.pair_rows] = False
            ids = frame.listing_ids(np.arange(made.size))
            dead = made & _within(own, ids)
            no_pairs = np.zeros(frame.pair_ids.size, np.bool_)
            stays = not self._rewrite(frame, dead, no_pairs)
            gone.append(np.setdiff1d(own, ids[dead]) if stays else own)
        return np.concatenate(gone)

    def _drop_withdrawals(self, wanted: Pass, gone: NDArray[np.uint64]) -> None:
        """Drops withdrawals of listings that are gone."""
        changing = wanted.changing[wanted.changing > wanted.after]
        for frame in self._frames_at(changing if gone.size else _NO_IDS):
            operation = frame.columns["operation"][frame.pair_rows]
            dead = (operation == RowOperation.WITHDRAW) & _within(gone, frame.pair_ids)
            self._rewrite(frame, _rows_without(frame, dead), dead, forgetting=True)

    def _rewrite(
        self,
        frame: JournalFrame,
        dead_rows: NDArray[np.bool_],
        dead_pairs: NDArray[np.bool_],
        *,
        forgetting: bool = False,
    ) -> bool:
        """Writes a value anew where enough of it is dead; tells whether nothing dead is left."""
        dead = np.count_nonzero(dead_rows) + np.count_nonzero(dead_pairs)
        if not dead:
            return True
        if dead < self._least_share * (dead_rows.size + dead_pairs.size):
            return False
        with self._ledger.read() as txn:
            seal = find_value_seal(txn, frame.sequence)
        packed = _without(frame, seal, dead_rows=dead_rows, dead_pairs=dead_pairs)
        freed = frame.size - packed.size
        if freed <= 0:
            return False
        with self._ledger.write() as txn:
            packed.replace(txn, frame.sequence)
            if forgetting:
                put_forgotten(txn, frame.sequence)
            row_count = int(np.count_nonzero(dead_rows))
            add_compacted(txn, freed_bytes=freed, row_count=row_count)
        return True

    def _frames(self, through: int) -> Iterator[JournalFrame]:
        """Reads frames from the beginning on, a few in each transaction; imports change nothing."""
        after = 0
        while after < through and not self._stopping.is_set():
            with self._ledger.read() as txn:
                segment = find_segment(txn, after + 1)
                after = after if segment is None else segment.last_sequence
                batch = list(islice(list_frames(txn, after, to_segment=True), _BATCH_FRAMES))
            if segment is None and not batch:
                return
            yield from (frame for frame in batch if frame.sequence <= through)
            after = batch[-1].sequence if batch else after

    def _frames_at(self, sequences: NDArray[np.uint64]) -> Iterator[JournalFrame]:
        """Reads the frames under some sequences, each in a transaction of its own."""
        for sequence in sequences.tolist():
            if self._stopping.is_set():
                return
            with self._ledger.read() as txn:
                frame = find_frame_at(txn, sequence)
            if frame is not None:
                yield frame


def _within(ids: NDArray[np.uint64], asked: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Tells which ids are among some that stand in order."""
    if not ids.size:
        return np.zeros(asked.size, np.bool_)
    place = np.minimum(np.searchsorted(ids, asked), ids.size - 1)
    same: NDArray[np.bool_] = ids[place] == asked
    return same


def _rows_without(frame: JournalFrame, dead_pairs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tells which rows had pairs, and have none left without the dead ones."""
    rows = np.zeros(frame.header.row_count, np.bool_)
    rows[frame.pair_rows[dead_pairs]] = True
    rows[frame.pair_rows[~dead_pairs]] = False
    return rows


def _without(
    frame: JournalFrame,
    seal: bytes,
    *,
    dead_rows: NDArray[np.bool_],
    dead_pairs: NDArray[np.bool_],
) -> PackedFrame:
    """Packs a frame without some of its rows and pairs."""
    kept = np.flatnonzero(~dead_rows)
    before = frame.original
    numbers = kept if before is None else before.row_numbers[kept]
    original = Original(
        seal,
        frame.header.row_count if before is None else before.row_count,
        numbers.astype(np.uint16),
    )
    places = np.cumsum(~dead_rows) - 1
    return PackedFrame(
        dataclasses.replace(frame.header, row_count=int(kept.size)),
        {name: column[kept].tobytes() for name, column in frame.columns.items()},
        pair_rows=places[frame.pair_rows[~dead_pairs]].astype("<u4"),
        pair_ids=frame.pair_ids[~dead_pairs],
        original=original,
    )
