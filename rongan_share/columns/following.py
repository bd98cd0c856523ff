"""Which sets of look-ups each process follows, for whoever must not change over too early.

Each process keeps a note of its own, a file that it holds locked: what is not locked was left by a
process that is gone. Nobody waits for anybody here, and nothing of it outlives a restart.
"""

from __future__ import annotations

import fcntl
import os
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rongan_share.model.hub_key import Target

if TYPE_CHECKING:
    from collections.abc import Collection

_FOLDER = "following"
_DRAFT = ".note-"
_TARGET = struct.Struct("<II")


class FollowNote:
    """The note of this process; written when something is first said.

    Args:
        directory: Where the notes are, in a folder of theirs.
    """

    def __init__(self, directory: Path) -> None:
        self._folder = directory / _FOLDER
        self._path: Path | None = None
        self._descriptor = -1

    def say(self, targets: Collection[Target]) -> None:
        """Notes which sets this process follows now.

        Raises:
            OSError: It cannot be written.
        """
        if self._path is None:
            self._begin()
        content = b"".join(_TARGET.pack(*each) for each in targets)
        # Who reads in between finds one of them twice, or one that is left no more.
        os.pwrite(self._descriptor, content, 0)
        os.ftruncate(self._descriptor, len(content))

    def close(self) -> None:
        """Takes the note back."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._path = None

    def _begin(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor, name = tempfile.mkstemp(prefix=_DRAFT, dir=self._folder)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        draft = Path(name)
        # Under this name it is looked at, and by then it is locked.
        self._path = draft.rename(draft.with_name(draft.name.removeprefix(_DRAFT)))


def followed(directory: Path) -> set[Target]:
    """Returns every set that any living process follows.

    Args:
        directory: Where the notes are.
    """
    return {target for targets in _notes(directory) for target in targets}


def all_follow(directory: Path, target: Target) -> bool:
    """Tells whether there are processes that answer from look-ups, and all follow a set.

    Args:
        directory: Where the notes are.
        target: What the set is made for.
    """
    notes = _notes(directory)
    return bool(notes) and all(target in targets for targets in notes)


def _notes(directory: Path) -> list[list[Target]]:
    """Reads what each living process follows."""
    found = [_read(path) for path in (directory / _FOLDER).glob("[!.]*")]
    return [targets for targets in found if targets is not None]


def _read(path: Path) -> list[Target] | None:
    """Reads the note of a process; None, and it is removed, if the process is gone."""
    try:
        with path.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                content = file.read()
                return [Target(*each) for each in _TARGET.iter_unpack(_whole(content))]
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    return None


def _whole(content: bytes) -> bytes:
    """Cuts off what is not yet written."""
    return content[: len(content) // _TARGET.size * _TARGET.size]
