"""Mapping files: what they mean, what is refused, and that a guess is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from partner_sdk.cli.main import run
from partner_sdk.sources.cells import RawRecord
from partner_sdk.sources.csv_file import parse_rows
from partner_sdk.sources.date_formats import find_date
from partner_sdk.sources.guess import guess_mapping
from partner_sdk.sources.listings_file import ListingsFile
from partner_sdk.sources.mapping import ColumnMapping
from partner_sdk.sources.mapping_file import load_mapping, parse_mapping
from partner_sdk.sources.mapping_writer import mapping_toml
from partner_sdk.sources.rows import Row, RowProblem, RowsRefusedError
from rongan_share.wire.malformed import MalformedError

NARROW = """
encoding = "gbk"
[columns]
reference = "案号"
type = "类型"
value = "号码"
expiry_date = "到期"
[constants]
category = "A2"
severity = 3
evidence = "VERIFIED"
source_class = "PEER_DOMESTIC"
legal_basis = "ANTI_TELECOM_FRAUD_LAW"
event_date = 2026-01-05
[values.type]
"手机号" = "MSISDN"
[values.expiry_date]
"长期" = ""
[dates]
expiry_date = ["YYYY年M月D日", "YYYY/M/D"]
"""
WIDE = """
[columns]
reference = "no"
category = "cat"
[[identifiers]]
type = "msisdn"
value = "phone"
[[identifiers]]
type = "NAME_ID"
value = ["name", "id"]
"""
GUESSED = (
    "案件编号,手机号,身份证号,风险类别,风险等级,发生日期,有效期至,备注\n"
    "c-1,13800138000,11010519491231002X,电信网络诈骗,高,2026/1/5,长期,绝密\n"
    "c-2,13900139000,,A2,中,2026/11/15,2027/1/1,\n"
)


def mapping_of(folder: Path, text: str) -> ColumnMapping:
    """Writes a mapping file and loads it."""
    path = folder / "mapping.toml"
    path.write_text(text, encoding="utf-8-sig")
    return load_mapping(path)


def rows(mapping: ColumnMapping, **cells: object) -> list[Row | RowProblem]:
    """Maps one record."""
    return list(mapping.rows([RawRecord(7, cells)]))


def test_columns_constants_words_and_dates(tmp_path: Path) -> None:
    """Each column of a row comes from where the mapping says, in our words."""
    mapping = mapping_of(tmp_path, NARROW)
    cells = {"案号": "c 1", "类型": "手机号", "号码": "138 0013 8000", "到期": "2027年1月5日"}
    (row,) = rows(mapping, **cells)
    assert row == Row(
        line=7,
        reference="c 1",
        type="MSISDN",
        value="138 0013 8000",
        category="A2",
        severity="3",
        evidence="VERIFIED",
        source_class="PEER_DOMESTIC",
        legal_basis="ANTI_TELECOM_FRAUD_LAW",
        event_date="2026-01-05",
        expiry_date="2027-01-05",
    )
    (row,) = rows(mapping, **cells | {"到期": "长期"})
    assert isinstance(row, Row)
    assert row.expiry_date == ""
    (problem,) = rows(mapping, **cells | {"到期": "13/13/2027"})
    assert problem == RowProblem(7, "expiry_date", "fits no date format of the mapping")


def test_a_column_for_each_type(tmp_path: Path) -> None:
    """A record becomes one row for each identifier that it has; parts are joined."""
    mapping = mapping_of(tmp_path, WIDE)
    whole = rows(mapping, no="1", cat="A2", phone=13800138000, name="张三", id="1101")
    assert [(row.type, row.value) for row in whole if isinstance(row, Row)] == [
        ("MSISDN", "13800138000"),
        ("NAME_ID", "张三|1101"),
    ]
    (row,) = rows(mapping, no="1", cat="A2", phone="1")
    assert isinstance(row, Row)
    assert row.type == "MSISDN"
    (nothing,) = rows(mapping, no="1", cat="A2")
    assert isinstance(nothing, RowProblem)
    assert nothing.column == "value"
    for cells in ({"name": "张三"}, {"name": "张|三", "id": "1"}):
        (problem,) = rows(mapping, no="1", cat="A2", **cells)
        assert isinstance(problem, RowProblem)
        assert "张" not in problem.rule


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("colums = 1", "mapping.colums"),
        ("format = 'xml'", "format"),
        ("encoding = 'utf-16'", "encoding"),
        ("encoding = 1", "encoding"),
        ("columns = 1", "columns"),
        ("[columns]\nrefrence = 'a'", "columns.refrence"),
        ("[columns]\ntype = ['a', 'b']", "columns.type"),
        ("[columns]\nvalue = []", "columns.value"),
        ("[constants]\nreference = 'a'", "constants.reference"),
        ("[constants]\nvalue = 'a'", "constants.value"),
        ("[constants]\nseverity = true", "constants.severity"),
        ("[columns]\ntype = 'a'\n[constants]\ntype = 'PAN'", "constants.type"),
        ("[values.value]\na = 'b'", "values.value"),
        ("[values.type]\na = 1", "values.type"),
        ("[dates]\ntype = 'YYYY'", "dates.type"),
        ("[dates]\nevent_date = 'YYYY-MM'", "dates.event_date"),
        ("[dates]\nevent_date = 'YYYY-MM-DD'", "dates.event_date"),
        ("[[identifiers]]\ntype = 'CARD'\nvalue = 'a'", "type"),
        ("[[identifiers]]\ntype = 'PAN'", "identifiers.value"),
        ("identifiers = 1", "identifiers"),
        ("[columns]\ntype = 'a'\n[[identifiers]]\ntype = 'PAN'\nvalue = 'a'", "identifiers"),
        ("[columns", "mapping"),
    ],
)
def test_bad_mapping_is_refused(tmp_path: Path, text: str, field: str) -> None:
    """A mapping that says something else than it may is refused by table and key."""
    with pytest.raises(MalformedError) as caught:
        mapping_of(tmp_path, text)
    assert caught.value.field == field


def test_mapping_that_leaves_out_a_column(tmp_path: Path) -> None:
    """A mapping without reference, category or identifier is refused before a row is read."""
    path = tmp_path / "listings.csv"
    path.write_text(GUESSED, encoding="utf-8")
    with pytest.raises(RowsRefusedError) as caught:
        list(ListingsFile.of(path, mapping=ColumnMapping()).rows())
    assert caught.value.problems[0].column == "reference"


def test_digest_is_of_the_meaning(tmp_path: Path) -> None:
    """Comments and order do not change the digest; whatever may change a row does."""
    digest = mapping_of(tmp_path, NARROW).digest()
    assert mapping_of(tmp_path, f"# new\n{NARROW}").digest() == digest
    for before, after in (("A2", "G2"), ("gbk", "utf-8"), ("MSISDN", "PAN"), ("号码", "值")):
        assert mapping_of(tmp_path, NARROW.replace(before, after, 1)).digest() != digest


@pytest.mark.parametrize("text", [NARROW, WIDE])
def test_written_mapping_reads_back(tmp_path: Path, text: str) -> None:
    """A mapping that is written as TOML reads back as itself, odd names included."""
    mapping = mapping_of(tmp_path, text)
    assert mapping_of(tmp_path, mapping_toml(mapping, {})) == mapping
    odd = parse_mapping({"columns": {"reference": 'a"\\b\x7f\n# c'}})
    assert mapping_of(tmp_path, mapping_toml(odd, {"reference": "sure"})) == odd


@pytest.mark.parametrize("page", ["partner-guide.md", "partner-guide.zh.md"])
def test_mapping_of_the_guide_is_one(tmp_path: Path, page: str) -> None:
    """The mapping that a page shows loads and gives all that a row needs."""
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    mapping = mapping_of(tmp_path, text.partition("```toml\n")[2].partition("```")[0])
    assert mapping.missing() == []
    assert len(mapping.identifiers) == 2


@pytest.mark.parametrize(
    ("text", "pattern", "fits"),
    [
        ("2026/1/5", "YYYY/M/D", True),
        ("20260105", "YYYYMMDD", True),
        ("2026-01-05 23:59:59", "YYYY-MM-DD hh:mm:ss", True),
        ("05.01.2026", "DD.MM.YYYY", True),
        ("05x01x2026", "DD.MM.YYYY", False),
        ("2026/13/5", "YYYY/M/D", False),
        ("2026/1/5 ", "YYYY/M/D", False),
        ("２026/1/5", "YYYY/M/D", False),
    ],
)
def test_date_patterns(text: str, pattern: str, fits: bool) -> None:
    """A date fits its pattern as a whole, in plain digits, or not at all."""
    assert (find_date(text, (pattern,)) is not None) is fits


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_guess_is_a_mapping_that_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str
) -> None:
    """What --explain prints loads as a mapping; with the constants it lacks, every row parses."""
    path = tmp_path / "source.csv"
    path.write_bytes(GUESSED.encode(encoding))
    assert run(["contribute", "--explain", str(path)]) == 0
    printed = capsys.readouterr().out
    for value in ("13800138000", "11010519491231002X", "c-1", "绝密", "2026/1/5"):
        assert value not in printed
    assert mapping_of(tmp_path, printed) == guess_mapping(path).mapping
    constants = (
        '[constants]\nevidence = "VERIFIED"\nsource_class = "POLICE"\n'
        'legal_basis = "ANTI_TELECOM_FRAUD_LAW"\n[dates]'
    )
    mapping = mapping_of(tmp_path, printed.replace("[dates]", constants, 1))
    parsed = list(parse_rows(ListingsFile.of(path, mapping=mapping).rows(), None))
    assert [row.severity for row in parsed] == [3, 3, 2]


def test_guess_of_one_identifier_a_row(tmp_path: Path) -> None:
    """Columns of type and value are matched with the words for types that stand there."""
    path = tmp_path / "source.txt"
    path.write_text("案号\t证件类型\t证件号码\nc 1\t手机号\t13800138000\nc 2\t张三\t1\n")
    guess = guess_mapping(path)
    assert guess.mapping.columns == {
        "reference": ("案号",),
        "type": ("证件类型",),
        "value": ("证件号码",),
    }
    assert guess.mapping.values == {"type": {"手机号": "MSISDN"}}
    assert guess.unknown_texts == ("type",)
    assert "张三" not in repr(guess)


@pytest.mark.parametrize(
    "content",
    [
        "张三,13800138000,手机号,企业\n李四,13900139000,手机号,企业\n",
        '{"张三": 1, "13800138000": 2}\n',
        "c 1,11010519491231002X\nc 2,11010519491231002X\n",
    ],
)
def test_file_without_header_shows_no_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    """Where the first line may be a row, neither its cells nor a column by name are printed."""
    path = tmp_path / "source.csv"
    path.write_text(content, encoding="utf-8")
    for words in (["contribute"], ["--json", "contribute"]):
        if words[0] == "--json":
            assert run(["--json", "contribute", "--explain", str(path)]) == 0
        else:
            assert run(["contribute", "--explain", str(path)]) == 0
        printed = capsys.readouterr().out
        assert not [word for word in ("张三", "138001", "1101051949") if word in printed]


def test_reference_is_never_an_identifier(tmp_path: Path) -> None:
    """A column of identifiers is not guessed to be the reference, which is hashed without a key."""
    path = tmp_path / "source.csv"
    path.write_text("编号,类别\n11010519491231002X,A2\n", encoding="utf-8")
    assert "reference" not in guess_mapping(path).mapping.columns


def test_day_and_month_are_not_guessed(tmp_path: Path) -> None:
    """Dates that two formats read as other days get none, and are named."""
    path = tmp_path / "source.csv"
    path.write_text("案号,发生日期,到期日\nc 1,01/02/2026,31/01/2026\n", encoding="utf-8")
    guess = guess_mapping(path)
    assert guess.mapping.dates == {"expiry_date": ("DD/MM/YYYY",)}
    assert guess.unknown_texts == ("event_date",)


@pytest.mark.parametrize(
    "words",
    [
        ["--explain", "--source", "ofac"],
        ["--mapping", "m.toml", "--source", "ofac"],
        ["--mapping", "m.toml", "--explain"],
        ["--mapping", "no-such.toml"],
    ],
)
def test_wrong_use(tmp_path: Path, words: list[str]) -> None:
    """A mapping is for one's own files, and a guess needs none."""
    path = tmp_path / "source.csv"
    path.write_text(GUESSED, encoding="utf-8")
    assert run(["contribute", str(path), *words]) == 2
