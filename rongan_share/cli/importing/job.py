"""A whole import: from a file to listings, and every way in which it may end before."""

from __future__ import annotations

import secrets
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from partner_sdk.sources.rows import RowsRefusedError
from rongan_share.cli.importing.checking import Bench, chained, digest_of
from rongan_share.cli.importing.committing import commit
from rongan_share.cli.importing.outcome import Outcome, told
from rongan_share.cli.importing.recheck import touches
from rongan_share.cli.importing.ruling import ruling_of
from rongan_share.cli.importing.staging import Staging
from rongan_share.clock import nanoseconds
from rongan_share.columns.freeze import LEAST_ROWS
from rongan_share.errors import MovedError, Reason, RonganError
from rongan_share.ledger.counters import get_last_of_partner, get_list_sequence
from rongan_share.ledger.imports import (
    ImportRecord,
    ImportState,
    Ruling,
    drop_notes,
    drop_staged,
    go_on,
    list_imports,
    put_import,
)
from rongan_share.ledger.segments import IMPORT_ID_BYTES, digest_of_seals
from rongan_share.services.row_terms import RowTerms
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.wire.days import shanghai_day

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from rongan_share.cli.connection import Connection
    from rongan_share.cli.importing.blocks import Source
    from rongan_share.cli.importing.store import ImportStore
    from rongan_share.columns.run_writer import WrittenRun
    from rongan_share.ledger.imports import SourceFile

    Connect = Callable[[], AbstractContextManager[Connection]]

ATTEMPTS = 8
"""How often an import is committed or staged again because something moved."""

_NOTES_AT_ONCE = 256


