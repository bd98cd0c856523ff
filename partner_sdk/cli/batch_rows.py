"""Rows of a batch file on their way into frames, and back to the answers that belong to them."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partner_sdk.columns import Frame
from partner_sdk.sources.csv_file import Record, read_records
from partner_sdk.sources.rows import parse_type
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.identifiers import Canonical, aliases_of, parse_identifier
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.sources import reference_from_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rongan_share.wire.tokens import Tokenizer

_KNOWN = ("type", "value", "business_ref")
_MANDATORY = ("type", "value")
_NO_REFERENCE = bytes(TOKEN_BYTES)


@dataclass(frozen=True, slots=True)
class AskedRow:
    """One row of the file.

    Attributes:
        number: From 1, the header left out.
        type_name: The type as written, if it is one.
        canonicals: The identifier and its aliases; empty if it is malformed.
        business_ref: 16 bytes, or empty.
        problem: Which rule it breaks; empty if none.
    """

    number: int
    type_name: str
    canonicals: tuple[Canonical, ...] = field(default=(), repr=False)
    business_ref: bytes = field(default=b"", repr=False)
    problem: str = ""


@dataclass(slots=True)
class Chunk:
    """Rows of one frame, with the malformed ones that stand between them.

    Attributes:
        rows: In the order of the file.
        token_count: Tokens of the rows that are not malformed.
    """

    rows: list[AskedRow] = field(default_factory=list)
    token_count: int = 0

    def add(self, row: AskedRow) -> None:
        """Adds a row."""
        self.rows.append(row)
        self.token_count += len(row.canonicals)

    def to_frame(self, tokenizer: Tokenizer) -> Frame:
        """Makes the frame; every row is a subject, known by its identifier and aliases."""
        asked = [row for row in self.rows if row.canonicals]
        canonicals = [canonical for row in asked for canonical in row.canonicals]
        references = b"".join(row.business_ref or _NO_REFERENCE for row in asked)
        return Frame(
            tokens=tokenizer.tokens(canonical.text for canonical in canonicals),
            types=bytes(canonical.type for canonical in canonicals),
            business_refs=references if references.strip(b"\0") else b"",
            subject_end=_ends(asked) if len(canonicals) > len(asked) else (),
        )


class AskedRows:
    """Reads a file into frames and keeps the rows that wait for their answer."""

    def __init__(self, file: Path, tokenizer: Tokenizer, *, most_tokens: int) -> None:
        self._file = file
        self._tokenizer = tokenizer
        self._most_tokens = most_tokens
        self._waiting: deque[Chunk] = deque()
        self._rest = Chunk()

    def frames(self) -> Iterator[Frame]:
        """Yields frames of at most so many tokens."""
        chunk = Chunk()
        for row in self._rows():
            if chunk.token_count and chunk.token_count + len(row.canonicals) > self._most_tokens:
                self._waiting.append(chunk)
                yield chunk.to_frame(self._tokenizer)
                chunk = Chunk()
            chunk.add(row)
        if chunk.token_count:
            self._waiting.append(chunk)
            yield chunk.to_frame(self._tokenizer)
        else:
            self._rest = chunk

    def take(self) -> Chunk:
        """Takes the rows of the oldest frame that waits for its answer."""
        return self._waiting.popleft()

    def rest(self) -> Chunk:
        """Gives the rows at the end of the file of which none could be asked about."""
        return self._rest

    def _rows(self) -> Iterator[AskedRow]:
        records = read_records(self._file, known=_KNOWN, mandatory=_MANDATORY)
        for number, record in enumerate(records, start=1):
            yield _read_row(number, record)


def _read_row(number: int, record: Record) -> AskedRow:
    type_name = ""
    try:
        identifier_type = parse_type(record.cells["type"])
        type_name = identifier_type.name
        canonical = parse_identifier(identifier_type, record.cells["value"])
        reference = record.cells.get("business_ref", "")
        return AskedRow(
            number,
            type_name,
            canonicals=(canonical, *aliases_of(canonical)),
            business_ref=reference_from_text(reference) if reference else b"",
        )
    except MalformedError as error:
        return AskedRow(number, type_name, problem=f"{error.field}: {error.rule}")


def _ends(rows: list[AskedRow]) -> tuple[int, ...]:
    ends = array("I")
    end = 0
    for row in rows:
        end += len(row.canonicals)
        ends.append(end)
    return tuple(ends)
