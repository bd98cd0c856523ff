"""Reading the journal to its end in several transactions, while others write it and compact it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.errors import ForgottenError, LedgerCorruptError
from rongan_share.ledger.compacted import get_forgotten
from rongan_share.ledger.counters import get_list_sequence
from rongan_share.ledger.journal import list_frames

if TYPE_CHECKING:
    from rongan_share.ledger.environment import Ledger
    from rongan_share.ledger.journal import JournalFrame

BATCH_FRAMES = 32
"""Frames read in one transaction, so that none is held for long."""


class JournalReader:
    """Reads on from where one is; made before the columns are opened that one begins with.

    Args:
        ledger: The ledger.
        most_frames: How many frames are read at once at most.
    """

    def __init__(self, ledger: Ledger, *, most_frames: int = BATCH_FRAMES) -> None:
        self._ledger = ledger
        self._most_frames = most_frames
        with ledger.read() as txn:
            self._known = get_forgotten(txn)

    def next(self, after: int) -> list[JournalFrame]:
        """Reads the next frames, as many as one transaction should read.

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
            for frame in list_frames(txn, after):
                frames.append(frame)
                if len(frames) == self._most_frames:
                    return frames
            # Within one transaction, or what another process accepts meanwhile would seem lost.
            accepted = get_list_sequence(txn)
        if accepted != (frames[-1].sequence if frames else after):
            raise LedgerCorruptError("journal", accepted.to_bytes(8, "big"))
        return frames
