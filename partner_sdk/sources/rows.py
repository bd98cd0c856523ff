"""One row of a contribution: as text, the way people write it, and as the numbers of the wire.

Errors name line, column and rule. They never hold the value, which is personal data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from partner_sdk.clock import shanghai_today
from partner_sdk.sources.references import parse_reference
from rongan_share.wire.days import day_of_date
from rongan_share.wire.identifiers import Canonical, Grade, aliases_of, parse_identifier
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.sources import original_source
from rongan_share.wire.vocabulary import (
    Evidence,
    IdentifierType,
    LegalBasis,
    RowFlag,
    RowOperation,
    SourceClass,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import IntEnum

    from rongan_share.wire.taxonomy import Category, Taxonomy

    EnumT = TypeVar("EnumT", bound=IntEnum)

COLUMNS = (
    "op",
    "reference",
    "type",
    "value",
    "category",
    "severity",
    "evidence",
    "source_class",
    "original_source",
    "legal_basis",
    "event_date",
    "expiry_date",
    "flags",
)
"""Columns of a row in text form, in the order of a CSV file."""

_OPERATIONS = ("ADD", "AMEND", "WITHDRAW")
_SEVERITIES = ("1", "2", "3", "4")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Row:
    """One row as text; an empty text means "not given".

    Attributes:
        line: Line of the file it stands in, from 1.
        op: ADD, AMEND or WITHDRAW; empty = ADD.
        reference: The contributor's own record of the subject, any text.
        type: Name of an identifier type.
        value: The identifier; parts of a composite joined by ``|``. Never shown.
        category: Code of a category.
        severity: 1 to 4; empty = the category's default.
        evidence: Name of a standard of proof.
        source_class: Name of a source class.
        original_source: ``ISSUER|DOCUMENT``; empty = the contributor itself.
        legal_basis: Name of a legal basis.
        event_date: ``YYYY-MM-DD``; empty = unknown.
        expiry_date: ``YYYY-MM-DD``, the last day it holds; empty = no end.
        flags: Names of row flags joined by ``+``.
    """

    line: int
    op: str = ""
    reference: str = ""
    type: str = ""
    value: str = field(default="", repr=False)
    category: str = ""
    severity: str = ""
    evidence: str = ""
    source_class: str = ""
    original_source: str = ""
    legal_basis: str = ""
    event_date: str = ""
    expiry_date: str = ""
    flags: str = ""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row was refused, without its value.

    Attributes:
        line: Line of the file, from 1; 0 = it is about the file as a whole.
        column: Column that breaks the rule.
        rule: The rule, a fixed text.
    """

    line: int
    column: str
    rule: str


class RowsRefusedError(ValueError):
    """Rows break rules; nothing was sent.

    Attributes:
        problems: The first problems, in the order of the file.
        total: How many there are in all.
        unit: What is numbered in the file: `line`, or `row` where it has no lines.
        undone: What was not done therefore: `sent`, `imported` or `done`.
    """

    def __init__(self, problems: tuple[RowProblem, ...], total: int, *, unit: str = "line") -> None:
        super().__init__(f"problems of rows: {total}")
        self.problems = problems
        self.total = total
        self.unit = unit
        self.undone = "sent"

    @property
    def row_total(self) -> int | None:
        """How many rows have problems; None if that is not known."""
        if self.total > len(self.problems):
            return None
        return len({problem.line for problem in self.problems} - {0})

    @classmethod
    def at(cls, line: int, column: str, rule: str) -> RowsRefusedError:
        """Refuses a file for one problem, without which the rest cannot be read."""
        return cls((RowProblem(line, column, rule),), 1)


@dataclass(frozen=True, slots=True)
class ParsedRow:
    """One row as the numbers of the wire, its identifier in canonical form.

    Attributes:
        line: Line of the file it stands in.
        operation: What the row does.
        reference: 16 bytes.
        canonical: The identifier, or None: every live listing of reference and category.
        category: Bit number of the category.
        severity: 1 to 4; 0 on WITHDRAW.
        evidence: Number; 0 on WITHDRAW.
        source_class: Number; 0 on WITHDRAW.
        original_source: The mark of the document; 0 = the contributor itself.
        legal_basis: Number; 0 on WITHDRAW.
        event_day: Day number; 0 = unknown.
        expiry_day: Day number; 0 = no end.
        flags: Row flags.
        aliases: Further forms of the identifier of which the category may be said.
    """

    line: int
    operation: RowOperation
    reference: bytes
    canonical: Canonical | None
    category: int
    severity: int
    evidence: int
    source_class: int
    original_source: int
    legal_basis: int
    event_day: int
    expiry_day: int
    flags: RowFlag
    aliases: tuple[Canonical, ...] = ()


