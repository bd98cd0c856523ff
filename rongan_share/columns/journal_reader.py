"""Reading the journal to its end in several transactions, while others write it and compact it.

It is read frame by frame, or an import at a step where it has columns of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.columns.build import follow
from rongan_share.columns.snapshot import AT_ONCE, Merging, Snapshot
from rongan_share.errors import ForgottenError, LedgerCorruptError
from rongan_share.ledger.compacted import get_forgotten
from rongan_share.ledger.counters import get_list_sequence
from rongan_share.ledger.journal import find_seal, list_frames
from rongan_share.ledger.segments import find_segment

if TYPE_CHECKING:
    from rongan_share.columns.imported import ImportedColumns
    from rongan_share.columns.recipher import Recipher
    from rongan_share.columns.run import Run
    from rongan_share.ledger.environment import Ledger
    from rongan_share.ledger.journal import JournalFrame

BATCH_FRAMES = 32
"""Frames read in one transaction, so that none is held for long."""


class JournalReader:
    """Reads on from where one is; made before the columns are opened that one begins with.

    Args:
        ledger: The ledger.
        imported: Columns of imports; None where all is read as frames.
        most_frames: How many frames are read at once at most.
        recipher: Brings tokens under the key of the set; None where they are taken as they stand.
    """

    def __init__(
        self,
        ledger: Ledger,
        imported: ImportedColumns | None = None,
        *,
        most_frames: int = BATCH_FRAMES,
        recipher: Recipher | None = None,
    ) -> None:
        self._ledger = ledger
        self._imported = imported
        self._most_frames = most_frames
        self._recipher = recipher
        with ledger.read() as txn:
            self._known = get_forgotten(txn)

    def read_on(self, snapshot: Snapshot, *, merging: Merging = AT_ONCE) -> Snapshot:
        """Returns the snapshot after the next step; the same one at the journal's end.

        Raises:
            LedgerCorruptError: Frames that were accepted are not there, or one is damaged.
            ForgottenError: As `next` does.
        """
        taken = self.take(snapshot.sequence)
        if taken is not None:
            return snapshot.with_file(*taken)
        frames = self.next(snapshot.sequence)
        return follow(snapshot, frames, merging=merging) if frames else snapshot

    def take(self, after: int) -> tuple[Run, int] | None:
        """Returns the columns of the import right behind a sequence, and its last sequence.

        None where there is no import or it has no sound columns: its frames are to be read then.
        """
        if self._imported is None:
            return None
        with self._ledger.read() as txn:
            segment = find_segment(txn, after + 1)
            if segment is None or segment.first_sequence != after + 1:
                return None
            if not self._imported.has(txn, segment):
                return None
        run = self._imported.take(segment)
        return None if run is None else (run, segment.last_sequence)

    def next(self, after: int) -> list[JournalFrame]:
        """Reads the next frames, as many as one transaction should read, and not up to an import.

        Where an import is next, or begun, the frames are its parts.

        Raises:
            LedgerCorruptError: Frames that were accepted are not there, or one is damaged.
            ForgottenError: Withdrawals behind `after` were dropped since the last call: what they
                ended may have been read before that.
        """
        frames: list[JournalFrame] = []
        with self._ledger.read() as txn:
            forgotten = get_forgotten(txn)
            if forgotten.count != self._known.count and forgotten.sequence > after:
                raise ForgottenError
            self._known = forgotten
            for frame in list_frames(txn, after, to_segment=True):
                frames.append(frame if self._recipher is None else self._recipher.frame(frame))
                if len(frames) == self._most_frames:
                    return frames
            # Within one transaction, or what another process accepts meanwhile would seem lost.
            accepted = get_list_sequence(txn)
            last = frames[-1].sequence if frames else after
            if accepted != last and not (frames and find_seal(txn, last + 1)):
                raise LedgerCorruptError("journal", accepted.to_bytes(8, "big"))
        return frames
