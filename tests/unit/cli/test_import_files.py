"""A file says the same as CSV, as Parquet and as packed columns; what it cannot say is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from partner_sdk.sources.rows import RowsRefusedError
from rongan_share.cli.importing.blocks import BLOCK_ROWS, Source
from rongan_share.cli.importing.packed import FORMAT, MANIFEST, PackedSource
from rongan_share.cli.importing.tables import COLUMNS, TableSource
from rongan_share.ledger.journal import COLUMN_DTYPES
from rongan_share.wire.sources import original_source
from rongan_share.wire.taxonomy import packaged_taxonomy

TAXONOMY = packaged_taxonomy()
E4 = TAXONOMY.by_code("E4")
CSV = """\
reference,type,token,category,severity,evidence,source_class,legal_basis,event_date,expiry_date,flags,original_source
{a},PASSPORT,{b},E4,,AUTHORITY_DETERMINED,INTL_LIST,PUBLIC_RECORD,2020-01-31,,WEAK+ALIAS,OFAC|36
{c},3,{d},{bit},1,5,7,2,18292,0,0,9
"""
KEYS = {"a": "00" * 15 + "Ff", "b": "ab" * 16, "c": "12" * 16, "d": "cd" * 15 + "00"}


def read(source: Source) -> dict[str, np.ndarray]:
    """Reads a file that is all good."""
    blocks = list(source.blocks())
    assert all(block.faults.total == 0 for block in blocks)
    assert [block.row_count for block in blocks[:-1]] == [BLOCK_ROWS] * (len(blocks) - 1)
    return {name: np.concatenate([block.columns[name] for block in blocks]) for name in COLUMNS}


def csv_file(folder: Path, text: str) -> TableSource:
    """Writes a CSV file."""
    path = folder / "listings.csv"
    path.write_text(text, encoding="utf-8")
    return TableSource(path, "csv", TAXONOMY)


def test_words_and_numbers(tmp_path: Path) -> None:
    """Cells are read as `rongan contribute` reads them, and numbers as the wire has them."""
    columns = read(csv_file(tmp_path, CSV.format(**KEYS, bit=E4.bit)))
    assert columns["token"].tobytes().hex() == KEYS["b"] + KEYS["d"]
    assert columns["reference"].tobytes().hex() == (KEYS["a"] + KEYS["c"]).lower()
    assert columns["category"].tolist() == [E4.bit, E4.bit]
    assert columns["severity"].tolist() == [E4.default_severity, 1]
    assert columns["event_day"].tolist() == [18_292, 18_292]
    assert columns["original_source"].tolist() == [original_source("OFAC", "36"), 9]
    assert columns["operation"].tolist() == [1, 1]
    assert columns["type"].tolist() == [3, 3]
    assert columns["flags"].tolist()[1] == 0


def typed(columns: dict[str, np.ndarray], *, as_text: bool) -> pa.Table:
    """Makes a table, keys as bytes or as hexadecimal digits in a dictionary."""
    made: dict[str, Any] = {}
    for name, column in columns.items():
        if COLUMN_DTYPES[name] != "S16":
            made[name] = pa.array(column)
            continue
        raw = column.tobytes()
        cells = [raw[at : at + 16] for at in range(0, len(raw), 16)]
        if as_text:
            made[name] = pa.array([cell.hex() for cell in cells]).dictionary_encode()
        else:
            made[name] = pa.array(cells, pa.binary(16))
    return pa.table(made)


def test_formats_say_the_same(tmp_path: Path) -> None:
    """More rows than a block has, in all three formats."""
    rng = np.random.default_rng(2)
    count = BLOCK_ROWS + 5_000
    columns = {
        name: rng.integers(0, 200, count).astype(COLUMN_DTYPES[name])
        for name in COLUMNS
        if COLUMN_DTYPES[name] != "S16"
    }
    columns["severity"] = rng.integers(1, 5, count).astype("u1")
    for name in ("token", "reference"):
        columns[name] = rng.integers(0, 256, 16 * count, np.uint8).view("S16")
    packed = tmp_path / "packed"
    packed.mkdir()
    for name, column in columns.items():
        (packed / f"{name}.bin").write_bytes(column.tobytes())
    manifest = {"format": FORMAT, "rows": count, "epoch": 1}
    (packed / MANIFEST).write_text(json.dumps(manifest))
    pq.write_table(typed(columns, as_text=True), tmp_path / "texts.parquet")
    pq.write_table(typed(columns, as_text=False), tmp_path / "bytes.parquet")
    sources = [PackedSource(packed)]
    assert sources[0].row_total == count
    found: list[Source] = [
        *sources,
        TableSource(tmp_path / "texts.parquet", "parquet", TAXONOMY),
        TableSource(tmp_path / "bytes.parquet", "parquet", TAXONOMY),
    ]
    for source in found:
        told = read(source)
        for name, column in columns.items():
            assert told[name].tobytes() == column.tobytes(), name


@pytest.mark.parametrize(
    ("change", "row", "column"),
    [
        (lambda text: text.replace("PASSPORT", "PASPORT"), 0, "type"),
        (lambda text: text.replace("cd" * 15, "xy" * 15), 1, "token"),
        (lambda text: text.replace("12" * 16, "12" * 15), 1, "reference"),
        (lambda text: text.replace("2020-01-31", "2020-02-31"), 0, "event_day"),
        (lambda text: text.replace("18292", "70000"), 1, "event_day"),
        (lambda text: text.replace("OFAC|36", "OFAC"), 0, "original_source"),
        (lambda text: text.replace("WEAK+ALIAS", "WEEK"), 0, "flags"),
        (lambda text: text.replace(",E4,", ",,"), 0, "category"),
    ],
)
def test_cell_that_cannot_be_read(
    tmp_path: Path, change: Callable[[str], str], row: int, column: str
) -> None:
    """Row and column are named; the value is not."""
    text = change(CSV.format(**KEYS, bit=E4.bit))
    (block,) = csv_file(tmp_path, text).blocks()
    assert [(fault.row, fault.column) for fault in block.faults.first] == [(row, column)]
    assert block.unread is not None
    assert block.unread.tolist() == [row == 0, row == 1]


def test_row_with_another_count_of_cells(tmp_path: Path) -> None:
    """It is named by its row."""
    text = CSV.format(**KEYS, bit=E4.bit) + "one,two\n"
    faults = [block.faults for block in csv_file(tmp_path, text).blocks()]
    assert [fault.row for fault in faults[0].first] == [2]


@pytest.mark.parametrize("name", ["Reference", "remark", "next_token"])
def test_unknown_column_is_refused(tmp_path: Path, name: str) -> None:
    """A misspelt column would be left out unseen."""
    text = CSV.format(**KEYS, bit=E4.bit).replace("flags", name, 1)
    with pytest.raises(RowsRefusedError):
        list(csv_file(tmp_path, text).blocks())


def test_missing_column_is_refused(tmp_path: Path) -> None:
    """What every row needs must be there."""
    pq.write_table(pa.table({"token": [KEYS["a"]]}), tmp_path / "a.parquet")
    with pytest.raises(RowsRefusedError) as caught:
        list(TableSource(tmp_path / "a.parquet", "parquet", TAXONOMY).blocks())
    assert caught.value.problems[0].column == "reference"


@pytest.mark.parametrize("damage", ["short", "format", "nothing"])
def test_packed_folder_that_is_none(tmp_path: Path, damage: str) -> None:
    """A column of another length, another format or no manifest is refused."""
    manifest = {"format": FORMAT if damage == "short" else "other", "rows": 2, "epoch": 1}
    (tmp_path / MANIFEST).write_text("" if damage == "nothing" else json.dumps(manifest))
    for name in COLUMNS:
        size = np.dtype(COLUMN_DTYPES[name]).itemsize
        (tmp_path / f"{name}.bin").write_bytes(bytes(size))
    with pytest.raises(RowsRefusedError):
        PackedSource(tmp_path)


@pytest.mark.parametrize("name", COLUMNS)
def test_cell_of_parquet_that_is_null(tmp_path: Path, name: str) -> None:
    """It means what an empty cell of a CSV file means: the default, or a row that is refused."""
    source = csv_file(tmp_path, CSV.format(**KEYS, bit=E4.bit))
    table = typed(read(source), as_text=False)
    kept = table.column(name)[1].as_py()
    given = pa.array([None, kept], table.column(name).type)
    table = table.set_column(table.column_names.index(name), name, given)
    pq.write_table(table, tmp_path / "null.parquet")
    (block,) = TableSource(tmp_path / "null.parquet", "parquet", TAXONOMY).blocks()
    defaults = {
        "operation": 1,
        "flags": 0,
        "severity": E4.default_severity,
        "original_source": 0,
        "event_day": 0,
        "expiry_day": 0,
    }
    if name in defaults:
        assert block.faults.total == 0
        assert block.columns[name].tolist() == [defaults[name], kept]
    else:
        assert [(fault.row, fault.column) for fault in block.faults.first] == [(0, name)]


@pytest.mark.parametrize("good", [0, 1, BLOCK_ROWS])
def test_rows_of_another_length_at_the_end(tmp_path: Path, good: int) -> None:
    """They are told where no good row is read with them, and where there is none at all."""
    head, first, second = CSV.format(**KEYS, bit=E4.bit).splitlines()
    bad = 60_000
    lines = [head, *[first] * good, *[second + ",more"] * bad]
    blocks = list(csv_file(tmp_path, "\n".join(lines) + "\n").blocks())
    assert sum(block.row_count for block in blocks) == good + bad
    assert sum(block.faults.total for block in blocks) == bad


def test_packed_columns_are_read_once(tmp_path: Path) -> None:
    """What is judged is what is staged, whoever writes to the file between."""
    path = csv_file(tmp_path, CSV.format(**KEYS, bit=E4.bit))
    columns = read(path)
    for name, column in columns.items():
        (tmp_path / f"{name}.bin").write_bytes(column.tobytes())
    manifest = {"format": FORMAT, "rows": 2, "epoch": 1}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    (block,) = PackedSource(tmp_path).blocks()
    with (tmp_path / "severity.bin").open("r+b") as file:
        file.write(b"\xfa\xfa")
    assert block.columns["severity"].tolist() == columns["severity"].tolist()
