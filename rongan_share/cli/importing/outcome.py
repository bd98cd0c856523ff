"""What became of an import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rongan_share.ledger.imports import ImportRecord


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of an import.

    Attributes:
        import_id: Its id; empty if nothing was staged.
        rows_read: Rows of the file.
        added: Rows that became listings, or would in a dry run.
        unchanged: Rows that said what a live listing says.
        taken_up: Rows that were staged before this run.
        first_sequence: The first sequence that they take; 0 none.
        last_sequence: The last.
        entry_index: Place of the entry in the audit log.
        repeated: Whether it had been committed before this run.
    """

    import_id: bytes = b""
    rows_read: int = 0
    added: int = 0
    unchanged: int = 0
    taken_up: int = 0
    first_sequence: int = 0
    last_sequence: int = 0
    entry_index: int = 0
    repeated: bool = False


def told(
    import_id: bytes, record: ImportRecord, *, taken_up: int = 0, repeated: bool = False
) -> Outcome:
    """Says what became of an import that is committed."""
    return Outcome(
        import_id=import_id,
        rows_read=record.rows_read,
        added=record.row_count,
        unchanged=record.rows_read - record.row_count,
        taken_up=taken_up,
        first_sequence=record.first_sequence,
        last_sequence=record.first_sequence + record.part_count - 1,
        entry_index=record.entry_index,
        repeated=repeated,
    )
