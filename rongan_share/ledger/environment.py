"""The LMDB environment: opened once a process; no forks, second hubs or foreign files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import lmdb

from rongan_share.errors import LedgerCorruptError, Reason, RonganError, StartRefusedError
from rongan_share.ledger.sealed import SEAL_BYTES, seal, unseal
from rongan_share.ledger.store_files import refuse_foreign
from rongan_share.ledger.store_lock import StoreLock
from rongan_share.ledger.tables import Table

__all__ = ["FORMAT_VERSION", "MAP_BYTES", "MAX_READERS", "Ledger", "Table", "Transaction"]

FORMAT_VERSION = 1
"""Version of the store's layout; a newer one is refused, an older one migrated."""

MAP_BYTES = 256 << 30
"""Address space of the map: sparse, and the same in every process, so none must ever grow it."""

MAX_READERS = 1_024
"""Reader slots; LMDB's 126 were exhausted by 256 threads."""

_FORMAT_KEY = b"format"


class Transaction:
    """One LMDB transaction over all tables; values are sealed going in and checked coming out."""

    def __init__(self, txn: lmdb.Transaction, databases: Mapping[Table, lmdb._Database]) -> None:
        self._txn = txn
        self._databases = databases

    def end(self) -> None:
        """Lets go of the transaction; whoever still holds this object can read nothing more."""
        del self._txn

    @property
    def state_number(self) -> int:
        """Number of the last commit that a read transaction sees, whichever process made it."""
        return self._txn.id()

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Returns the payload under a key, or None.

        Raises:
            LedgerCorruptError: Its checksum does not match.
        """
        value = self._txn.get(key, db=self._databases[table])
        return None if value is None else unseal(table.value, key, bytes(value))

    def find_seal(self, table: Table, key: bytes) -> bytes:
        """Returns the checksum under a key, unverified; empty if the key is not there."""
        value = self._txn.get(key, db=self._databases[table])
        return b"" if value is None else bytes(value[-SEAL_BYTES:])

    def put(self, table: Table, key: bytes, payload: bytes) -> None:
        """Writes a payload under a key of 1 to 511 bytes."""
        self._txn.put(key, seal(key, payload), db=self._databases[table])

    def put_new(self, table: Table, key: bytes, payload: bytes) -> bool:
        """Writes a payload under a key that is not there; returns False, unwritten, if it is."""
        database = self._databases[table]
        return bool(self._txn.put(key, seal(key, payload), db=database, overwrite=False))

    def put_sealed(self, table: Table, key: bytes, value: bytes) -> None:
        """Writes a value that carries its checksum already, at the end of a numbered table.

        Raises:
            LedgerCorruptError: The table already goes further than the key.
        """
        if not self._txn.put(key, value, db=self._databases[table], append=True):
            raise LedgerCorruptError(table.value, key)

    def append_all(self, table: Table, items: Sequence[tuple[bytes, bytes]]) -> None:
        """Writes payloads under ascending keys at the end of a numbered table, in one step.

        Raises:
            LedgerCorruptError: The table already goes further than a key.
        """
        sealed = [(key, seal(key, payload)) for key, payload in items]
        cursor = self._txn.cursor(db=self._databases[table])
        if cursor.putmulti(sealed, append=True)[1] != len(sealed):
            raise LedgerCorruptError(table.value, sealed[0][0])

    def put_whole(self, table: Table, key: bytes, value: bytes) -> None:
        """Writes a value that carries its checksum already."""
        self._txn.put(key, value, db=self._databases[table])

    def peek(self, table: Table, key: bytes, length: int) -> tuple[bytes, bytes] | None:
        """Returns the last key up to `key` and how its value begins, unverified, or None."""
        cursor = self._txn.cursor(db=self._databases[table])
        found = cursor.set_range(key)
        if found and bytes(cursor.key()) != key:
            found = cursor.prev()
        elif not found:
            found = cursor.last()
        if not found:
            return None
        return bytes(cursor.key()), bytes(cursor.value()[:length])

    def heads(self, table: Table, after: bytes, length: int) -> Iterator[tuple[bytes, bytes, int]]:
        """Walks keys behind one, how their values begin, unverified, and their sizes."""
        cursor = self._txn.cursor(db=self._databases[table])
        found = cursor.set_range(after) if after else cursor.first()
        while found:
            key = bytes(cursor.key())
            if key != after:
                value = cursor.value()
                yield key, bytes(value[:length]), len(value)
            found = cursor.next()

    def count(self, table: Table) -> int:
        """Returns how many keys a table has."""
        return int(self._txn.stat(self._databases[table])["entries"])

    def delete(self, table: Table, key: bytes) -> None:
        """Removes a key, if it is there."""
        self._txn.delete(key, db=self._databases[table])

    def scan(
        self, table: Table, start: bytes = b"", prefix: bytes = b""
    ) -> Iterator[tuple[bytes, bytes]]:
        """Walks keys and payloads from `start` on, as long as keys begin with `prefix`."""
        cursor = self._txn.cursor(db=self._databases[table])
        found = cursor.set_range(max(start, prefix)) if start or prefix else cursor.first()
        while found:
            key = bytes(cursor.key())
            if not key.startswith(prefix):
                return
            yield key, unseal(table.value, key, bytes(cursor.value()))
            found = cursor.next()

    def last_under(self, table: Table, prefix: bytes) -> tuple[bytes, bytes] | None:
        """Returns the last key that begins with `prefix`, and its payload, or None."""
        cursor = self._txn.cursor(db=self._databases[table])
        found = cursor.set_range(prefix + b"\xff" * 8)
        if not (cursor.prev() if found else cursor.last()):
            return None
        key = bytes(cursor.key())
        return (
            (key, unseal(table.value, key, bytes(cursor.value())))
            if key.startswith(prefix)
            else None
        )


class Ledger:
    """The open store of one process.

    Use as a context manager. Every method refuses to work in a forked child, which would share the
    parent's map and corrupt it.

    Args:
        directory: Where the store is.
        writable: Whether this process may write; then it takes the store for itself alone.
        family: Descriptor that the hub's supervisor handed down: the store is its, and this process
            works for it.
        beside: Whether this process only stages an import, beside a hub that serves or by itself:
            then `ImportLock` is what it holds, and it writes nothing that a hub writes.
    """

    def __init__(
        self,
        directory: Path,
        *,
        writable: bool = True,
        family: int | None = None,
        beside: bool = False,
    ) -> None:
        refuse_foreign(directory)
        _refuse_other_format(directory)
        self._lock = _lock_of(directory, family) if writable and not beside else None
        self._pid = os.getpid()
        self._environment = lmdb.open(
            str(directory),
            map_size=MAP_BYTES,
            max_dbs=len(Table),
            max_readers=MAX_READERS,
            readonly=not writable,
            create=False,
            lock=True,
            mode=0o600,
        )
        try:
            self._databases = _open_tables(self._environment, directory, writable=writable)
        except BaseException:
            self.close()
            raise
        self._environment.reader_check()

    @staticmethod
    def create(directory: Path) -> None:
        """Makes an empty ledger in an empty directory.

        Raises:
            StartRefusedError: The directory holds anything already.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            msg = f"{directory} is not empty"
            raise StartRefusedError(msg)
        with lmdb.open(
            str(directory), map_size=MAP_BYTES, max_dbs=len(Table), mode=0o600
        ) as environment:
            databases = {table: environment.open_db(table.value.encode()) for table in Table}
            with environment.begin(write=True) as txn:
                payload = FORMAT_VERSION.to_bytes(2, "little")
                txn.put(_FORMAT_KEY, seal(_FORMAT_KEY, payload), db=databases[Table.META])

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Opens a read transaction, to be held less than a second."""
        self._refuse_forked()
        try:
            with self._environment.begin() as txn:
                read = Transaction(txn, self._databases)
                try:
                    yield read
                finally:
                    # LMDB keeps the reader's slot as long as anything refers to the transaction.
                    read.end()
        except lmdb.ReadersFullError as error:
            raise RonganError(Reason.STORE_BUSY, retry_after_seconds=1.0) from error
        except (lmdb.CorruptedError, lmdb.PageNotFoundError) as error:
            raise RonganError(Reason.STORE_CORRUPT) from error
        except lmdb.Error as error:
            raise RonganError(Reason.STORE_FAILED) from error

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Opens the write transaction: durable at the end, or nothing of it on an exception.

        Raises:
            RonganError: STORE_FULL or STORE_FAILED; nothing was committed.
        """
        self._refuse_forked()
        try:
            with self._environment.begin(write=True) as txn:
                yield Transaction(txn, self._databases)
        except lmdb.MapFullError as error:
            raise RonganError(Reason.STORE_FULL) from error
        except lmdb.Error as error:
            # A full disk shows as EIO, not as ENOSPC; only the free space tells them apart.
            raise RonganError(
                Reason.STORE_FULL if self._disk_full() else Reason.STORE_FAILED
            ) from error

    def used_bytes(self) -> int:
        """Returns the bytes of the file that are in use or were."""
        self._refuse_forked()
        return int(self._environment.info()["last_pgno"] + 1) * int(
            self._environment.stat()["psize"]
        )

    def reclaim_readers(self) -> int:
        """Frees reader slots of dead processes; returns how many."""
        self._refuse_forked()
        return int(self._environment.reader_check())

    @property
    def family(self) -> int:
        """The descriptor that lets processes in which this one starts."""
        if self._lock is None:
            raise StartRefusedError("this process does not hold the store")
        return self._lock.family

    def close(self) -> None:
        """Closes the environment and lets the directory go."""
        if os.getpid() == self._pid:
            self._environment.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _refuse_forked(self) -> None:
        if os.getpid() != self._pid:
            msg = "the ledger was opened before this process was forked; open it anew"
            raise StartRefusedError(msg)

    def _disk_full(self) -> bool:
        status = os.statvfs(self._environment.path())
        return status.f_bavail * status.f_frsize < 1 << 20


