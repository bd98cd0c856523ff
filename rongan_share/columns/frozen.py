"""Frozen columns: the listings up to a sequence as files, mapped into memory instead of built.

A folder a sequence, with the columns of one run and a manifest that says what they hold and their
digests. Written beside, then renamed into place; verified whole before anything is answered from
them. They are derived: whatever is wrong with them, the journal is read instead.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from rongan_share.columns.column_files import digest_of, sync_folder, write_file
from rongan_share.columns.merging import Merger, MergeStoppedError
from rongan_share.columns.recipher import Ciphers, Recipher
from rongan_share.columns.run_files import ColumnFile, map_run
from rongan_share.columns.snapshot import FrozenPart, Snapshot
from rongan_share.model.hub_key import Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

    from rongan_share.columns.owner_keys import OwnerKeys

FORMAT = 6
"""Format of the folders written now; others are not used, and go when new ones are written."""

MANIFEST = "manifest.json"

NO_CIPHERS: Ciphers = MappingProxyType({})
"""No hub key is at hand, so that all tokens must stand under the origin's."""

_DRAFT = ".draft-"
_log = logging.getLogger(__name__)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What columns were made from and under; columns of anything else are not used.

    Attributes:
        hub_id: Whose journal.
        epoch: Epoch whose tokens are found.
        key_id: Key under which their tokens are enciphered.
        owners: Tells the secret of their owner keys from any other.
        taxonomy_version: Taxonomy that ruled when they were written.
    """

    hub_id: str
    epoch: int
    key_id: int
    owners: str
    taxonomy_version: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds.

    Attributes:
        format: Version of the layout.
        origin: What it was made from.
        sequence: Last frame that is in it.
        time_ns: When it was written, nanoseconds since 1970-01-01 UTC.
        seal: Checksum of that frame's journal value, in hex, so that it fits one journal only.
        epochs: Epochs of its tokens, ascending.
        lacking: How many listings have no token of the origin's epoch, by contributor.
        token_shift: Shift of the buckets of the tokens' keys.
        owner_shift: Shift of the buckets of the owners' keys.
        files: Its columns by name.
    """

    format: int
    origin: Origin
    sequence: int
    time_ns: int
    seal: str
    epochs: tuple[int, ...]
    lacking: dict[int, int]
    token_shift: int
    owner_shift: int
    files: dict[str, ColumnFile]


class FrozenColumns:
    """The folder in which the columns of one set of look-ups are kept, one folder a sequence.

    Args:
        directory: Where; made when first written, and the folder around it too.
        origin: Whose columns.
        owner_keys: Makes the owner keys that are in them.
        ciphers: Every hub key that is at hand, by its id.

    Attributes:
        target: What the set is made for.
        recipher: Brings what is read of the journal under the key of the set.
    """

    def __init__(
        self,
        directory: Path,
        origin: Origin,
        owner_keys: OwnerKeys,
        *,
        ciphers: Ciphers = NO_CIPHERS,
    ) -> None:
        self.directory = directory
        self.origin = origin
        self.owner_keys = owner_keys
        self.target = Target(origin.epoch, origin.key_id)
        self.recipher = Recipher(origin.key_id, ciphers)

    def empty(self) -> Snapshot:
        """Returns a snapshot of nothing, to follow the journal from its beginning."""
        return Snapshot(0, (), self.owner_keys, self.target)

    def sequences(self) -> list[int]:
        """Lists the sequences that there are columns of, newest first."""
        if not self.is_ours():
            return []
        names = [path.name for path in self.directory.iterdir() if path.name.isdecimal()]
        return sorted(map(int, names), reverse=True)

    def manifest(self, sequence: int) -> Manifest | None:
        """Reads what a folder says it holds; None if it is not there, not readable or not ours."""
        path = self._folder(sequence) / MANIFEST
        try:
            *content, digest = path.read_bytes().rsplit(b"\n", 1)
            sealed = b"\n".join(content)
            if digest_of(sealed) != digest.decode():
                return None
            manifest = msgspec.json.decode(sealed, type=Manifest)
        except (OSError, ValueError):
            return None
        ours = manifest.format == FORMAT and manifest.origin == self.origin
        return manifest if ours and manifest.sequence == sequence else None

    def open(self, manifest: Manifest) -> Snapshot | None:
        """Maps columns into memory and verifies every byte; None if anything is not as written."""
        run = map_run(self._folder(manifest.sequence), manifest)
        if run is None:
            return None
        return Snapshot(
            manifest.sequence,
            (run,),
            self.owner_keys,
            self.target,
            FrozenPart(manifest.sequence, manifest.time_ns),
            manifest.lacking,
        )

    def write(
        self, snapshot: Snapshot, seal: bytes, *, time_ns: int, stopping: Event | None = None
    ) -> Manifest | None:
        """Writes what a snapshot holds as one run and makes it visible in one step.

        Args:
            snapshot: What to write, in any number of runs.
            seal: Checksum of its last frame's journal value.
            time_ns: Now.
            stopping: Set when the hub stops; then nothing is visible and None is returned.

        Raises:
            OSError: It could not be written; nothing is visible.
        """
        with self.scratch() as draft:
            try:
                merger = Merger(snapshot.runs, draft, stopping, owner_keys=self.owner_keys)
                merged = merger.write()
            except MergeStoppedError:
                return None
            manifest = Manifest(
                format=FORMAT,
                origin=self.origin,
                sequence=snapshot.sequence,
                time_ns=time_ns,
                seal=seal.hex(),
                epochs=merged.epochs,
                lacking=dict(snapshot.lacking),
                token_shift=merged.shift,
                owner_shift=merged.shift,
                files=merged.files,
            )
            content = msgspec.json.encode(manifest)
            write_file(draft / MANIFEST, content + b"\n" + digest_of(content).encode())
            sync_folder(draft)
            self._set_aside(snapshot.sequence)
            draft.rename(self._folder(snapshot.sequence))
        sync_folder(self.directory)
        return manifest

    def make(self) -> None:
        """Makes the folder."""
        for folder in (self.directory.parent, self.directory):
            folder.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Waits until no other process writes columns, and keeps others from it."""
        self.make()
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Let go by the system when the process ends, however it does.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Makes a folder for what is not finished; what is still in it afterwards is removed."""
        self.make()
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=self.directory))
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def is_ours(self) -> bool:
        """Tells whether the folder is there, is no link, and only its owner may write into it.

        So must be the folder around it, in which others could put one in its place.
        """
        return is_own_folder(self.directory.parent) and is_own_folder(self.directory)

    def _set_aside(self, sequence: int) -> None:
        """Takes a folder out of the way that was passed over, such as one of another key."""
        folder = self._folder(sequence)
        if folder.exists():
            aside = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=self.directory))
            folder.rename(aside / folder.name)
            shutil.rmtree(aside, ignore_errors=True)

    def retire(self, kept: int) -> None:
        """Removes every other folder; who has one mapped goes on reading it."""
        if not self.is_ours():
            return
        for path in self.directory.iterdir():
            ours = path.name.startswith(_DRAFT) or path.name.isdecimal()
            if ours and path.name != self._folder(kept).name:
                shutil.rmtree(path, ignore_errors=True)

    def _folder(self, sequence: int) -> Path:
        return self.directory / f"{sequence:020d}"


def is_own_folder(folder: Path) -> bool:
    """Tells whether a folder is there, is no link, and only its owner may write into it."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    ours = (
        stat.S_ISDIR(status.st_mode)
        and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        and status.st_uid == os.getuid()
    )
    if not ours:
        _log.error("no folder for columns: %s", folder)
    return ours
