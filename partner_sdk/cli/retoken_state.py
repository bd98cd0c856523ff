"""What ``rongan contribute --retoken`` remembers between two runs, and whom it left out.

``FILE.retoken.json`` beside the file says how many of its rows are done; ``FILE.left-out.csv``
names those that the hub refused. A row is written into the second before the first counts it, and
what the first does not count is cut off again. Rows that were done and not counted are sent once
more, which changes nothing.
"""

from __future__ import annotations

import csv
import io
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.messages import say
from partner_sdk.cli.upload_state import save_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from partner_sdk.retokens import LeftOut, RetokenAck

_FORMAT = 1
_WORK = ("file_digest", "options", "epoch", "opened_time", "caller")
_COUNTS = ("rows_done", "retokened", "left_out", "left_out_bytes")

COLUMNS = ("line", "type", "alias", "rule")
"""Columns of the rows left out: the line of the file, and no identifier."""


@dataclass(slots=True)
class RetokenState:
    """How far a file is.

    Attributes:
        file_digest: SHA-256 of the file, hexadecimal.
        options: What else decides the rows: kind of file, mapping.
        epoch: The epoch that the tokens are of.
        opened_time: When the hub opened it; another hub's epoch may have the same number.
        caller: The name in the certificate: what one partner has sent, another has not.
        rows_done: Rows that were sent or left out, aliases included.
        retokened: Rows whose listing has its token.
        left_out: Rows that the hub refused.
        left_out_bytes: Length of the file that names them.
        format: Version of this form.
    """

    file_digest: str
    options: str
    epoch: int
    opened_time: str = ""
    caller: str = ""
    rows_done: int = 0
    retokened: int = 0
    left_out: int = 0
    left_out_bytes: int = 0
    format: int = _FORMAT

    def count(self, ack: RetokenAck) -> None:
        """Adds rows that are done."""
        self.rows_done += ack.row_count
        self.retokened += ack.retokened_count
        self.left_out += len(ack.left_out)

    def same_work(self, other: RetokenState) -> bool:
        """Says whether another state is of the same rows, caller and epoch of one hub."""
        return all(getattr(self, name) == getattr(other, name) for name in _WORK)


def state_path(file: Path) -> Path:
    """Names the state of a file."""
    return file.with_name(f"{file.name}.retoken.json")


def left_out_path(file: Path) -> Path:
    """Names the file of the rows left out."""
    return file.with_name(f"{file.name}.left-out.csv")


def resume(file: Path, begun: RetokenState) -> RetokenState:
    """Finds how far these rows are; begins anew if it was another file, caller or epoch.

    Raises:
        RefusedHereError: The state cannot be read.
    """
    try:
        fields = json.loads(state_path(file).read_text(encoding="utf-8"))
        state = RetokenState(**fields)
        fit = state.format == _FORMAT and all(int(fields[name]) >= 0 for name in _COUNTS)
    except FileNotFoundError:
        return begun
    except (ValueError, TypeError, KeyError):
        fit = False
    if not fit:
        raise RefusedHereError(f"{state_path(file)}: {say('retoken_unreadable')}")
    return state if state.same_work(begun) else begun


class Record:
    """Writes down what is done, so that a run that breaks goes on where it was."""

    def __init__(self, file: Path, state: RetokenState, opened: BinaryIO) -> None:
        self._file = file
        self._state = state
        self._opened = opened

    def add(self, ack: RetokenAck) -> None:
        """Writes down rows that are done, durably."""
        if ack.left_out:
            self._opened.write(_lines(ack.left_out))
            self._opened.flush()
            os.fsync(self._opened.fileno())
        self._state.count(ack)
        self._state.left_out_bytes = self._opened.tell()
        save_facts(state_path(self._file), asdict(self._state))


@contextmanager
def recording(file: Path, state: RetokenState) -> Iterator[Record]:
    """Opens the record of a file; without a row left out its second file goes away again.

    Raises:
        OSError: A file cannot be written.
    """
    path = left_out_path(file)
    with path.open("ab") as opened:
        opened.truncate(state.left_out_bytes)
        opened.seek(0, os.SEEK_END)
        if not state.left_out_bytes:
            opened.write(",".join(COLUMNS).encode() + b"\r\n")
        try:
            yield Record(file, state, opened)
        finally:
            if not state.left_out:
                path.unlink()


def _lines(left_out: Iterable[LeftOut]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    for each in left_out:
        canonical = each.row.canonical
        name = canonical.type.name if canonical else ""
        writer.writerow((each.row.line, name, "yes" if each.alias else "", each.rule))
    return text.getvalue().encode()
