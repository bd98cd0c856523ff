"""Staging: a file's rows, judged and cut, into the store and into columns beside it."""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.sources.rows import RowProblem, RowsRefusedError
from rongan_share.cli.importing.blocks import MOST_SHOWN, Fault, Faults
from rongan_share.cli.importing.checking import Judged, chained, digest_of, judge
from rongan_share.cli.importing.cutting import PART_ROWS, Cut, Cutter, Part, Parts, pack
from rongan_share.cli.importing.pipeline import Behind, in_order
from rongan_share.cli.messages import say
from rongan_share.clock import monotonic_ns, nanoseconds
from rongan_share.columns.run_writer import RunWriter, WrittenRun
from rongan_share.ledger.imports import ImportRecord, ImportState, find_note, go_on, put_part
from rongan_share.ledger.imports import put_seals as save_seals
from rongan_share.ledger.journal import get_staged
from rongan_share.ledger.sealed import SEAL_BYTES
from rongan_share.services.import_rows import TWICE, listings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rongan_share.cli.importing.blocks import Block, Source
    from rongan_share.cli.importing.checking import Bench
    from rongan_share.cli.importing.store import ImportStore

THREADS = 2
"""Blocks that are judged or packed at once: as many as there are cores on the smallest machine."""

HELD_NS = 5_000_000
"""How long a transaction should hold LMDB's lock; the number of parts in one follows from it."""

_NICE = 5
_MOST_PARTS = 8
_AHEAD = 4
_BEHIND = 2
_READ_PARTS = 8
_NO_ROWS = np.zeros(0, np.int64)


