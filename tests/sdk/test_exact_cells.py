"""Identifiers and references keep every digit in every format, or are refused."""

from __future__ import annotations

import importlib
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from partner_sdk.sources.cells import RawRecord, cell_text, exact_text
from partner_sdk.sources.csv_file import Record
from partner_sdk.sources.formats import Format, SourceFile
from partner_sdk.sources.mapping import ColumnMapping, IdentifierColumns
from partner_sdk.sources.rows import RowProblem
from rongan_share.wire.malformed import MalformedError
from tests.sdk.test_formats import CELLS, parse, problems

ARROW: Any = importlib.import_module("pyarrow")
PARQUET: Any = importlib.import_module("pyarrow.parquet")

TYPES = "a column of identifiers or references must be of texts or whole numbers"
CELL = "needs a text or a whole number without sign, no floating point; store it as text"
WIDE = ColumnMapping(
    columns={"reference": ("no",), "category": ("category",)},
    constants={"op": "WITHDRAW"},
    identifiers=(IdentifierColumns("MSISDN", ("phone",)),),
)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        ("\t 0012 \u3000", "0012"),
        (0, "0"),
        (13800138000, "13800138000"),
        (Decimal(10**37), str(10**37)),
    ],
)
def test_whole_numbers_and_texts_are_exact(cell: object, text: str) -> None:
    """Texts and whole numbers are identifiers with their digits as they are."""
    assert exact_text(cell, "value") == text


@pytest.mark.parametrize(
    "cell",
    [
        13800138000.0,
        6.222e15,
        float("nan"),
        -13800138000,
        True,
        Decimal("13800138000.0"),
        Decimal("1E+11"),
        Decimal(-1),
        Decimal("NaN"),
        Decimal("Infinity"),
        date(2026, 1, 5),
        datetime(2026, 1, 5),  # noqa: DTZ001  as pandas gives it
        b"13800138000",
        [13800138000],
    ],
)
def test_what_may_have_lost_something_is_no_identifier(cell: object) -> None:
    """Floating point, signs, truth values, dates and decimals with places are refused."""
    with pytest.raises(MalformedError, match="store it as text"):
        exact_text(cell, "value")


@pytest.mark.parametrize(
    "number", [Decimal(10**37), Decimal(10**75), Decimal("1.50"), Decimal("Infinity")]
)
def test_wide_decimals_do_not_crash(number: Decimal) -> None:
    """A decimal of any width is a text or a refusal, never a fault."""
    if number == number.to_integral_value() and number.is_finite():
        assert cell_text(number, "severity") == str(number)
    else:
        with pytest.raises(MalformedError):
            cell_text(number, "severity")


@pytest.mark.parametrize(
    "number", ["6.222e15", "6222020402000001.04", "-13800138000", "13800138000.0", "true"]
)
@pytest.mark.parametrize("column", ["value", "reference"])
def test_json_numbers(tmp_path: Path, column: str, number: str) -> None:
    """A number of JSON that is not written as digits alone is a row error of its column."""
    path = tmp_path / "x.jsonl"
    cells = json.dumps(CELLS | {"type": "ACCT", column: "@"}).replace('"@"', number)
    path.write_text(cells + "\n", encoding="utf-8")
    assert problems(path) == [(1, column, CELL)]


def test_json_digits_are_the_identifier(tmp_path: Path) -> None:
    """A number written as digits is the identifier with these digits."""
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(CELLS | {"type": "MSISDN", "value": 13800138000}) + "\n")
    (row,) = parse(path)
    assert row.canonical is not None
    assert row.canonical.text == "rs1|MSISDN|+8613800138000"


def arrow_columns() -> dict[str, Any]:
    """Gives columns of types that keep no identifier."""
    return {
        "float16": ARROW.array([1380.0], ARROW.float32()).cast(ARROW.float16()),
        "float32": ARROW.array([13800138000.0], ARROW.float32()),
        "float64": ARROW.array([13800138000.0], ARROW.float64()),
        "all null": ARROW.array([None], ARROW.float32()),
        "bool": ARROW.array([True]),
        "date": ARROW.array([date(2026, 1, 5)]),
        "instant": ARROW.array([0], ARROW.timestamp("ms")),
        "places": ARROW.array([Decimal("13800138000.04")], ARROW.decimal128(38, 2)),
        "bytes": ARROW.array([b"13800138000"]),
        "floats in a dictionary": ARROW.array([13800138000.0]).dictionary_encode(),
    }


