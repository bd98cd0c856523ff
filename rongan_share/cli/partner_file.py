"""A file of partners: what its rows say, checked before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partner_sdk.sources.csv_file import Record, read_records
from partner_sdk.sources.rows import RowProblem
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.wire.caller_id import CALLER_ID
from rongan_share.wire.institutions import verify_credit_code, verify_region
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import Context, unify
from rongan_share.wire.organisations import credit_code

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from partner_sdk.sources.texts import Encoding

COLUMNS = (
    "partner",
    "kind",
    "name",
    "english_name",
    "credit_code",
    "region",
    "contact",
    "agreement",
)
"""Columns that a file may have; all but the first three may be missing, or empty."""

MANDATORY = frozenset(COLUMNS[:3])
"""Columns that a file must have."""

REQUEST_FIELDS = {
    "partner": "partner_id",
    "kind": "kind",
    "name": "display_name",
    "english_name": "english_name",
    "credit_code": "credit_code",
    "region": "region",
    "contact": "contact",
}
"""Fields of `CreatePartnerRequest`, and of `Partner`, by column."""

_KINDS = {
    "bank": pb.PARTNER_KIND_BANK,
    "银行": pb.PARTNER_KIND_BANK,
    "enterprise": pb.PARTNER_KIND_ENTERPRISE,
    "企业": pb.PARTNER_KIND_ENTERPRISE,
}
_TEXT_CHARACTERS = 200
_TWICE = "stands in line {line} already"


@dataclass(frozen=True, slots=True)
class PartnerRow:
    """One institution of a file.

    Attributes:
        line: Line where it begins, from 1.
        request: What registers it.
        template: Name of its agreement's template; empty = none.
    """

    line: int
    request: pb.CreatePartnerRequest
    template: str

    @property
    def partner_id(self) -> str:
        """Its id."""
        return self.request.partner_id


@dataclass(slots=True)
class PartnerFile:
    """What a file says.

    Attributes:
        rows: Its rows that are well formed, in order.
        problems: What is wrong with the others, and with rows beside others.
        templates: Template and line of each row that names one, of the others too.
    """

    rows: list[PartnerRow] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    templates: list[tuple[str, int]] = field(default_factory=list)


def read_partners(path: Path, encoding: Encoding) -> PartnerFile:
    """Reads a file of partners; one bad row does not hide another.

    Raises:
        RowsRefusedError: It is no CSV file of such columns.
        OSError: It cannot be read.
    """
    read = PartnerFile()
    first: dict[tuple[str, str], int] = {}
    records = read_records(
        path, known=COLUMNS, mandatory=MANDATORY, encoding=encoding, lenient=True
    )
    for record in records:
        if record.problem:
            read.problems.append(RowProblem(record.line, "", record.problem))
            continue
        values, problems = _parse(record)
        problems += _twice(record.line, values, first)
        read.problems += problems
        template = str(values.pop("agreement", ""))
        if template:
            read.templates.append((template, record.line))
        if not problems:
            named: dict[str, object] = {REQUEST_FIELDS[name]: each for name, each in values.items()}
            request = pb.CreatePartnerRequest(**named)  # type: ignore[arg-type]  # by column
            read.rows.append(PartnerRow(record.line, request, template))
    return read


def _parse(record: Record) -> tuple[dict[str, str | int], list[RowProblem]]:
    values: dict[str, str | int] = {}
    problems: list[RowProblem] = []
    for column, cell in record.cells.items():
        if not cell and column not in MANDATORY:
            continue
        try:
            values[column] = _PARSERS[column](cell, column)
        except MalformedError as error:
            problems.append(RowProblem(record.line, column, error.rule))
    return values, problems


def _twice(
    line: int, values: dict[str, str | int], first: dict[tuple[str, str], int]
) -> list[RowProblem]:
    """Finds what may stand once in a file and stood in an earlier row."""
    problems = []
    for column in ("partner", "credit_code"):
        if column in values:
            before = first.setdefault((column, str(values[column])), line)
            if before != line:
                problems.append(RowProblem(line, column, _TWICE.format(line=before)))
    return problems


def _name(cell: str, column: str) -> str:
    folded = unify(cell, column)
    if not CALLER_ID.fullmatch(folded):
        raise MalformedError(column, "1 to 64 of a-z, 0-9 and hyphen, no hyphen at either end")
    return folded


def _kind(cell: str, column: str) -> int:
    kind = _KINDS.get(unify(cell, column).lower())
    if kind is None:
        raise MalformedError(column, "bank or enterprise (银行 or 企业)")
    return kind


def _text(cell: str, column: str) -> str:
    # Kept as written: a name is for people, and its brackets may be meant to be wide.
    if not 1 <= len(cell) <= _TEXT_CHARACTERS or not cell.isprintable():
        raise MalformedError(column, f"1 to {_TEXT_CHARACTERS} printable characters")
    return cell


def _code(cell: str, column: str) -> str:
    code = credit_code(cell, Context(column)).value
    verify_credit_code(code, column)
    return code


def _region(cell: str, column: str) -> str:
    region = unify(cell, column)
    verify_region(region, column)
    return region


_PARSERS: dict[str, Callable[[str, str], str | int]] = {
    "partner": _name,
    "kind": _kind,
    "name": _text,
    "english_name": _text,
    "credit_code": _code,
    "region": _region,
    "contact": _text,
    "agreement": _name,
}
