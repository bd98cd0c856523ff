"""The same listings from every format and encoding: one set of tokens at a hub."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from partner_sdk.cli.main import run
from partner_sdk.cli.upload_state import find_state
from tests.support.clock import FakeClock
from tests.support.hub import HubUnderTest, running_hub
from tests.support.processes import write_credentials

ARROW: Any = importlib.import_module("pyarrow")
PARQUET: Any = importlib.import_module("pyarrow.parquet")

HEADER = ("reference", "type", "value", "category", "expiry_date")
ROWS = [
    (f"case {number // 2}", kind, value, "A2", "2026-12-01")
    for number, (kind, value) in enumerate(
        [
            ("MSISDN", "138 0013 8000"),
            ("CN_RID", "11010519491231002X"),
            ("MSISDN", "13900139000"),
            ("CN_RID", "110105194912310 02x"),
        ]
    )
]
CONSTANTS = {
    "evidence": "VERIFIED",
    "source_class": "POLICE",
    "legal_basis": "ANTI_TELECOM_FRAUD_LAW",
}
MAPPING = """
[columns]
reference = "案件编号"
type = "证件类型"
value = "证件号码"
category = "风险类别"
expiry_date = "有效期至"
[values.type]
"手机号" = "MSISDN"
"身份证" = "CN_RID"
[values.category]
"电信网络诈骗" = "A2"
[dates]
expiry_date = "YYYY/M/D"
[constants]
evidence = "VERIFIED"
source_class = "POLICE"
legal_basis = "ANTI_TELECOM_FRAUD_LAW"
"""
FOREIGN_HEADER = ("案件编号", "证件类型", "证件号码", "风险类别", "有效期至", "备注")
FOREIGN_WORDS = {"MSISDN": "手机号", "CN_RID": "身份证"}
"""The same listings in the words of the source."""


def own_rows() -> list[dict[str, str]]:
    """Gives the listings under our names."""
    return [dict(zip(HEADER, row, strict=True)) | CONSTANTS for row in ROWS]


def foreign_rows() -> list[dict[str, str]]:
    """Gives the listings as a source of another form holds them."""
    return [
        dict(
            zip(
                FOREIGN_HEADER,
                (reference, FOREIGN_WORDS[kind], value, "电信网络诈骗", "2026/12/1", "无"),
                strict=True,
            )
        )
        for reference, kind, value, _, _ in ROWS
    ]


def delimited(sign: str, encoding: str) -> Callable[[Path, list[dict[str, str]]], None]:
    """Gives a writer of CSV or TSV."""

    def write(path: Path, rows: list[dict[str, str]]) -> None:
        lines = [list(rows[0]), *(list(row.values()) for row in rows)]
        path.write_bytes("".join(f"{sign.join(line)}\r\n" for line in lines).encode(encoding))

    return write


def json_lines(encoding: str) -> Callable[[Path, list[dict[str, str]]], None]:
    """Gives a writer of JSON lines."""

    def write(path: Path, rows: list[dict[str, str]]) -> None:
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path.write_bytes("".join(lines).encode(encoding))

    return write


def parquet(path: Path, rows: list[dict[str, str]]) -> None:
    """Writes Parquet."""
    PARQUET.write_table(ARROW.Table.from_pylist(rows), path)


OWN = {
    "bom.csv": delimited(",", "utf-8-sig"),
    "own.tsv": delimited("\t", "utf-8"),
    "own.jsonl": json_lines("utf-8"),
    "own.parquet": parquet,
}
FOREIGN = {
    "gbk.csv": (delimited(",", "gbk"), "gbk"),
    "gbk.tsv": (delimited("\t", "gbk"), "gb18030"),
    "bom.csv": (delimited(",", "utf-8-sig"), "utf-8"),
    "gbk.jsonl": (json_lines("gbk"), "gbk"),
    "utf8.jsonl": (json_lines("utf-8"), "utf-8"),
    "x.parquet": (parquet, "utf-8"),
}


class Contributor:
    """A partner of a hub, and what its command says."""

    def __init__(self, hub: HubUnderTest, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        partner = "bank-a"
        hub.create_partner(partner)
        minted = hub.pki.partner(partner)
        hub.register(minted)
        hub.agree(partner)
        write_credentials(folder / partner, minted, hub.pki.hub_roots_pem)
        self._words = ["--json", "--hub", hub.target, "--credentials", str(folder / partner)]

    def contribute(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Runs the command; returns its exit code and what it said."""
        code = run([*self._words, "contribute", *words])
        said = self._capsys.readouterr()
        return code, json.loads(said.out or said.err)


