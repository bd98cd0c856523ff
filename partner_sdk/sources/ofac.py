"""Listings from the OFAC list of Specially Designated Nationals (``sdn.csv``).

The list is a public record of the US Treasury, kept by people: identifiers stand in a free text,
several a row, with dates, brackets and typing errors. What is read here becomes rows; what is not
is named line by line, and the totals add up: nothing disappears unseen.

Read: passports, web sites, e-mail addresses, unified social credit codes, names of organisations.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partner_sdk.sources.ofac_remarks import (
    NO_IDENTIFIER,
    Found,
    Unread,
    find_identifiers,
)
from partner_sdk.sources.rows import Row, RowProblem, RowsRefusedError
from rongan_share.wire.identifiers import canonicalise
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.vocabulary import IdentifierType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CATEGORY = "E4"
"""Foreign sanctions."""

ISSUER = "OFAC-SDN"
"""Names the list in references and original sources, so that copies of it count as one source."""

_COLUMN_COUNT = 12
_END_OF_FILE = "\x1a"
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_ORGANISATION = ""
_PEOPLE_AND_THINGS = ("individual", "vessel", "aircraft")


@dataclass(frozen=True, slots=True)
class Skipped:
    """An identifier that did not become a row; its value is not repeated.

    Attributes:
        line: Line of the file, from 1.
        ent_num: The list's number of the entity.
        what: What kind of identifier it is.
        rule: Why it was skipped.
    """

    line: int
    ent_num: str
    what: str
    rule: str


@dataclass(slots=True)
class OfacReport:
    """What became of the file; complete once all rows were drawn.

    ``identifier_count`` = rows without derived ones + duplicates + skipped, and ``entity_count``
    = entities with rows + those without.

    Attributes:
        entity_count: Entities read.
        listed_entity_count: Entities with at least one row.
        identifier_count: Identifiers found in the file, names of organisations included.
        rows_by_type: Rows made, by type.
        derived_count: Rows among them that were derived: sites without their ``www.``.
        duplicate_count: Identifiers that their entity had twice.
        skipped: Identifiers that did not become a row.
        entities_without: Entities without a row, by reason.
    """

    entity_count: int = 0
    listed_entity_count: int = 0
    identifier_count: int = 0
    rows_by_type: Counter[IdentifierType] = field(default_factory=Counter)
    derived_count: int = 0
    duplicate_count: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    entities_without: Counter[str] = field(default_factory=Counter)

    @property
    def row_count(self) -> int:
        """Rows made, derived ones included."""
        return sum(self.rows_by_type.values())


@dataclass(frozen=True, slots=True)
class _Entity:
    line: int
    number: str
    name: str
    kind: str
    remarks: str


class OfacList:
    """One file of the list; `rows` reads it, `report` says what became of it."""

    def __init__(self, path: Path, *, severity: str = "") -> None:
        """Names the file.

        Args:
            path: ``sdn.csv`` as Treasury publishes it.
            severity: 1 to 4; empty = the default of the category.
        """
        self._path = path
        self._severity = severity
        self.report = OfacReport()

    def rows(self) -> Iterator[Row]:
        """Yields the rows in the order of the file; starts a new report.

        Raises:
            RowsRefusedError: The file has not the form of the list.
            OSError: The file cannot be read.
        """
        self.report = OfacReport()
        for entity in _read_entities(self._path):
            self.report.entity_count += 1
            rows = list(self._rows_of(entity))
            if rows:
                self.report.listed_entity_count += 1
            yield from rows

    def _rows_of(self, entity: _Entity) -> Iterator[Row]:
        seen: set[str] = set()
        skipped_before = len(self.report.skipped)
        for found in _identifiers_of(entity):
            self.report.identifier_count += not (isinstance(found, Found) and found.derived)
            if isinstance(found, Unread):
                self._skip(entity, found.what, found.rule)
                continue
            row = self._row(entity, found, seen)
            if row is not None:
                yield row
        if not seen:
            met = len(self.report.skipped) > skipped_before
            kind = entity.kind or "organisation"
            reason = "every identifier skipped" if met else NO_IDENTIFIER
            self.report.entities_without[f"{kind}: {reason}"] += 1

    def _row(self, entity: _Entity, found: Found, seen: set[str]) -> Row | None:
        try:
            canonical = canonicalise(found.type, *found.parts)
        except MalformedError as error:
            # A derived form stands beside the one that it comes from, which has been reported.
            if not found.derived:
                self._skip(entity, found.type.name, error.rule)
            return None
        if canonical.text in seen:
            self.report.duplicate_count += not found.derived
            return None
        seen.add(canonical.text)
        self.report.rows_by_type[found.type] += 1
        self.report.derived_count += found.derived
        return Row(
            line=entity.line,
            op="ADD",
            reference=f"{ISSUER}|{entity.number}",
            type=found.type.name,
            value="|".join(found.parts),
            category=CATEGORY,
            severity=self._severity,
            evidence="AUTHORITY_DETERMINED",
            source_class="INTL_LIST",
            original_source=f"{ISSUER}|{entity.number}",
            legal_basis="PUBLIC_RECORD",
            flags="ALIAS" if found.derived else "",
        )

    def _skip(self, entity: _Entity, what: str, rule: str) -> None:
        self.report.skipped.append(Skipped(entity.line, entity.number, what, rule))


def _identifiers_of(entity: _Entity) -> Iterator[Found | Unread]:
    if entity.kind == _ORGANISATION:
        yield Found(IdentifierType.ORG_NAME, (entity.name,))
    yield from find_identifiers(entity.remarks)


def _read_entities(path: Path) -> Iterator[_Entity]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        try:
            for cells in reader:
                if cells == [_END_OF_FILE]:
                    return
                yield _entity(reader.line_num, [_cell(cell) for cell in cells])
        except UnicodeDecodeError:
            raise _refused(reader.line_num + 1, "not UTF-8") from None
        except csv.Error:
            raise _refused(reader.line_num, "not well-formed CSV") from None


def _entity(line: int, cells: list[str]) -> _Entity:
    if len(cells) != _COLUMN_COUNT:
        raise _refused(line, f"needs {_COLUMN_COUNT} cells; is this sdn.csv?")
    if not _NUMBER.fullmatch(cells[0]):
        raise _refused(line, "needs a number first; is this sdn.csv?")
    if cells[2] not in (_ORGANISATION, *_PEOPLE_AND_THINGS):
        raise _refused(line, "a kind of entity that is not known")
    return _Entity(line, cells[0], cells[1], cells[2], cells[11])


def _cell(text: str) -> str:
    cell = text.strip()
    return "" if cell == "-0-" else cell


def _refused(line: int, rule: str) -> RowsRefusedError:
    return RowsRefusedError((RowProblem(line, "", rule),), 1)
