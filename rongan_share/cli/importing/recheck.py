"""What a partner contributed while its import was staged, held against the staged rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rongan_share.columns.journal_reader import JournalReader
from rongan_share.columns.run import OwnedQuestion
from rongan_share.ledger.compacted import get_forgotten
from rongan_share.wire.vocabulary import RowOperation

if TYPE_CHECKING:
    from rongan_share.columns.frozen import FrozenColumns
    from rongan_share.columns.owner_keys import OwnerKeys
    from rongan_share.columns.run import Run
    from rongan_share.ledger.environment import Ledger
    from rongan_share.ledger.imports import ImportRecord
    from rongan_share.ledger.journal import JournalFrame


def touches(
    ledger: Ledger, record: ImportRecord, *, run: Run, columns: FrozenColumns, until: int
) -> bool:
    """Tells whether what a partner has had accepted meanwhile may change what was judged.

    Args:
        ledger: The ledger.
        record: The import; its rows were judged by what was accepted up to `checked_sequence`.
        run: Its rows.
        columns: The frozen columns of the set that the run fits.
        until: Sequence of the partner's last frame.
    """
    reader = JournalReader(ledger, recipher=columns.recipher)
    sequence = record.checked_head
    while sequence < until:
        frames = reader.next(sequence)
        if not frames:
            return True
        sequence = frames[-1].sequence
        own = [
            frame for frame in frames if frame.header.partner_number == record.ruling.partner_number
        ]
        if any(_touches(frame, record, run, owner_keys=columns.owner_keys) for frame in own):
            return True
    with ledger.read() as txn:
        # Looked at last: a withdrawal may have left the journal before it was read here.
        forgotten = get_forgotten(txn).sequence > record.checked_head
    return forgotten and _left_out(record)


def _left_out(record: ImportRecord) -> bool:
    """Tells whether rows were left out because an equal listing lived."""
    return record.rows_read > record.row_count


def _touches(frame: JournalFrame, record: ImportRecord, run: Run, *, owner_keys: OwnerKeys) -> bool:
    operation = frame.columns["operation"]
    if _left_out(record) and (operation != RowOperation.ADD).any():
        # It may be about a listing on whose account a row was left out.
        return True
    made = operation == RowOperation.ADD
    reference = frame.columns["reference"][made]
    category, token = frame.columns["category"][made], frame.columns["token"][made]
    number = record.ruling.partner_number
    partners = np.full(reference.size, number, np.uint32)
    low, high = owner_keys.ranges(partners, reference, category, token=token)
    asked = OwnedQuestion(number, reference, category, token, low, high)
    return bool(run.find_owned(asked).query.size)