@pytest.fixture
def contributor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Contributor]:
    """A partner that has contributed the listings from CSV."""
    with running_hub(tmp_path / "home", FakeClock()) as hub:
        partner = Contributor(hub, tmp_path, capsys)
        file = tmp_path / "listings.csv"
        delimited(",", "utf-8")(file, own_rows())
        code, said = partner.contribute(str(file))
        assert (code, said["added"]) == (0, len(ROWS))
        yield partner


def test_every_format_gives_the_tokens_of_the_csv(contributor: Contributor, tmp_path: Path) -> None:
    """An ADD of an equal live listing changes nothing: so all tokens and values are equal."""
    for name, write in OWN.items():
        write(tmp_path / name, own_rows())
        code, said = contributor.contribute(str(tmp_path / name))
        assert (name, code, said.get("added"), said.get("unchanged")) == (name, 0, 0, len(ROWS))


def test_every_mapped_format_gives_the_tokens_of_the_csv(
    contributor: Contributor, tmp_path: Path
) -> None:
    """So do files in other words, dates and encodings, through a mapping."""
    mapping = tmp_path / "mapping.toml"
    for name, (write, encoding) in FOREIGN.items():
        file = tmp_path / f"foreign-{name}"
        write(file, foreign_rows())
        mapping.write_text(f'encoding = "{encoding}"\n{MAPPING}', encoding="utf-8")
        code, said = contributor.contribute(str(file), "--mapping", str(mapping))
        assert (name, code, said.get("added"), said.get("unchanged")) == (name, 0, 0, len(ROWS))


def test_mapping_is_part_of_the_upload(contributor: Contributor, tmp_path: Path) -> None:
    """The same mapping goes on with an upload; one that means something else is refused."""
    file, mapping = tmp_path / "foreign.jsonl", tmp_path / "mapping.toml"
    json_lines("utf-8")(file, foreign_rows())
    mapping.write_text(MAPPING, encoding="utf-8")
    assert contributor.contribute(str(file), "--mapping", str(mapping))[0] == 0
    begun = find_state(file)
    mapping.write_text(f"# a comment\n{MAPPING}", encoding="utf-8")
    code, said = contributor.contribute(str(file), "--mapping", str(mapping))
    assert (code, said["earlier_frames"], said["frames"]) == (0, 1, 0)
    assert find_state(file) == begun
    mapping.write_text(MAPPING.replace("POLICE", "COURT"), encoding="utf-8")
    code, said = contributor.contribute(str(file), "--mapping", str(mapping))
    assert code == 1
    assert "error" in said


def test_bad_row_of_a_mapped_file_sends_nothing(contributor: Contributor, tmp_path: Path) -> None:
    """A mapped file with a bad row is refused whole, by line, column and rule, without values."""
    file, mapping = tmp_path / "foreign.tsv", tmp_path / "mapping.toml"
    bad = foreign_rows()[0] | {"证件号码": "1380013800O", "有效期至": "someday"}
    delimited("\t", "utf-8")(file, [*foreign_rows(), bad])
    mapping.write_text(MAPPING, encoding="utf-8")
    code, said = contributor.contribute(str(file), "--mapping", str(mapping))
    assert (code, said["error"]["total"]) == (1, 1)
    (problem,) = said["error"]["problems"]
    assert (problem["line"], problem["column"]) == (len(ROWS) + 2, "expiry_date")
    assert "1380013800O" not in json.dumps(said)
    assert "someday" not in json.dumps(said)
