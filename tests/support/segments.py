"""Imports written into a journal as the hub writes them, without a hub."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from rongan_share.columns.build import added_rows
from rongan_share.columns.imported import ImportedColumns
from rongan_share.columns.owner_keys import OwnerKeys
from rongan_share.columns.run_writer import RunWriter
from rongan_share.ledger.counters import put_list_sequence
from rongan_share.ledger.environment import Ledger
from rongan_share.ledger.imports import PartNote, put_part
from rongan_share.ledger.journal import JournalFrame, PackedFrame
from rongan_share.ledger.sealed import SEAL_BYTES
from rongan_share.ledger.segments import Segment, append_segment, part_key
from rongan_share.model.listing import listing_id_of


def packed(frame: JournalFrame) -> PackedFrame:
    """Packs a frame; its sequence is its time."""
    return PackedFrame(
        dataclasses.replace(frame.header, time_ns=frame.sequence),
        {name: column.tobytes() for name, column in frame.columns.items()},
        pair_rows=frame.pair_rows,
        pair_ids=frame.pair_ids,
    )


def append_import(ledger: Ledger, frames: Sequence[JournalFrame]) -> Segment:
    """Writes frames that only add, one behind the other, as the parts of one import."""
    first = frames[0].sequence
    import_id = first.to_bytes(16, "big")
    note = PartNote(places=bytes(4), rows=bytes(8))
    sealed = [
        packed(frame).sealed(part_key(import_id, number)) for number, frame in enumerate(frames)
    ]
    header = dataclasses.replace(
        frames[0].header,
        row_count=sum(frame.header.row_count for frame in frames),
        time_ns=first,
    )
    segment = Segment(first, header, import_id, b"".join(part[-SEAL_BYTES:] for part in sealed))
    with ledger.write() as txn:
        for number, part in enumerate(sealed):
            put_part(txn, import_id, number, sealed=part, note=note)
        append_segment(txn, segment)
        put_list_sequence(txn, segment.last_sequence)
    return segment


def publish_columns(
    imported: ImportedColumns, segment: Segment, frame: JournalFrame, *, owner_keys: OwnerKeys
) -> None:
    """Writes the columns of an import of one part."""
    rows = added_rows(frame, frame.header.epoch)
    rows["listing_id"] -= np.uint64(listing_id_of(frame.sequence, 0))
    writer = RunWriter(imported.draft(segment.import_id), owner_keys)
    try:
        writer.add(rows)
        written = writer.finish()
    finally:
        writer.close()
    imported.publish(segment.import_id, written, segment.digest)