class ImportJob:
    """The import of one file for one partner.

    Args:
        store: The open store.
        source: The file.
        partner_id: Whose listings they are.
        consent_named: Whether a legal basis' reference was given.
        on_rows: Told of rows that are done.
        columns_from: Rows from which on columns are written beforehand; fewer are read at once.
    """

    def __init__(
        self,
        store: ImportStore,
        source: Source,
        *,
        partner_id: str,
        consent_named: bool = False,
        on_rows: Callable[[int], None] = lambda _count: None,
        columns_from: int = LEAST_ROWS,
    ) -> None:
        self._store, self._source = store, source
        self._partner_id, self._consent_named = partner_id, consent_named
        self._on_rows, self._columns_from = on_rows, columns_from

    def check(self) -> Outcome:
        """Judges the whole file and stages nothing.

        Raises:
            RowsRefusedError: Rows break rules.
            RonganError: The partner may not contribute.
        """
        ruling = self._rule()
        with TemporaryDirectory(prefix=".check-", dir=self._store.directory) as folder:
            staging = self._staging(b"", self._fresh(ruling), dry=True)
            written = staging.run(Path(folder))
        added = written.files["rows"].count
        return Outcome(
            rows_read=staging.rows_read, added=added, unchanged=staging.rows_read - added
        )

    def run(self, connect: Connect) -> Outcome:
        """Imports the file.

        Args:
            connect: Connects to the hub that commits it, used as a context manager.

        Raises:
            RowsRefusedError: Rows break rules; nothing of it remains.
            RonganError: The partner may not contribute.
            HubRefusalError: The hub refused to commit.
        """
        found = self._find()
        if found is not None and found[1].committed:
            if self._is_same(found[1]):
                return told(*found, taken_up=0, repeated=True)
            found = None
        for _ in range(ATTEMPTS):
            ruling = self._rule()
            if found is not None and found[1].ruling != ruling:
                self.drop(found[0])
                found = None
            import_id, record = found or self._begin(ruling)
            try:
                done = self._stage_and_commit(import_id, record, connect=connect)
            except MovedError:
                # Dropped meanwhile: nothing of it may be used.
                done = None
            if done is not None:
                done.taken_up = record.row_count
                return done
            self.drop(import_id)
            found = None
        raise RonganError(Reason.STORE_BUSY, retry_after_seconds=1.0)

    def abandon(self) -> int:
        """Drops what is staged of the file; returns how many rows that were."""
        found = self._find()
        if found is None or found[1].committed:
            return 0
        self.drop(found[0])
        return found[1].row_count

    def drop(self, import_id: bytes) -> None:
        """Removes an import that was not committed, and its columns."""
        drop_staged(self._store.ledger, import_id)
        self._store.imported.drop(import_id)

    def _stage_and_commit(
        self, import_id: bytes, record: ImportRecord, *, connect: Connect
    ) -> Outcome | None:
        """Stages and commits; None if all of it must be judged anew."""
        record = self._touch(import_id, record)
        staging = self._staging(import_id, record)
        try:
            written = staging.run(self._store.imported.draft(import_id))
        except RowsRefusedError:
            self.drop(import_id)
            raise
        except OSError:
            if self._store.registry.target == self._store.columns.target:
                raise
            # The set that its columns belonged to has been removed.
            raise MovedError from None
        staging.finish()
        record = staging.record
        if not record.row_count:
            self.drop(import_id)
            return Outcome(rows_read=record.rows_read, unchanged=record.rows_read)
        digest = digest_of_seals([staging.seals])
        if record.row_count >= self._columns_from:
            self._store.imported.publish(import_id, written, digest)
            if self._store.alone:
                self._store.imported.adopt(import_id, written, digest)
            else:
                self._store.imported.wait_until_opened(import_id)
        done = self._commit(import_id, record, written, digest=digest, connect=connect)
        if done is not None:
            self._tidy(import_id, record)
        return done

    def _commit(
        self,
        import_id: bytes,
        record: ImportRecord,
        written: WrittenRun,
        *,
        digest: bytes,
        connect: Connect,
    ) -> Outcome | None:
        request = pb.CommitImportRequest(
            import_id=import_id,
            partner_id=self._partner_id,
            row_count=record.row_count,
            digest=digest,
        )
        with connect() as hub:
            for _ in range(ATTEMPTS):
                current = self._catch_up(import_id, record, written)
                if current is None:
                    return None
                record = current
                answer, changed = commit(hub, request)
                if answer is not None:
                    return told(
                        import_id,
                        msgspec.structs.replace(
                            record,
                            first_sequence=answer.first_sequence,
                            entry_index=answer.entry_index,
                        ),
                        repeated=answer.repeated,
                    )
                if changed != "frames":
                    return None
        return None

    def _catch_up(
        self, import_id: bytes, record: ImportRecord, written: WrittenRun
    ) -> ImportRecord | None:
        """Takes in what the partner contributed since; None if rows must be judged anew."""
        number, ledger = record.ruling.partner_number, self._store.ledger
        with ledger.read() as txn:
            last, head = get_last_of_partner(txn, number), get_list_sequence(txn)
        if last == record.checked_sequence:
            return record
        run = self._store.imported.preview(import_id, written, verified=True)
        columns = self._store.columns
        if run is None or touches(ledger, record, run=run, columns=columns, until=last):
            return None
        record = msgspec.structs.replace(record, checked_sequence=last, checked_head=head)
        with ledger.write() as txn:
            go_on(txn, import_id, record)
        return record

    def _tidy(self, import_id: bytes, record: ImportRecord) -> None:
        """Forgets what only an import that is not committed needs."""
        if record.row_count < self._columns_from:
            self._store.imported.drop(import_id)
        for first in range(0, record.part_count, _NOTES_AT_ONCE):
            with self._store.ledger.write() as txn:
                drop_notes(txn, import_id, first, count=_NOTES_AT_ONCE)

    def _staging(self, import_id: bytes, record: ImportRecord, *, dry: bool = False) -> Staging:
        store, ruling = self._store, record.ruling
        last = store.last_of_partner(ruling.partner_number)
        bench = Bench(
            terms=RowTerms(
                partner_id=self._partner_id,
                partner_number=ruling.partner_number,
                rights=store.registry.agreements[self._partner_id].contribution,
                taxonomy=store.taxonomy,
                day=shanghai_day(store.clock.now()),
            ),
            consent_named=self._consent_named,
            cipher=store.hub_keys.cipher(ruling.key_id),
            blind=store.side_keys.blind,
            # Without any frame of its own there is nothing to compare with.
            snapshot=store.snapshot(last) if last else None,
        )
        return Staging(
            store,
            self._source,
            bench=bench,
            import_id=import_id,
            record=record,
            on_rows=self._on_rows,
            dry=dry,
        )

    def _rule(self) -> Ruling:
        self._store.take_target()
        return ruling_of(
            self._store,
            self._source,
            partner_id=self._partner_id,
            consent_named=self._consent_named,
        )

    def _begin(self, ruling: Ruling) -> tuple[bytes, ImportRecord]:
        """Begins an import of which nothing is staged."""
        import_id, record = secrets.token_bytes(IMPORT_ID_BYTES), self._fresh(ruling)
        with self._store.ledger.write() as txn:
            put_import(txn, import_id, record)
        return import_id, record

    def _touch(self, import_id: bytes, record: ImportRecord) -> ImportRecord:
        """Takes up an import, so that whoever drops what nobody goes on with leaves it."""
        now = nanoseconds(self._store.clock.now())
        record = msgspec.structs.replace(record, touched_ns=now)
        with self._store.ledger.write() as txn:
            go_on(txn, import_id, record)
        return record

    def _fresh(self, ruling: Ruling) -> ImportRecord:
        now = nanoseconds(self._store.clock.now())
        with self._store.ledger.read() as txn:
            return ImportRecord(
                state=ImportState.STAGING,
                source=self._source.file,
                ruling=ruling,
                begun_ns=now,
                touched_ns=now,
                checked_sequence=get_last_of_partner(txn, ruling.partner_number),
                checked_head=get_list_sequence(txn),
            )

    def _find(self) -> tuple[bytes, ImportRecord] | None:
        """Finds the last import of this file for this partner."""
        wanted = _identity(self._source.file)
        with self._store.ledger.read() as txn:
            found = [
                (import_id, record)
                for import_id, record in list_imports(txn)
                if record.ruling.partner_id == self._partner_id
                and _identity(record.source) == wanted
                and record.state is not ImportState.DROPPED
            ]
        return max(found, key=lambda each: each[1].begun_ns, default=None)

    def _is_same(self, record: ImportRecord) -> bool:
        """Reads the file and compares it with what was imported: size and time tell little."""
        blind, content, rows = self._store.side_keys.blind, b"", 0
        try:
            for block in self._source.blocks():
                content = chained(blind, content, digest_of(blind, block))
                rows += block.row_count
        except RowsRefusedError:
            return False
        return (rows, content) == (record.content_rows, record.content)


def _identity(file: SourceFile) -> tuple[str, int, int]:
    return file.format, file.size, file.mtime_ns
