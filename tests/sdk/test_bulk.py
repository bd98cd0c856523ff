"""Bulk tokens of lists, arrays and files, made here and by worker processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from partner_sdk.bulk import (
    BulkTokenizer,
    Reject,
    TokenColumns,
    tokenise_columns,
    tokenise_csv,
    tokenise_parquet,
)
from partner_sdk.sources.rows import RowsRefusedError
from rongan_share.wire.identifiers import parse_identifier
from rongan_share.wire.tokens import Tokenizer
from rongan_share.wire.vocabulary import IdentifierType, RowFlag, Suite

TOKENIZER = Tokenizer(Suite.HMAC_SHA256, bytes(range(32)))
MSISDN = IdentifierType.MSISDN
SECRET = "13800138000"


@pytest.fixture(scope="module")
def workers() -> Iterator[BulkTokenizer]:
    """Two worker processes."""
    with BulkTokenizer(TOKENIZER, processes=2) as started:
        yield started


def token(identifier_type: IdentifierType, value: str) -> bytes:
    """Makes the token of one identifier by itself."""
    return TOKENIZER.token(parse_identifier(identifier_type, value))


@pytest.mark.parametrize(
    "values",
    [
        ["+86 138-0013-8000", None, "95588"],
        pa.array(["13800138000", None, "95588"]),
        pa.array(["x", "13800138000", None, "95588"]).slice(1),
        pa.chunked_array([["13800138000", None], ["95588"]]),
        pa.array(["13800138000", None, "95588"], pa.large_string()),
        pa.array(["13800138000", None, "95588"]).dictionary_encode(),
    ],
    ids=["list", "array", "slice", "chunks", "large", "dictionary"],
)
def test_kinds_of_columns(values: object) -> None:
    """Whatever holds the texts gives the same tokens; null is an empty text."""
    columns = tokenise_columns(values, MSISDN, tokenizer=TOKENIZER)
    assert columns.tokens == token(MSISDN, SECRET)
    assert [reject.row for reject in columns.rejects] == [1, 2]
    assert columns.rows().tolist() == [0]


def test_numbers_are_refused() -> None:
    """A column of numbers has lost leading zeros, so it is no column of identifiers."""
    for values in (pa.array([1]), [1], pa.array([b"\xff"]).view(pa.string())):
        with pytest.raises(TypeError, match="identifiers are texts"):
            tokenise_columns(values, MSISDN, tokenizer=TOKENIZER)


def test_columns_must_fit() -> None:
    """A type is needed for each value."""
    with pytest.raises(ValueError, match="as many types"):
        tokenise_columns(["a", "b"], ["PAN"], tokenizer=TOKENIZER)


def test_broken_unicode_is_a_reject() -> None:
    """A text that UTF-8 cannot say is refused as it is alone, and the rest is not."""
    columns = tokenise_columns(["13800138000", "1\ud800"], MSISDN, tokenizer=TOKENIZER)
    rule = "holds a control, private-use or unassigned character"
    assert columns.rejects == (Reject(1, "MSISDN", rule, 1),)
    assert columns.token_count == 1


def test_empty_column() -> None:
    """Nothing in, nothing out."""
    kinds: tuple[object, ...] = (MSISDN, [])
    for types in kinds:
        columns = tokenise_columns([], types, tokenizer=TOKENIZER)
        assert (columns.row_count, columns.tokens, columns.rejects) == (0, b"", ())


def test_flags_and_types() -> None:
    """A name is WEAK, a wrong check digit SUSPECT, and names of types may be typed in any case."""
    values = ["张三", "6222020402000000017", "x", "a.example"]
    types = ["person_name ", "PAN", "SHOE_SIZE", "DOMAIN"]
    columns = tokenise_columns(values, types, tokenizer=TOKENIZER)
    assert list(columns.flags) == [RowFlag.WEAK, RowFlag.SUSPECT, 0]
    assert [IdentifierType(byte).name for byte in columns.types] == ["PERSON_NAME", "PAN", "DOMAIN"]
    assert columns.rejects == (Reject(2, "type", "names no identifier type"),)
    assert columns.rows().tolist() == [0, 1, 3]


def test_nothing_shows_a_value() -> None:
    """Neither outcome nor reject shows identifier or token."""
    columns = tokenise_columns([SECRET, f"{SECRET}7"], MSISDN, tokenizer=TOKENIZER)
    assert SECRET not in repr(columns)
    assert repr(columns.tokens) not in repr(columns)


def test_csv(tmp_path: Path, workers: BulkTokenizer) -> None:
    """Byte-order mark, quotes with commas, other columns, blanks, empty lines, many batches."""
    path = tmp_path / "many.csv"
    lines = ["\ufefftype,note,value"]
    lines += [f'MSISDN,"a, b",\t139{number:08d} ' for number in range(150_000)]
    lines[7:7] = ["", "PAN,,1"]
    path.write_text("\n".join(lines), encoding="utf-8")
    batches = list(tokenise_csv(path, workers))
    check_batches(batches, 150_001)
    expected = tokenise_columns(
        [f"139{number:08d}" for number in range(150_000)], MSISDN, tokenizer=TOKENIZER
    )
    assert b"".join(batch.tokens for batch in batches) == expected.tokens
    assert [(one.row, one.field) for batch in batches for one in batch.rejects] == [(6, "PAN")]


def check_batches(batches: list[TokenColumns], row_count: int) -> None:
    """Batches must follow each other without a gap and each fit a frame."""
    row = 0
    for batch in batches:
        assert batch.first_row == row
        assert batch.token_count <= 65_536
        row += batch.row_count
    assert row == row_count


def test_parquet(tmp_path: Path, workers: BulkTokenizer) -> None:
    """A Parquet file with one type for all rows, whose type column is not read."""
    path = tmp_path / "many.parquet"
    pq.write_table(pa.table({"value": [SECRET, "1"] * 50_000, "type": [1, 2] * 50_000}), path)
    batches = list(tokenise_parquet(path, workers, identifier_type=MSISDN))
    check_batches(batches, 100_000)
    assert b"".join(batch.tokens for batch in batches) == token(MSISDN, SECRET) * 50_000


@pytest.mark.parametrize(
    "content",
    [
        b"type\nPAN\n",
        b"type,value\nPAN,13800138000,13800138000\n",
        b"type,value\nPAN,13800138000\xff\n",
        b"13800138000\n",
        b"",
        b"\xff\xfet\0y\0",
        b"value,value,type\n",
        b'type,value,note\nPAN,1,"\nPAN,13800138000,"\nPAN,2,\n',
    ],
    ids=["column", "cells", "utf-8", "header", "empty", "utf-16", "twice", "ditto"],
)
def test_csv_without_the_form_of_one(
    tmp_path: Path, workers: BulkTokenizer, content: bytes
) -> None:
    """A file that cannot be read is refused without being quoted."""
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(RowsRefusedError) as caught:
        list(tokenise_csv(path, workers))
    assert SECRET not in f"{caught.value} {caught.value.problems}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_bad_line_is_named(tmp_path: Path, workers: BulkTokenizer) -> None:
    """A refusal names the line, as that of the reader that goes line by line does."""
    path = tmp_path / "bad.csv"
    path.write_text("type,value\nPAN,1\n\nPAN,1,1\n", encoding="utf-8")
    with pytest.raises(RowsRefusedError) as caught:
        list(tokenise_csv(path, workers))
    (problem,) = caught.value.problems
    assert (problem.line, problem.rule) == (4, "needs 2 cells")


def test_parquet_without_the_form_of_one(tmp_path: Path, workers: BulkTokenizer) -> None:
    """So is a file that is no Parquet, or whose values are numbers."""
    path = tmp_path / "bad.parquet"
    path.write_bytes(b"PAR1 13800138000")
    with pytest.raises(RowsRefusedError):
        list(tokenise_parquet(path, workers))
    pq.write_table(pa.table({"value": [13800138000]}), path)
    with pytest.raises(RowsRefusedError):
        list(tokenise_parquet(path, workers, identifier_type=MSISDN))


def test_lists_by_workers(workers: BulkTokenizer) -> None:
    """Columns of any length may be given, and are cut."""
    batches = list(workers.tokenise([([SECRET] * 70_000, MSISDN), (["a.example"], ["DOMAIN"])]))
    assert [batch.row_count for batch in batches] == [65_536, 4_464, 1]
    assert batches[-1].tokens == token(IdentifierType.DOMAIN, "a.example")


def test_key_goes_nowhere_else() -> None:
    """A tokeniser is handed to a process being started; nothing else may pickle its key."""
    with pytest.raises(RuntimeError):
        pickle.dumps(TOKENIZER)


@pytest.mark.parametrize("missing", ["numpy", "pyarrow"])
def test_without_the_extra(missing: str) -> None:
    """Where numpy or pyarrow is missing, the error names the extra; the rest of the SDK works."""
    program = (
        f"import sys; sys.modules[{missing!r}] = None; import partner_sdk; import partner_sdk.bulk"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "pip install 'rongan-share[batch]'" in ran.stderr.splitlines()[-1]