def parse_row(row: Row, taxonomy: Taxonomy | None, *, today: date | None = None) -> ParsedRow:
    """Turns a row of text into numbers.

    Args:
        row: The row.
        taxonomy: The hub's; None = the category is not looked up, to check a file without a hub.
        today: Day against which births are future; None = today in Asia/Shanghai.

    Raises:
        MalformedError: A column breaks a rule; its ``field`` is the column.
    """
    today = today or shanghai_today()
    operation = RowOperation[_one_of(row.op or "ADD", "op", _OPERATIONS)]
    gives = operation is not RowOperation.WITHDRAW
    category = _parse_category(row.category, taxonomy)
    canonical = _parse_value(row, operation, today)
    return ParsedRow(
        line=row.line,
        operation=operation,
        reference=parse_reference(row.reference, today=today),
        canonical=canonical,
        category=category.bit if category else 0,
        severity=_parse_severity(row.severity, category) if gives else 0,
        evidence=_member(Evidence, row.evidence, "evidence") if gives else 0,
        source_class=_member(SourceClass, row.source_class, "source_class") if gives else 0,
        original_source=_parse_source(row.original_source) if gives else 0,
        legal_basis=_member(LegalBasis, row.legal_basis, "legal_basis") if gives else 0,
        event_day=_parse_day(row.event_date, "event_date") if gives else 0,
        expiry_day=_parse_day(row.expiry_date, "expiry_date") if gives else 0,
        flags=_parse_flags(row.flags, canonical) if gives else RowFlag(0),
        aliases=_aliases_within(category, canonical) if canonical else (),
    )


def parse_type(name: str) -> IdentifierType:
    """Names an identifier type.

    Raises:
        MalformedError: There is no such type.
    """
    try:
        return IdentifierType[name.strip().upper()]
    except KeyError:
        raise MalformedError("type", "names no identifier type") from None


def verify_word(column: str, text: str) -> None:
    """Refuses a text that no row may have in a column, as far as it can be told without a hub.

    Raises:
        MalformedError: With the column as its field.
    """
    words = {
        "op": _OPERATIONS,
        "severity": _SEVERITIES,
        "evidence": tuple(Evidence.__members__),
        "source_class": tuple(SourceClass.__members__),
        "legal_basis": tuple(LegalBasis.__members__),
    }
    if column in words:
        _one_of(text, column, words[column])
    elif column == "type":
        parse_type(text)
    elif column == "flags":
        _parse_flags(text, None)
    elif column == "original_source":
        _parse_source(text)
    elif column in {"event_date", "expiry_date"}:
        _parse_day(text, column)


def _parse_value(row: Row, operation: RowOperation, today: date) -> Canonical | None:
    if not row.type and not row.value:
        if operation is RowOperation.ADD:
            raise MalformedError("value", "mandatory on ADD")
        return None
    identifier_type = parse_type(row.type)
    return _in_column("value", lambda: parse_identifier(identifier_type, row.value, today=today))


def _parse_category(code: str, taxonomy: Taxonomy | None) -> Category | None:
    if not code:
        raise MalformedError("category", "mandatory")
    if taxonomy is None:
        return None
    category = taxonomy.find_code(code)
    if category is None:
        raise MalformedError("category", "not in the hub's taxonomy")
    return category


def _parse_severity(text: str, category: Category | None) -> int:
    if not text:
        return category.default_severity if category else 0
    return int(_one_of(text, "severity", _SEVERITIES))


def _parse_source(text: str) -> int:
    if not text:
        return 0
    issuer, bar, document = text.partition("|")
    if not bar:
        raise MalformedError("original_source", "needs ISSUER|DOCUMENT")
    return _in_column("original_source", lambda: original_source(issuer, document))


def _parse_day(text: str, column: str) -> int:
    # Many rows share few dates.
    return _day_of_text(text, column) if text else 0


@lru_cache(maxsize=1024)
def _day_of_text(text: str, column: str) -> int:
    # Python reads other forms of ISO 8601 too, such as weeks.
    try:
        if _DATE.fullmatch(text):
            return day_of_date(date.fromisoformat(text))
    except (ValueError, MalformedError):
        pass
    raise MalformedError(column, "needs YYYY-MM-DD between 1970 and 2149")


def _parse_flags(text: str, canonical: Canonical | None) -> RowFlag:
    flags = RowFlag(0)
    for name in filter(None, text.split("+")):
        flags |= RowFlag[_one_of(name.strip(), "flags", tuple(RowFlag.__members__))]
    if canonical is None:
        return flags
    if canonical.grade is Grade.SUSPECT:
        flags |= RowFlag.SUSPECT
    return flags | RowFlag.WEAK if canonical.weak else flags


def _aliases_within(category: Category | None, canonical: Canonical) -> tuple[Canonical, ...]:
    # The hub refuses a row of a type that its category is not said of, and the frame with it. What
    # the row itself asks for is its contributor's to know.
    fitting = {canonical.type, *(category.subject_types if category else IdentifierType)}
    return tuple(alias for alias in aliases_of(canonical) if alias.type in fitting)


def _member(vocabulary: type[EnumT], name: str, column: str) -> int:
    return vocabulary[_one_of(name, column, tuple(vocabulary.__members__))].value


def _one_of(name: str, column: str, names: tuple[str, ...]) -> str:
    if name not in names:
        raise MalformedError(column, f"one of {' '.join(names)}")
    return name


_ValueT = TypeVar("_ValueT")


def _in_column(column: str, parse: Callable[[], _ValueT]) -> _ValueT:
    try:
        return parse()
    except MalformedError as error:
        raise MalformedError(column, f"{error.field}: {error.rule}", error.position) from None