def _refuse_other_format(directory: Path) -> None:
    """Refuses an LMDB file of something else, or of another format, without writing a byte."""
    # Without LMDB's lock the glance may be stale, but tables and format never change once made.
    try:
        with lmdb.open(
            str(directory), max_dbs=len(Table), readonly=True, create=False, lock=False
        ) as environment:
            databases = {Table.META: environment.open_db(Table.META.value.encode(), create=False)}
            with environment.begin() as txn:
                payload = Transaction(txn, databases).get(Table.META, _FORMAT_KEY)
    except lmdb.NotFoundError as error:
        msg = f"{directory} holds an LMDB file that is no ledger"
        raise StartRefusedError(msg) from error
    except lmdb.Error as error:
        msg = f"{directory} holds an LMDB file that cannot be read"
        raise StartRefusedError(msg) from error
    version = int.from_bytes(payload or b"", "little")
    if version != FORMAT_VERSION:
        msg = f"the store has format {version}, this hub reads format {FORMAT_VERSION}"
        raise StartRefusedError(msg)


def _open_tables(
    environment: lmdb.Environment, directory: Path, *, writable: bool
) -> dict[Table, lmdb._Database]:
    """Opens all tables, and makes those that a ledger of an earlier version has not yet."""
    databases: dict[Table, lmdb._Database] = {}
    for table in Table:
        try:
            databases[table] = environment.open_db(table.value.encode(), create=False)
        except lmdb.NotFoundError as error:
            if not writable:
                msg = f"{directory} is not complete; let the hub open it once"
                raise StartRefusedError(msg) from error
            databases[table] = environment.open_db(table.value.encode())
    return databases


def _lock_of(directory: Path, family: int | None) -> StoreLock:
    if family is None:
        return StoreLock.take(directory)
    return StoreLock.inherit(directory, family)
