"""Columns of imports: written before the import is committed, served from its commit on.

Each stands in a folder of its own beside the frozen columns, with ids counted from the place in the
import, as nobody knows yet under which sequences it will stand. They are opened and verified while
they wait, so that the commit is seen at once. Like all columns they are derived: whatever is wrong
with them, the parts of the import are read instead.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
import threading
from typing import TYPE_CHECKING

import msgspec

from rongan_share.columns.column_files import digest_of, sync_folder, write_file
from rongan_share.columns.frozen import FORMAT, MANIFEST, Origin
from rongan_share.columns.run_files import ColumnFile, map_run
from rongan_share.ledger.compacted import get_forgotten
from rongan_share.ledger.imports import find_import
from rongan_share.model.listing import listing_id_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rongan_share.columns.frozen import FrozenColumns
    from rongan_share.columns.run import Run
    from rongan_share.columns.run_writer import WrittenRun
    from rongan_share.ledger.environment import Ledger, Transaction
    from rongan_share.ledger.segments import Segment
    from rongan_share.model.hub_key import Target

LOOK_SECONDS = 0.5
"""Time between looks for imports that wait for their commit."""

_PREFIX, _DRAFT = "import-", ".import-"
_log = logging.getLogger(__name__)


class ImportManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the folder of an import holds.

    Attributes:
        format: Version of the layout.
        origin: What it was made under.
        import_id: The import, in hex.
        content: Digest of its parts, in hex: of other parts these are not the columns.
        token_shift: Shift of the buckets of the tokens' keys.
        owner_shift: Shift of the buckets of the owners' keys.
        files: Its columns by name.
    """

    format: int
    origin: Origin
    import_id: str
    content: str
    token_shift: int
    owner_shift: int
    files: dict[str, ColumnFile]


