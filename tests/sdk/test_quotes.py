"""Records of several lines: notes are read, rows swallowed by a ditto mark are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from partner_sdk.cli.main import run
from partner_sdk.sources.csv_file import read_records
from partner_sdk.sources.rows import RowsRefusedError

OWN = ("type", "value", "business_ref")
MAPPING = """
[columns]
reference = "案号"
category = "类别"
[constants]
evidence = "VERIFIED"
source_class = "PEER_DOMESTIC"
legal_basis = "ANTI_TELECOM_FRAUD_LAW"
expiry_date = 2027-02-10
[[identifiers]]
type = "MSISDN"
value = "手机号"
"""


def refusal(path: Path, **how: object) -> tuple[int, str]:
    """Reads a file that is refused; returns the line and the rule."""
    words = {"known": OWN, "mandatory": OWN[:2], **how}
    with pytest.raises(RowsRefusedError) as caught:
        list(read_records(path, **words))  # type: ignore[arg-type]
    (problem,) = caught.value.problems
    return problem.line, problem.rule


@pytest.mark.parametrize("sign", [",", "\t"])
@pytest.mark.parametrize("between", [0, 1, 5])
def test_ditto_mark_is_refused(tmp_path: Path, sign: str, between: int) -> None:
    """A quote sign set as a ditto mark is refused at the line where it begins."""
    path = tmp_path / "asked.csv"
    rows = [
        list(OWN),
        ["MSISDN", "13900139000", "order"],
        ["MSISDN", "13800138000", '"'],
        *[["MSISDN", "13700137000", "order"]] * between,
        ["MSISDN", "13600136000", '"'],
    ]
    path.write_text("\n".join(sign.join(row) for row in rows) + "\n", encoding="utf-8")
    line, rule = refusal(path, delimiter=sign)
    assert line == 3
    assert f"lines 3 to {4 + between} one record" in rule


@pytest.mark.parametrize("place", [0, 1, 2])
def test_ditto_mark_in_a_column_that_is_not_read(tmp_path: Path, place: int) -> None:
    """Rows swallowed by a cell that nobody reads are missed all the same."""
    path = tmp_path / "cases.csv"
    cells = ["a", "b", "c"]
    cells[place] = '"'
    ditto = ",".join(cells)
    path.write_text(f"x,y,z\n{ditto}\n{ditto}\n", encoding="utf-8")
    assert refusal(path, known=None, mandatory=())[0] == 2


def test_quote_never_closed_is_named_where_it_begins(tmp_path: Path) -> None:
    """The end of the file is where it is noticed, not where it is mended."""
    path = tmp_path / "asked.csv"
    path.write_text('type,value\nDOMAIN,a.example\nDOMAIN,"b.example\n' + "DOMAIN,c.example\n" * 9)
    line, rule = refusal(path)
    assert (line, "never closed" in rule) == (3, True)


def test_record_is_named_by_its_first_line(tmp_path: Path) -> None:
    """Blank lines and notes of several lines do not move the numbers of later records."""
    path = tmp_path / "cases.csv"
    path.write_text('x,note\n\n1,"one\ntwo, three"\n\n2,\n3,"end\n"\n', encoding="utf-8")
    records = list(read_records(path, known=None, mandatory=("x",)))
    assert [(record.line, record.cells["x"]) for record in records] == [
        (3, "1"),
        (6, "2"),
        (7, "3"),
    ]


@pytest.mark.parametrize(
    ("header", "advice"),
    [("type;value", "semicolons"), ("type\tvalue", "tabs"), ("type，value", "Chinese commas")],
)
def test_other_delimiters_are_named(tmp_path: Path, header: str, advice: str) -> None:
    """A file of semicolons or tabs is named as one, not as one without columns."""
    path = tmp_path / "asked.csv"
    path.write_text(f"{header}\nDOMAIN;a.example\n", encoding="utf-8")
    assert advice in refusal(path)[1]


def test_header_is_trimmed(tmp_path: Path) -> None:
    """Wide spaces and line breaks in the header of a spreadsheet are no part of a name."""
    path = tmp_path / "asked.csv"
    path.write_text(
        '"风险\n类别",\u3000type\u3000,"value\n"\nA2,DOMAIN,a.example\n', encoding="utf-8"
    )
    (record,) = read_records(path, known=None, mandatory=OWN[:2])
    assert record.cells == {"风险类别": "A2", "type": "DOMAIN", "value": "a.example"}
    assert record.line == 4


def test_notes_of_several_lines_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A contribution reads past notes and says how many; in a mapped column it refuses."""
    path, mapping = tmp_path / "cases.csv", tmp_path / "m.toml"
    mapping.write_text(MAPPING, encoding="utf-8")
    path.write_text('案号,手机号,类别,备注\n1,13800138000,A2,"one\ntwo"\n2,13900139000,A2,\n')
    words = ["contribute", str(path), "--mapping", str(mapping), "--dry-run"]
    assert run([*words, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["rows"], facts["records_of_several_lines"]) == (2, 1)
    path.write_text('案号,手机号,类别,备注\n"1\n2",13800138000,A2,\n')
    assert run(words) == 1
    assert "line 2:" in capsys.readouterr().err