class Staging:
    """One pass over a file.

    Args:
        store: The store.
        source: The file.
        bench: What its rows are judged by.
        import_id: The import.
        record: How far it has come.
        on_rows: Told of rows that are done.
        dry: Whether nothing is staged: rows are only judged.

    Attributes:
        record: How far it has come.
        rows_read: Rows of the file that were read.
    """

    def __init__(
        self,
        store: ImportStore,
        source: Source,
        *,
        bench: Bench,
        import_id: bytes,
        record: ImportRecord,
        on_rows: Callable[[int], None],
        dry: bool = False,
    ) -> None:
        self._store, self._source, self._bench = store, source, bench
        self._import_id, self.record, self._dry = import_id, record, dry
        self._on_rows = on_rows
        self._faults = Faults()
        self._seals = bytearray()
        self.rows_read = 0
        # How far it had come before: what this run reads is held against that.
        self._before = record
        self._met = not record.content_rows
        self._content = b""
        self._contents: deque[tuple[int, bytes]] = deque()
        self._parts_at_once = 1

    def run(self, folder: Path) -> WrittenRun:
        """Stages the whole file behind what was staged of it before; returns its columns.

        Args:
            folder: An empty folder for its columns.

        Raises:
            RowsRefusedError: Rows break rules; all of it is to be dropped.
            MovedError: The import was dropped meanwhile.
            OSError: Something could not be read or written.
        """
        writer = RunWriter(folder, self._store.owner_keys)
        try:
            with (
                ThreadPoolExecutor(THREADS, initializer=_step_back) as pool,
                ThreadPoolExecutor(1, initializer=_step_back) as writing,
            ):
                behind = Behind(writing, _BEHIND)
                self._take_up(writer, behind)
                work = self._pack_rows if self._dry else self._pack
                for parts in in_order(pool, work, self._cuts(pool), ahead=_BEHIND):
                    behind.do(partial(writer.add, parts.listings))
                    self._stage(parts)
                behind.wait()
            self._refuse()
            written = writer.finish()
            self._find_repeated(written)
            self._refuse()
        finally:
            writer.close()
        return written

    def finish(self) -> None:
        """Says that all is staged.

        Raises:
            MovedError: The import was dropped meanwhile.
        """
        self.record = msgspec.structs.replace(
            self.record,
            state=ImportState.STAGED,
            rows_read=self.rows_read,
            content_rows=self.rows_read,
            content=self._content,
            touched_ns=nanoseconds(self._store.clock.now()),
        )
        with self._store.ledger.write() as txn:
            save_seals(txn, self._import_id, bytes(self._seals))
            go_on(txn, self._import_id, self.record)

    @property
    def seals(self) -> bytes:
        """Checksum of each part, 16 bytes each."""
        return bytes(self._seals)

    def _take_up(self, writer: RunWriter, behind: Behind) -> None:
        """Reads back what was staged before."""
        for first in range(0, self.record.part_count, _READ_PARTS):
            end = min(first + _READ_PARTS, self.record.part_count)
            with self._store.ledger.read() as txn:
                for number in range(first, end):
                    frame, seal = get_staged(txn, self._import_id, number)
                    listings = listings_of(
                        frame.columns,
                        first_place=number * PART_ROWS,
                        contributor=self.record.ruling.partner_number,
                        epoch=self.record.ruling.epoch,
                    )
                    self._seals += seal
                    behind.do(partial(writer.add, listings))

    def _cuts(self, pool: ThreadPoolExecutor) -> Iterator[Cut]:
        """Yields what is to be staged, as long as nothing is wrong."""
        cutter = Cutter(self.record.part_count)
        blocks = self._source.blocks()
        for judged in in_order(pool, self._judge, blocks, ahead=_AHEAD):
            self._keep_content(judged)
            self._on_rows(judged.end_row - self.rows_read)
            self.rows_read = judged.end_row
            self._faults.add(judged.faults.first, total=judged.faults.total)
            if not self._faults.total:
                yield from cutter.add(judged)
        if not self._met:
            raise RefusedHereError(say("import_changed"))
        if not self._faults.total:
            yield from cutter.finish()

    def _judge(self, block: Block) -> Judged:
        if block.first_row + block.row_count > self._before.content_rows:
            return judge(self._bench, block, from_row=self._before.rows_read)
        # Judged and staged before: only that it is the same is to be seen.
        return Judged(
            end_row=block.first_row + block.row_count,
            columns={name: column[:0] for name, column in block.columns.items()},
            rows=_NO_ROWS,
            faults=Faults(),
            digest=digest_of(self._bench.blind, block),
        )

    def _keep_content(self, judged: Judged) -> None:
        """Chains the digests of blocks, and compares the chain where it was kept before."""
        self._content = chained(self._bench.blind, self._content, judged.digest)
        self._contents.append((judged.end_row, self._content))
        if self._met:
            whole = self._before.state is ImportState.STAGED
            if whole and judged.end_row > self._before.content_rows:
                raise RefusedHereError(say("import_changed"))
            return
        # Blocks of the same file end at the same rows.
        kept = self._before.content_rows
        self._met = judged.end_row == kept and self._content == self._before.content
        if judged.end_row >= kept and not self._met:
            raise RefusedHereError(say("import_changed"))

    def _pack(self, cut: Cut) -> Parts:
        now = nanoseconds(self._store.clock.now())
        return pack(cut, self.record.ruling, import_id=self._import_id, time_ns=now)

    def _pack_rows(self, cut: Cut) -> Parts:
        listings = listings_of(
            cut.columns,
            first_place=cut.first_part * PART_ROWS,
            contributor=self.record.ruling.partner_number,
            epoch=self.record.ruling.epoch,
        )
        return Parts(parts=[], listings=listings, least_expiry_day=0)

    def _stage(self, parts: Parts) -> None:
        """Writes parts in transactions that are short enough for a hub beside."""
        self._note_expiry(parts.least_expiry_day)
        done = 0
        while done < len(parts.parts):
            some = parts.parts[done : done + self._parts_at_once]
            done += len(some)
            began = monotonic_ns()
            self._write(some)
            held = monotonic_ns() - began
            if held > HELD_NS:
                self._parts_at_once = max(1, self._parts_at_once // 2)
            elif 2 * held < HELD_NS:
                self._parts_at_once = min(_MOST_PARTS, self._parts_at_once + 1)

    def _write(self, parts: list[Part]) -> None:
        last = parts[-1]
        while len(self._contents) > 1 and self._contents[1][0] <= last.end_row:
            self._contents.popleft()
        end_row, content = self._contents[0] if self._contents else (0, b"")
        if end_row > last.end_row:
            end_row, content = self.record.content_rows, self.record.content
        self.record = msgspec.structs.replace(
            self.record,
            part_count=last.number + 1,
            row_count=self.record.row_count + sum(part.row_count for part in parts),
            rows_read=last.end_row,
            content_rows=end_row,
            content=content,
            touched_ns=nanoseconds(self._store.clock.now()),
        )
        with self._store.ledger.write() as txn:
            for part in parts:
                put_part(txn, self._import_id, part.number, sealed=part.sealed, note=part.note)
            go_on(txn, self._import_id, self.record)
        for part in parts:
            self._seals += part.sealed[-SEAL_BYTES:]

    def _note_expiry(self, day: int) -> None:
        known = self.record.least_expiry_day
        least = min(filter(None, (day, known)), default=0)
        self.record = msgspec.structs.replace(self.record, least_expiry_day=least)

    def _find_repeated(self, written: WrittenRun) -> None:
        """Tells of rows whose identity a row before them has."""
        faults = []
        with self._store.ledger.read() as txn:
            for place in written.repeated[:MOST_SHOWN].tolist():
                number, within = divmod(place, PART_ROWS)
                note = find_note(txn, self._import_id, number)
                # A dry run has staged nothing, and rows that were left out are not counted.
                row = place if note is None else note.row_of(within)
                faults.append(Fault(row, "reference", TWICE))
        self._faults.add(faults, total=written.repeated.size)

    def _refuse(self) -> None:
        if self._faults.total:
            first = self._faults.first
            lines = self._source.lines_of({fault.row for fault in first})
            spellings = self._source.spellings
            problems = tuple(
                RowProblem(lines.get(row, 0), spellings.get(column, column), rule)
                for row, column, rule in first
            )
            raise RowsRefusedError(problems, self._faults.total, unit=self._source.unit)


def _step_back() -> None:
    """Lets whoever holds LMDB's lock go first: the thread that stages, and a hub beside."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
