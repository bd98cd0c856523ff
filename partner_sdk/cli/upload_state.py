"""What an upload must remember between two runs: ``FILE.rongan.json`` beside the file.

Written before the first frame is sent, and whole or not at all; so a killed upload goes on with
the same stream and the same frames, and the hub knows what it has.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.messages import say
from partner_sdk.clock import shanghai_today
from rongan_share.wire.frames import TOKEN_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMAT = 1
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class UploadState:
    """One file's upload.

    Attributes:
        stream_id: 32 hexadecimal digits.
        frame_rows: Rows of a frame; another size would make other frames.
        file_digest: SHA-256 of the file, hexadecimal.
        options: What else decides the rows: kind of file, severity.
        format: Version of this form.
        day: ``YYYY-MM-DD``, the day of its births that are future: the flag SUSPECT, and with it
            a frame, would change overnight. Empty in states from before there was one.
    """

    stream_id: str
    frame_rows: int
    file_digest: str
    options: str
    format: int = _FORMAT
    day: str = ""

    @property
    def today(self) -> date | None:
        """The day to grade rows by; None = that of reading them."""
        return date.fromisoformat(self.day) if self.day else None

    def fits(self, file_digest: str, options: str) -> bool:
        """Says whether the rows are still those that the upload began with."""
        return (self.file_digest, self.options) == (file_digest, options)


def new_state(file_digest: str, *, frame_rows: int, options: str) -> UploadState:
    """Begins an upload under a new stream id, today."""
    return UploadState(
        stream_id=os.urandom(TOKEN_BYTES).hex(),
        frame_rows=frame_rows,
        file_digest=file_digest,
        options=options,
        day=shanghai_today().isoformat(),
    )


def state_path(file: Path) -> Path:
    """Names the state of a file's upload."""
    return file.with_name(f"{file.name}.rongan.json")


def find_state(file: Path) -> UploadState | None:
    """Finds the state of an upload that was begun; None if there is none.

    Raises:
        RefusedHereError: The state cannot be read.
    """
    try:
        fields = json.loads(state_path(file).read_text(encoding="utf-8"))
        state = UploadState(**fields)
        if state.day:
            date.fromisoformat(state.day)
        unfit = state.format != _FORMAT or len(bytes.fromhex(state.stream_id)) != TOKEN_BYTES
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise RefusedHereError(f"{state_path(file)}: {say('state_unreadable')}") from None
    if unfit or not isinstance(state.frame_rows, int):
        raise RefusedHereError(f"{state_path(file)}: {say('state_unreadable')}")
    return state


def save_state(file: Path, state: UploadState) -> None:
    """Writes the state durably; a crash leaves the old one or the new one.

    Raises:
        OSError: The folder cannot be written.
    """
    save_facts(state_path(file), asdict(state))


def save_facts(path: Path, facts: dict[str, object]) -> None:
    """Writes a file of state durably, whole or not at all.

    Raises:
        OSError: The folder cannot be written.
    """
    draft = path.with_name(f"{path.name}.new")
    try:
        with draft.open("w", encoding="utf-8") as opened:
            json.dump(facts, opened, indent=1)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(path)
    except OSError as error:
        # The draft is no file that the user knows.
        raise OSError(error.errno, error.strerror, str(path)) from None
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def digest_of(file: Path) -> str:
    """Computes the SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def file_lock(file: Path) -> Iterator[None]:
    """Keeps a second upload of the same file out; ends with the process, however it ends.

    Raises:
        RefusedHereError: Another command holds it.
    """
    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedHereError(f"{file}: {say('file_busy')}") from None
        yield