@pytest.mark.parametrize("name", list(arrow_columns()))
@pytest.mark.parametrize("column", ["value", "reference"])
def test_parquet_is_judged_by_type(tmp_path: Path, column: str, name: str) -> None:
    """A column of a type that loses digits is refused by name, whatever its cells hold."""
    path = tmp_path / "x.parquet"
    columns = {key: ARROW.array([text]) for key, text in CELLS.items()}
    PARQUET.write_table(ARROW.table(columns | {column: arrow_columns()[name]}), path)
    assert problems(path) == [(1, column, TYPES)]
    mapping = ColumnMapping(columns={key: (key,) for key in CELLS})
    assert problems(path, mapping) == [(1, column, TYPES)]


@pytest.mark.parametrize(
    "kind",
    [ARROW.int64(), ARROW.uint64(), ARROW.decimal128(38, 0), ARROW.decimal256(76, 0)],
)
def test_whole_numbers_of_parquet(tmp_path: Path, kind: Any) -> None:  # noqa: ANN401
    """Whole numbers of any width are identifiers; a negative one is a row error."""
    path = tmp_path / "x.parquet"
    columns = {key: ARROW.array([text] * 2) for key, text in CELLS.items()}
    kinds = {"type": ARROW.array(["MSISDN"] * 2)}
    values = {"value": ARROW.array([13800138000, 13900139000]).cast(kind)}
    PARQUET.write_table(ARROW.table(columns | kinds | values), path)
    assert [row.canonical.text[-4:] for row in parse(path) if row.canonical] == ["8000", "9000"]
    if kind != ARROW.uint64():
        values = {"value": ARROW.array([13800138000, -13800138000]).cast(kind)}
        PARQUET.write_table(ARROW.table(columns | kinds | values), path)
        assert problems(path) == [(2, "value", CELL)]


def test_narrow_floats_are_no_dates(tmp_path: Path) -> None:
    """A date as a number in single precision would be another day, so the column is refused."""
    path = tmp_path / "x.parquet"
    columns = {key: ARROW.array([text]) for key, text in CELLS.items()}
    floats = {"event_date": ARROW.array([20260105.0], ARROW.float32())}
    PARQUET.write_table(ARROW.table(columns | floats), path)
    ((_, column, rule),) = problems(path)
    assert (column, "floating point" in rule) == ("event_date", True)
    # A guess looks at every column, and needs none to be exact.
    assert list(SourceFile(path, Format.PARQUET).records(mandatory=()))


@pytest.mark.parametrize(
    "line", [{}, {"phonee": "13800138000"}, {"phone": None}, {"phone": ""}, {"phone": "\u3000"}]
)
def test_withdraw_is_never_widened_by_a_mistake(tmp_path: Path, line: dict[str, object]) -> None:
    """Under a mapping a line without its identifier, or without its key, is a row error."""
    path = tmp_path / "x.jsonl"
    good = {"no": "c 1", "category": "E4", "phone": "13800138000"}
    bad = {"no": "c 1", "category": "E4", **line}
    path.write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n", encoding="utf-8")
    ((number, column, rule),) = problems(path, WIDE)
    if "phone" in line:
        assert (number, column, rule.split(";")[0]) == (2, "value", "no identifier")
    else:
        assert (number, column, rule) == (2, "phone", "the line lacks this key")


def test_own_keys_must_stand_on_every_line(tmp_path: Path) -> None:
    """With our own names a whole record is withdrawn by null, not by leaving the keys out."""
    path = tmp_path / "x.jsonl"
    line: dict[str, object] = {"op": "WITHDRAW", "reference": "c 1", "category": "E4"}
    nulls = {"type": None, "value": None}
    path.write_text(json.dumps(line | nulls) + "\n", encoding="utf-8")
    (row,) = parse(path)
    assert row.canonical is None
    path.write_text(f"{json.dumps(line | nulls)}\n{json.dumps(line)}\n", encoding="utf-8")
    assert problems(path) == [(2, "type", "the line lacks this key")]


def test_mapping_of_one_identifier_names_no_whole_record() -> None:
    """Type and value that are both empty are a row error under a mapping."""
    mapping = ColumnMapping(columns={name: (name,) for name in ("reference", "type", "value")})
    (problem,) = mapping.rows([RawRecord(7, {"reference": "c 1", "type": "", "value": None})])
    assert isinstance(problem, RowProblem)
    assert (problem.line, problem.column) == (7, "value")


def test_record_of_csv_shows_no_value() -> None:
    """A record that is printed by mistake does not show its cells."""
    assert "secret" not in repr(Record(1, {"value": "secret"}))
