"""Rows of a batch file, gathered into the subjects that they describe."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING

from partner_sdk.clock import shanghai_today
from partner_sdk.sources.hints import better_rule
from partner_sdk.sources.rows import parse_type
from rongan_share.wire.frames import MAX_SUBJECT_TOKENS
from rongan_share.wire.identifiers import Canonical, aliases_of, parse_identifier
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.sources import reference_from_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from partner_sdk.sources.csv_file import Record

SUBJECT_COLUMN = "subject"
"""Rows that follow each other with one text here describe one subject."""

_TOO_MANY = f"subject: 1 to {MAX_SUBJECT_TOKENS} identifiers with their aliases"


@dataclass(frozen=True, slots=True)
class AskedRow:
    """One row of the file.

    Attributes:
        number: From 1, the header left out.
        line: Line of the file where it begins, from 1.
        type_name: The type as written, if it is one.
        canonicals: The identifier and its aliases; empty if it is malformed.
        business_ref: 16 bytes, or empty.
        business_ref_text: The same as written.
        problem: Which rule it breaks; empty if none.
    """

    number: int
    line: int
    type_name: str
    canonicals: tuple[Canonical, ...] = field(default=(), repr=False)
    business_ref: bytes = field(default=b"", repr=False)
    business_ref_text: str = field(default="", repr=False)
    problem: str = ""

    @property
    def doubt(self) -> str:
        """What is doubtful about the identifier: NOT_LISTED may then be said of another one."""
        remarks = self.canonicals[0].remarks if self.canonicals else ()
        return f"SUSPECT: {', '.join(remarks)}" if remarks else ""


@dataclass(frozen=True, slots=True)
class AskedSubject:
    """Rows that are asked about together.

    Attributes:
        rows: In the order of the file; the malformed ones are not asked about.
        canonicals: What is asked about, 0 to 16 forms, each once: a form asked twice would look
            like two identifiers that meet in one record.
        label: What the file calls it; empty = the row stands for itself.
    """

    rows: tuple[AskedRow, ...]
    canonicals: tuple[Canonical, ...] = field(repr=False)
    label: str = field(default="", repr=False)

    def places_of(self, row: AskedRow) -> list[int]:
        """Says at which places of `canonicals` the forms of a row stand."""
        places = {canonical.text: place for place, canonical in enumerate(self.canonicals)}
        return [places[canonical.text] for canonical in row.canonicals]

    @property
    def business_ref(self) -> bytes:
        """The first that a row names; a subject can have only one."""
        return next((row.business_ref for row in self.rows if row.business_ref), b"")

    @property
    def whole(self) -> bool:
        """Whether every row of it is asked about."""
        return not any(row.problem for row in self.rows)


def subjects_of(records: Iterable[Record], *, today: date | None = None) -> Iterator[AskedSubject]:
    """Gathers rows that follow each other with the same label; an empty label gathers nothing."""
    today = today or shanghai_today()
    numbered = enumerate(records, start=1)
    for label, group in groupby(numbered, key=lambda pair: pair[1].cells.get(SUBJECT_COLUMN, "")):
        rows = (_read_row(number, record, today) for number, record in group)
        if label:
            yield _limited(tuple(rows), label)
        else:
            yield from (AskedSubject((row,), row.canonicals) for row in rows)


def _limited(rows: tuple[AskedRow, ...], label: str) -> AskedSubject:
    """Makes a subject, of which nothing is asked if it is too large: a part would mislead."""
    forms = {canonical.text: canonical for row in rows for canonical in row.canonicals}
    if len(forms) <= MAX_SUBJECT_TOKENS:
        return AskedSubject(rows, tuple(forms.values()), label)
    refused = tuple(
        row if row.problem else replace(row, canonicals=(), business_ref=b"", problem=_TOO_MANY)
        for row in rows
    )
    return AskedSubject(refused, (), label)


def _read_row(number: int, record: Record, today: date) -> AskedRow:
    type_name, reference = "", record.cells.get("business_ref", "")
    if record.problem:
        return AskedRow(number, record.line, type_name, problem=record.problem)
    try:
        identifier_type = parse_type(record.cells["type"])
        type_name = identifier_type.name
        canonical = parse_identifier(identifier_type, record.cells["value"], today=today)
        return AskedRow(
            number,
            record.line,
            type_name,
            canonicals=(canonical, *aliases_of(canonical)),
            business_ref=reference_from_text(reference) if reference else b"",
            business_ref_text=reference,
        )
    except MalformedError as error:
        rule = better_rule(error.rule, type_name=type_name, value=record.cells["value"])
        problem = f"{error.field}: {rule}"
    return AskedRow(number, record.line, type_name, business_ref_text=reference, problem=problem)
