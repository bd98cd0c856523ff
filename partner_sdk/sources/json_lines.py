"""Records from JSON lines: one object a line, its keys the columns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from partner_sdk.sources.cells import RawRecord
from partner_sdk.sources.rows import RowProblem, RowsRefusedError
from partner_sdk.sources.texts import Encoding, verify_encoding, verify_is_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


def read_json_lines(
    path: Path, *, mandatory: Collection[str], encoding: Encoding = Encoding.UTF_8
) -> Iterator[RawRecord | RowProblem]:
    """Reads a file of JSON lines; empty lines are skipped, a bad line does not end it.

    Args:
        path: The file.
        mandatory: Keys that every line must have, if only with null: one that is misspelt would
            read as "not given", and a WITHDRAW without its identifier means the whole record.
        encoding: How its text is written.

    Raises:
        RowsRefusedError: One JSON array instead of lines, or a key that no line has.
        OSError: The file cannot be read.
    """
    verify_is_text(path)
    verify_encoding(path, encoding)
    needed, unseen = frozenset(mandatory), set(mandatory)
    with path.open("rb") as file:
        if file.read(1) == b"[":
            raise RowsRefusedError.at(1, "", "a JSON array; write one object a line")
        file.seek(0)
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            read = _read_line(number, line, encoding)
            if isinstance(read, RawRecord):
                unseen.difference_update(read.cells)
                lacking = needed.difference(read.cells)
                if lacking:
                    read = RowProblem(number, min(lacking), "the line lacks this key")
            yield read
    if unseen:
        raise RowsRefusedError.at(1, min(unseen), "no line has this key")


def _read_line(number: int, line: bytes, encoding: Encoding) -> RawRecord | RowProblem:
    try:
        text = line.decode(encoding.codec)
    except UnicodeDecodeError:
        return RowProblem(number, "", f"not {encoding.name_shown}")
    try:
        cells = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return RowProblem(number, "", "not well-formed JSON, or a key twice")
    if not isinstance(cells, dict):
        return RowProblem(number, "", "needs one JSON object a line")
    return RawRecord(number, cells)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    cells = dict(pairs)
    if len(cells) != len(pairs):
        raise ValueError
    return cells


def _refuse_constant(_name: str) -> object:
    raise ValueError
