"""The guess names every column of identifiers: taken, or left out with a reason."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from partner_sdk.cli.main import run
from partner_sdk.sources.csv_file import parse_rows
from partner_sdk.sources.guess import guess_mapping
from partner_sdk.sources.guess_identifiers import NotTaken
from partner_sdk.sources.listings_file import ListingsFile
from partner_sdk.sources.mapping_file import load_mapping
from partner_sdk.sources.mapping_writer import mapping_toml
from partner_sdk.sources.rows import Row

RID = "11010519491231002X"
COLUMNS = {
    "案号": ("c-1", ""),
    "风险类别": ("A2", ""),
    "ID": (RID, "CN_RID"),
    "证件号码": (RID, "CN_RID"),
    "法人身份证号": (RID, "CN_RID"),
    "统一社会信用代码": ("91110000600037341L", "CN_USCC"),
    "IBAN": ("GB82WEST12345698765432", "IBAN"),
    "SWIFT": ("ICBKCNBJ", "BIC"),
    "LEI": ("5493000IBP32UQZ0KL24", "LEI"),
    "IP地址": ("8.8.8.8", "IP"),
    "MAC": ("00:00:5E:00:53:AF", "MAC"),
    "微信号": ("wxid_abc1", "SOCIAL WECHAT"),
    "QQ号": ("1234567", "SOCIAL QQ"),
    "支付宝账号": ("2088123456789012", "WALLET ALIPAY"),
    "涉案网址": ("https://pay.example/login", "URL"),
    "固定电话": ("010-66000114", "PHONE"),
    "传真": ("010-66000115", "PHONE"),
    "银行账号": ("110108000000016001", "ACCT"),
    "收款卡号": ("6222020402000000016", "PAN"),
    "手机号1": ("13800138000", "MSISDN"),
    "手机号2": ("13900139000", "MSISDN"),
}
LEFT = {"户名": "张三", "Passport No.": "E12345678"}


def write(path: Path, columns: dict[str, str], *, rows: int = 2) -> Path:
    """Writes a file with equal rows."""
    with path.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([columns, *[columns.values()] * rows])
    return path


def test_every_certain_column_is_taken(tmp_path: Path) -> None:
    """Every column of one type is proposed, also two of one type, and the rows parse."""
    path = write(tmp_path / "cases.csv", {name: cell for name, (cell, _) in COLUMNS.items()})
    guess = guess_mapping(path)
    taken = {
        each.columns[0]: f"{each.type} {each.prefix}".strip() for each in guess.mapping.identifiers
    }
    assert taken == {name: kind for name, (_, kind) in COLUMNS.items() if kind}
    assert not guess.not_taken
    constants = {
        "evidence": "VERIFIED",
        "source_class": "PEER_DOMESTIC",
        "legal_basis": "ANTI_TELECOM_FRAUD_LAW",
    }
    mapping = replace(guess.mapping, constants=constants)
    rows = list(parse_rows(ListingsFile.of(path, mapping=mapping).rows(), None))
    assert len(rows) == 2 * len(taken)


def test_what_is_not_taken_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names, passports without an issuer and names with numbers are loud comments, ready to use."""
    columns = {"案号": "c-1", "风险类别": "A2", "证件号码": RID, **LEFT}
    path = write(tmp_path / "cases.csv", columns)
    reasons = {(each.type, each.reason) for each in guess_mapping(path).not_taken}
    assert reasons == {
        ("PERSON_NAME", NotTaken.NAME_ALONE),
        ("PASSPORT", NotTaken.NEEDS_PARTS),
        ("NAME_ID", NotTaken.JOINED_TOO),
    }
    assert run(["contribute", "--explain", str(path)]) == 0
    printed = capsys.readouterr().out
    assert RID not in printed
    assert "张三" not in printed
    assert "NOT TAKEN: 3" in printed
    block = '# [[identifiers]]\n# type = "NAME_ID"\n# value = ["户名", "证件号码"]\n'
    assert block in printed
    saved = tmp_path / "m.toml"
    saved.write_text(printed.replace(block, block.replace("# ", "")), encoding="utf-8")
    assert [each.type for each in load_mapping(saved).identifiers] == ["CN_RID", "NAME_ID"]


