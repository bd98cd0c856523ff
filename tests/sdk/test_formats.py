"""CSV, TSV, JSON lines and Parquet: the same rows from each, and refusals that name no value."""

from __future__ import annotations

import importlib
import json
import math
from dataclasses import replace
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from partner_sdk.sources.cells import RawRecord, cell_text, day_text
from partner_sdk.sources.csv_file import SHOWN_PROBLEMS, parse_rows
from partner_sdk.sources.formats import Format, SourceFile
from partner_sdk.sources.json_lines import read_json_lines
from partner_sdk.sources.listings_file import ListingsFile
from partner_sdk.sources.mapping import ColumnMapping
from partner_sdk.sources.parquet_file import ParquetUnavailableError, read_parquet
from partner_sdk.sources.rows import COLUMNS, ParsedRow, RowProblem, RowsRefusedError
from partner_sdk.sources.texts import Encoding, guess_encoding, parse_encoding
from rongan_share.wire.malformed import MalformedError
from tests.sdk.test_contributions import GOOD, HEADER

ARROW: Any = importlib.import_module("pyarrow")
PARQUET: Any = importlib.import_module("pyarrow.parquet")

CELLS = dict(zip(HEADER.split(","), GOOD.split(","), strict=True))


def write_source(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Writes rows in the format that the name of the file ends with."""
    if path.suffix == ".parquet":
        PARQUET.write_table(ARROW.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        sign = "\t" if path.suffix == ".tsv" else ","
        lines = [sign.join(row) for row in (list(rows[0]), *(list(r.values()) for r in rows))]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def parse(path: Path, mapping: ColumnMapping | None = None) -> list[ParsedRow]:
    """Parses a file of listings without a hub."""
    return list(parse_rows(ListingsFile.of(path, mapping=mapping).rows(), None))


def problems(path: Path, mapping: ColumnMapping | None = None) -> list[tuple[int, str, str]]:
    """Parses a file that is refused and gives the problems."""
    with pytest.raises(RowsRefusedError) as caught:
        parse(path, mapping)
    return [(each.line, each.column, each.rule) for each in caught.value.problems]


@pytest.mark.parametrize("suffix", ["tsv", "jsonl", "parquet"])
def test_same_rows_in_every_format(tmp_path: Path, suffix: str) -> None:
    """A file with our columns gives the rows of its CSV, whatever its format."""
    rows = [CELLS, CELLS | {"reference": "case 2", "value": "110105194912310 02x"}]
    expected = parse(write_source(tmp_path / "listings.csv", rows))
    read = parse(write_source(tmp_path / f"listings.{suffix}", rows))
    assert [row.canonical for row in read] == [row.canonical for row in expected]
    assert [row.expiry_day for row in read] == [row.expiry_day for row in expected]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_misspelt_column_is_refused(tmp_path: Path, suffix: str) -> None:
    """Without a mapping a column of another name is refused and its name not repeated."""
    path = write_source(tmp_path / f"listings.{suffix}", [CELLS | {"11010519491231002X": "x"}])
    ((_, column, rule),) = problems(path)
    assert column == ""
    assert "may" in rule
    assert "11010519491231002X" not in rule


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_bad_rows_are_capped_and_counted(tmp_path: Path, suffix: str) -> None:
    """Twenty problems are named by line, column and rule, the rest counted; no value is shown."""
    bad = CELLS | {"value": "11010519491231002A"}
    path = write_source(tmp_path / f"listings.{suffix}", [CELLS, *[bad] * 30])
    with pytest.raises(RowsRefusedError) as caught:
        parse(path)
    assert caught.value.total == 30
    assert len(caught.value.problems) == SHOWN_PROBLEMS
    first = caught.value.problems[0]
    assert (first.line, first.column) == (3 if suffix in {"csv", "tsv"} else 2, "value")
    assert "11010519491231002A" not in repr(caught.value.problems)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (" a ", "a"),
        (None, ""),
        (13800138000, "13800138000"),
        (13800138000.0, "13800138000"),
        (math.nan, ""),
        (Decimal(3), "3"),
        (True, "true"),
        (date(2026, 1, 5), "2026-01-05"),
        (datetime(2026, 1, 5, 1, 2, 3), "2026-01-05 01:02:03"),  # noqa: DTZ001  as pandas gives it
    ],
)
def test_cells_become_texts(cell: object, text: str) -> None:
    """A cell of any kind is what CSV would hold."""
    assert cell_text(cell, "value") == text


@pytest.mark.parametrize(
    "cell", [6222020402000000016.0, 1.5, math.inf, Decimal("1.5"), b"x", [1], {"a": 1}, "\ud800"]
)
def test_cells_that_lost_something_are_refused(cell: object) -> None:
    """A number that lost digits, and what is no single value, is refused, not guessed at."""
    with pytest.raises(MalformedError):
        cell_text(cell, "value")


def test_instant_is_a_day_of_shanghai() -> None:
    """The day of an instant with a zone is that of Shanghai."""
    assert day_text(datetime(2026, 1, 5, 16, tzinfo=timezone.utc)) == "2026-01-06"
    assert day_text(date(2026, 1, 5)) == "2026-01-05"


def test_record_shows_no_value() -> None:
    """A record that is printed by mistake does not show its cells."""
    assert "secret" not in repr(RawRecord(1, {"value": "secret"}))


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b'{"a": 1', "JSON"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": NaN}', "JSON"),
        (b"5", "object"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b"[" * 100_000, "JSON"),
    ],
)
def test_bad_json_line_does_not_end_the_file(tmp_path: Path, line: bytes, rule: str) -> None:
    """A line that is no JSON object is named, and the lines after it are still read."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": "x"}\n\n' + line + b'\n{"a": "y"}')
    first, problem, last = read_json_lines(path, mandatory=("a",))
    assert isinstance(problem, RowProblem)
    assert problem.line == 3
    assert rule in problem.rule
    assert (first.line, last.line) == (1, 4)