class ImportedColumns:
    """The folders of imports.

    Args:
        columns: The frozen columns beside which they stand.
    """

    def __init__(self, columns: FrozenColumns) -> None:
        self._columns = columns
        self._opened: dict[bytes, tuple[str, Run | None]] = {}
        self._opening = threading.Lock()

    @property
    def target(self) -> Target:
        """What set of look-ups they fit."""
        return self._columns.target

    def look(self) -> None:
        """Opens those that wait for their commit, and forgets those that are gone."""
        waiting = set(self._named(_PREFIX))
        for import_id in waiting - self._opened.keys():
            self._open(import_id)
        with self._opening:
            for import_id in self._opened.keys() - waiting:
                del self._opened[import_id]

    def has(self, txn: Transaction, segment: Segment) -> bool:
        """Tells whether there are columns of an import, without verifying them."""
        # Withdrawals of its listings may have left the journal since they were written.
        if get_forgotten(txn).sequence > segment.last_sequence or not self._columns.is_ours():
            return False
        # Of another epoch or key its parts are read, each token as the set needs it.
        if (segment.header.epoch, segment.header.key_id) != self._columns.target:
            return False
        manifest = self._manifest(segment.import_id)
        return manifest is not None and manifest.content == segment.digest.hex()

    def take(self, segment: Segment) -> Run | None:
        """Returns the run of an import that has columns; None if they are not sound."""
        content, run = self._open(segment.import_id)
        if run is None or content != segment.digest.hex():
            _log.warning("an import has no columns first_sequence=%d", segment.first_sequence)
            return None
        return run._replace(id_base=listing_id_of(segment.first_sequence, 0))

    def draft(self, import_id: bytes) -> Path:
        """Makes the folder in which the columns of an import are written, empty."""
        self._columns.make()
        self.drop(import_id)
        folder = self._columns.directory / f"{_DRAFT}{import_id.hex()}"
        folder.mkdir(mode=0o700)
        return folder

    def publish(self, import_id: bytes, written: WrittenRun, content: bytes) -> None:
        """Makes a draft that was written visible to those who will serve it.

        Args:
            import_id: The import.
            written: What was written.
            content: Digest of its parts.
        """
        draft = self._columns.directory / f"{_DRAFT}{import_id.hex()}"
        manifest = ImportManifest(
            format=FORMAT,
            origin=self._columns.origin,
            import_id=import_id.hex(),
            content=content.hex(),
            token_shift=written.token_shift,
            owner_shift=written.owner_shift,
            files=written.files,
        )
        raw = msgspec.json.encode(manifest)
        write_file(draft / MANIFEST, raw + b"\n" + digest_of(raw).encode())
        sync_folder(draft)
        draft.rename(self._folder(import_id))
        sync_folder(self._columns.directory)

    def preview(
        self, import_id: bytes, written: WrittenRun, *, verified: bool = False
    ) -> Run | None:
        """Maps what was written of an import, drafts too; ids are counted from its beginning.

        Args:
            import_id: The import.
            written: What was written.
            verified: Whether it need not be verified any more.
        """
        folder = self._folder(import_id)
        draft = self._columns.directory / f"{_DRAFT}{import_id.hex()}"
        return map_run(folder if folder.is_dir() else draft, written, verified=verified)

    def adopt(self, import_id: bytes, written: WrittenRun, content: bytes) -> None:
        """Opens what this process has just written itself, without reading all of it again."""
        run = self.preview(import_id, written, verified=True)
        with self._opening:
            self._opened[import_id] = content.hex(), run

    def wait_until_opened(self, import_id: bytes) -> None:
        """Waits until those who have found the columns of an import have verified them."""
        threading.Event().wait(2 * LOOK_SECONDS)
        with (self._folder(import_id) / MANIFEST).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)

    def drop(self, import_id: bytes) -> None:
        """Removes the columns of an import, drafts too."""
        for prefix in (_PREFIX, _DRAFT):
            shutil.rmtree(
                self._columns.directory / f"{prefix}{import_id.hex()}", ignore_errors=True
            )
        with self._opening:
            self._opened.pop(import_id, None)

    def retire(self, ledger: Ledger, sequence: int) -> None:
        """Removes those that frozen columns up to a sequence hold, and those of no import."""
        for import_id in {*self._named(_PREFIX), *self._named(_DRAFT)}:
            with ledger.read() as txn:
                record = find_import(txn, import_id)
            if record is None or (record.committed and record.first_sequence <= sequence):
                self.drop(import_id)

    def _named(self, prefix: str) -> Iterator[bytes]:
        if not self._columns.is_ours():
            return
        for path in self._columns.directory.iterdir():
            try:
                if path.name.startswith(prefix):
                    yield bytes.fromhex(path.name.removeprefix(prefix))
            except ValueError:
                continue

    def _open(self, import_id: bytes) -> tuple[str, Run | None]:
        """Opens an import once: one that is damaged is not looked at over and over."""
        with self._opening:
            if import_id not in self._opened:
                self._opened[import_id] = self._read(import_id)
            return self._opened[import_id]

    def _read(self, import_id: bytes) -> tuple[str, Run | None]:
        folder = self._folder(import_id)
        try:
            with (folder / MANIFEST).open("rb") as file:
                # Whoever commits waits for this lock.
                fcntl.flock(file, fcntl.LOCK_SH)
                manifest = self._manifest(import_id)
                if manifest is not None:
                    return manifest.content, map_run(folder, manifest)
        except OSError:
            pass
        return "", None

    def _manifest(self, import_id: bytes) -> ImportManifest | None:
        """Reads what a folder says it holds; None if it is not there, not readable or not ours."""
        try:
            content = (self._folder(import_id) / MANIFEST).read_bytes()
            raw, _, digest = content.rpartition(b"\n")
            if digest_of(raw) != digest.decode():
                return None
            manifest = msgspec.json.decode(raw, type=ImportManifest)
        except (OSError, ValueError):
            return None
        ours = manifest.format == FORMAT and manifest.origin == self._columns.origin
        return manifest if ours and manifest.import_id == import_id.hex() else None

    def _folder(self, import_id: bytes) -> Path:
        return self._columns.directory / f"{_PREFIX}{import_id.hex()}"