def test_columns_beside_type_and_value_are_said(tmp_path: Path) -> None:
    """A mapping reads type and value or a column for each type; the others are named."""
    columns = {"案号": "c-1", "证件类型": "手机号", "证件号码": "13800138000", "类别": "A2"}
    path = write(tmp_path / "cases.csv", columns | {"统一社会信用代码": "91110000600037341L"})
    guess = guess_mapping(path)
    assert not guess.mapping.identifiers
    (left,) = guess.not_taken
    assert (left.type, left.columns, left.reason) == (
        "CN_USCC",
        ("统一社会信用代码",),
        NotTaken.TYPE_AND_VALUE,
    )


def test_cards_among_accounts_are_said(tmp_path: Path) -> None:
    """A column of accounts that holds cards is PAN; where both are mixed, none is guessed."""
    columns = {"案号": "c-1", "类别": "A2", "银行账号": "6222020402000000016"}
    path = write(tmp_path / "cases.csv", columns)
    assert [each.type for each in guess_mapping(path).mapping.identifiers] == ["PAN"]
    with path.open("a", encoding="utf-8") as opened:
        opened.write("c-2,A2,110108000000016001\n")
    (left,) = guess_mapping(path).not_taken
    assert left.reason is NotTaken.MIXED_CARDS


def test_name_with_digits_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A header of which nothing is known and that holds digits is told by its place."""
    columns = {"案号": "c-1", "类别": "A2", "备注138": RID}
    path = write(tmp_path / "cases.csv", columns)
    assert run(["contribute", "--explain", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "备注138" not in printed
    assert "!! COLUMN 3: CN_RID" in printed


def test_first_line_that_comes_again_is_no_header(tmp_path: Path) -> None:
    """Words that we know are no header where a row repeats them in their place."""
    path = tmp_path / "cases.csv"
    path.write_text("c-1,手机号,公司\nc-2,手机号,公司\n", encoding="utf-8")
    assert not guess_mapping(path).header_known


def test_placeholders_are_no_identifiers(tmp_path: Path) -> None:
    """Cells that say "none" do not make a column doubtful; the mapping reads them as empty."""
    path = tmp_path / "cases.csv"
    rows = ["c-1,A2,13800138000,无", f"c-2,A2,-,{RID}", f"c-3,A2,13900139000,{RID}"]
    path.write_text("\n".join(["案号,类别,手机号,身份证号", *rows]) + "\n", encoding="utf-8")
    guess = guess_mapping(path)
    assert guess.mapping.empty == ("-", "无")
    assert [each.type for each in guess.mapping.identifiers] == ["CN_RID", "MSISDN"]
    constants = dict.fromkeys(("evidence", "source_class", "legal_basis"), "AML_LAW")
    mapping = replace(guess.mapping, constants=constants)
    values = [
        each for each in ListingsFile.of(path, mapping=mapping).rows() if isinstance(each, Row)
    ]
    assert [row.type for row in values] == ["MSISDN", "CN_RID", "CN_RID", "MSISDN"]
    assert mapping_toml(guess.mapping, {}).count('empty = ["-", "无"]') == 1


def test_constant_that_lacks_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What every row would lack is refused once, not row by row."""
    path = write(tmp_path / "cases.csv", {"案号": "c-1", "类别": "A2", "证件号码": RID}, rows=50)
    mapping = tmp_path / "m.toml"
    mapping.write_text(mapping_toml(guess_mapping(path).mapping, {}), encoding="utf-8")
    assert run(["contribute", str(path), "--mapping", str(mapping), "--dry-run"]) == 1
    said = capsys.readouterr().err
    for name in ("evidence", "source_class", "legal_basis"):
        assert said.count(f" {name}:") == 1


def test_prefix_makes_the_first_part(tmp_path: Path) -> None:
    """A fixed first part stands before every value, and before none that is empty."""
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        '[columns]\nreference = "r"\n[constants]\ncategory = "A2"\nevidence = "VERIFIED"\n'
        'source_class = "PEER_DOMESTIC"\nlegal_basis = "AML_LAW"\n'
        '[[identifiers]]\ntype = "SOCIAL"\nprefix = "WECHAT"\nvalue = "w"\n'
        '[[identifiers]]\ntype = "MSISDN"\nvalue = "m"\n',
        encoding="utf-8",
    )
    path = write(tmp_path / "x.csv", {"r": "r", "w": "w", "m": "m"}, rows=0)
    path.write_text("r,w,m\n1,wxid_abc,13800138000\n2,,13900139000\n", encoding="utf-8")
    listings = ListingsFile.of(path, mapping=load_mapping(mapping))
    kinds = [row.canonical.type.name for row in parse_rows(listings.rows(), None) if row.canonical]
    assert kinds == ["SOCIAL", "MSISDN", "MSISDN"]