@pytest.mark.parametrize("content", [b"[]", b'{"a": 1}\n'])
def test_json_of_another_form_is_refused(tmp_path: Path, content: bytes) -> None:
    """An array, and a key that no line has, are refused."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(RowsRefusedError):
        list(read_json_lines(path, mandatory=("b",)))


def test_parquet_types(tmp_path: Path) -> None:
    """Numbers, dates and instants of any precision become the texts and days that they are."""
    path = tmp_path / "x.parquet"
    columns = {
        "value": ARROW.array([13800138000, None]),
        "severity": ARROW.array([3, None], ARROW.float64()),
        "event_date": ARROW.array([date(2026, 1, 5), None]),
        "expiry_date": ARROW.array([1_767_542_400_123_456_789, None], ARROW.timestamp("ns", "UTC")),
        "reference": ARROW.array(["a", "b"]).dictionary_encode(),
    }
    PARQUET.write_table(ARROW.table(columns), path)
    mapping = ColumnMapping(columns={name: (name,) for name in columns})
    records = SourceFile(path, Format.PARQUET).records(mandatory=mapping.source_columns())
    mapping = replace(mapping, whole_records=True)
    first, second = mapping.rows(records)
    assert not isinstance(first, RowProblem)
    assert not isinstance(second, RowProblem)
    assert (first.line, first.value, first.event_date) == (1, "13800138000", "2026-01-05")
    assert (first.expiry_date, second.expiry_date, second.value) == ("2026-01-05", "", "")
    assert (first.severity, second.severity) == ("3", "")


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    """A Parquet file that is none, or was cut, is refused by a fixed rule."""
    path = write_source(tmp_path / "x.parquet", [CELLS] * 50)
    for content in (b"", b"PAR1 not really", path.read_bytes()[:-9]):
        path.write_bytes(content)
        assert problems(path) == [(1, "", "not well-formed Parquet")]


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow the error says what to install."""
    path = write_source(tmp_path / "x.parquet", [CELLS])
    monkeypatch.setitem(importlib.sys.modules, "pyarrow", None)  # type: ignore[attr-defined]
    with pytest.raises(ParquetUnavailableError, match=r"rongan-share\[batch\]"):
        next(read_parquet(path, known=COLUMNS, mandatory=()))


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("a,b\n".encode("utf-16"), "UTF-16"),
        ("a,b\n".encode("utf-16-le"), "UTF-16"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"PAR1rest", "--source parquet"),
    ],
)
def test_files_that_are_no_text_are_refused_with_advice(
    tmp_path: Path, content: bytes, advice: str
) -> None:
    """What Excel and others write instead of CSV is named as what it is."""
    path = tmp_path / "listings.csv"
    path.write_bytes(content)
    ((line, _, rule),) = problems(path)
    assert line == 1
    assert advice in rule


def test_encoding_is_guessed_by_decoding(tmp_path: Path) -> None:
    """UTF-8 with and without a mark and GB18030 are told apart; what is neither is refused."""
    path = tmp_path / "x.csv"
    text = "编号,手机号\n案件一,13800138000\n"
    path.write_bytes(text.encode("utf-8-sig"))
    assert guess_encoding(path) == (Encoding.UTF_8, 100)
    path.write_bytes(text.encode("gbk"))
    assert guess_encoding(path) == (Encoding.GB18030, 95)
    path.write_bytes(b"ok\n\xff\xff\n")
    with pytest.raises(RowsRefusedError) as caught:
        guess_encoding(path)
    assert caught.value.problems[0].line == 2


def test_encoding_names() -> None:
    """GBK and GB2312 are read as the GB18030 that they are parts of; others are refused."""
    assert {parse_encoding(name) for name in ("GBK", "gb2312", "GB18030")} == {Encoding.GB18030}
    with pytest.raises(MalformedError):
        parse_encoding("utf-16")


def test_line_of_bad_text_is_exact(tmp_path: Path) -> None:
    """The line that does not decode is named, not the block that it was read in."""
    path = tmp_path / "listings.csv"
    path.write_bytes(f"{HEADER}\n{GOOD}\n{GOOD}\n".encode() + b"\xd6\xd0\n")
    ((line, column, rule),) = problems(path)
    assert (line, column) == (4, "")
    assert rule.startswith("not UTF-8, it seems GBK")
