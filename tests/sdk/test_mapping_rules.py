"""Mistakes of a mapping, a reference, a date or an encoding are refused, not shared."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from partner_sdk.sources.csv_file import parse_rows
from partner_sdk.sources.date_formats import verify_pattern, verify_patterns
from partner_sdk.sources.rows import Row, parse_row
from partner_sdk.subjects import subject_of
from rongan_share.wire.identifiers import Grade
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.sources import reference_from_text
from rongan_share.wire.vocabulary import IdentifierType, RowFlag
from tests.sdk.test_contributions import TAXONOMY, changed
from tests.sdk.test_contributions import problems as problems_of_csv
from tests.sdk.test_formats import problems
from tests.sdk.test_mapping import mapping_of

HEAD = "[columns]\nreference = 'no'\ncategory = 'cat'\n"
ROW = Row(
    line=1,
    reference="case 1",
    type="CN_RID",
    value="11010519491231002X",
    category="E4",
    evidence="VERIFIED",
    source_class="PEER_DOMESTIC",
    legal_basis="AML_LAW",
)


def entry(kind: str, *columns: str) -> str:
    """Writes one identifier of a mapping."""
    return f"[[identifiers]]\ntype = '{kind}'\nvalue = {list(columns)}\n"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (HEAD + "[values.severity]\nhigh = '4'\n", "values.severity"),
        (HEAD + "[values.category]\nfraud = 'A2'\n[values.type]\na = 'PAN'\n", "values.type"),
        (HEAD + "event_date = 'day'\nexpiry_date = 'day'\n", "columns.expiry_date"),
        (HEAD + "type = 'kind'\nvalue = 'no'\n", "columns.value"),
        (HEAD + entry("MSISDN", "no"), "identifiers.value"),
        (HEAD + entry("MSISDN", "phone") * 2, "identifiers.value"),
        (HEAD + entry("MSISDN", "phone") + entry("PHONE", "phone"), "identifiers.value"),
        (HEAD + entry("NAME_ID", "id", "id"), "identifiers.value"),
        (HEAD + entry("MSISDN", "area", "phone"), "identifiers.value"),
        (HEAD + entry("NAME_ID", "name", "id", "day"), "identifiers.value"),
        (HEAD + "value = ['a', 'b']\n[constants]\ntype = 'PAN'\n", "columns.value"),
        (HEAD + "[constants]\ntype = 'CARD'\n", "constants.type"),
        (HEAD + "[constants]\nevidence = 'SURE'\n", "constants.evidence"),
        (HEAD + "[constants]\nseverity = 5\n", "constants.severity"),
        (HEAD + "[constants]\nflags = 'ORDER+SECRET'\n", "constants.flags"),
        (HEAD + "[constants]\nexpiry_date = '2027/1/1'\n", "constants.expiry_date"),
        (HEAD + "[constants]\noriginal_source = 'OFAC'\n", "constants.original_source"),
        (HEAD + "[constants]\nevidence = ' '\n", "constants.evidence"),
        (HEAD + "type = 't'\nvalue = 'v'\n[values.type]\ncard = 'CARD'\n", "values.type"),
        (HEAD + "op = 'what'\n[values.op]\nnew = 'RETOKEN'\n", "values.op"),
        (HEAD + "event_date = 'd'\n[values.event_date]\nnever = '1.1.1970'\n", "values.event_date"),
    ],
)
def test_mistake_of_a_mapping_is_refused(tmp_path: Path, text: str, field: str) -> None:
    """What would leave out, mix up or never fit is refused when the mapping is loaded."""
    with pytest.raises(MalformedError) as caught:
        mapping_of(tmp_path, text)
    assert caught.value.field == field


def test_types_with_parts_share_a_column(tmp_path: Path) -> None:
    """One document may be a CN_RID and a part of a NAME_ID; two columns may be of one type."""
    entries = (
        *(entry("CN_RID", "id"), entry("NAME_ID", "name", "id"), entry("NAME_DOB", "name", "day")),
        *(entry("MSISDN", "phone"), entry("MSISDN", "phone 2"), entry("ACCT", "bank", "account")),
    )
    assert len(mapping_of(tmp_path, HEAD + "".join(entries)).identifiers) == 6


@pytest.mark.parametrize(
    ("patterns", "fit"),
    [
        (("YYYY/M/D", "YYYY年M月D日"), True),
        (("YYYYMMDD", "YYYY-MM-DD", "YYYY-MM-DD hh:mm:ss"), True),
        (("YYYY/M/D", "YYYY/MM/DD"), True),
        (("DD/MM/YYYY", "MM/DD/YYYY"), False),
        (("MM-DD-YYYY", "D-M-YYYY"), False),
        (("YYYYMD",), False),
    ],
)
def test_date_formats_must_not_contradict_each_other(patterns: tuple[str, ...], fit: bool) -> None:
    """Formats by which one text is two days are refused, in whichever order."""
    for each in (patterns, patterns[::-1]):
        if fit:
            verify_patterns(each, "dates.event_date")
        else:
            with pytest.raises(MalformedError, match="two days"):
                verify_patterns(each, "dates.event_date")


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("YYYY-MM-DDThh:mm:ss", True),
        ("YYYY-MM-DDThh:mm:ss+08:00", True),
        ("YYYY-MM-DDThh:mm:ssZ", False),
        ("YYYY-MM-DD hh:mm:ss+00:00", False),
        ("YYYY-MM-DD hh:mm:ss UTC", False),
    ],
)
def test_no_time_zone_is_dropped(pattern: str, fits: bool) -> None:
    """An instant elsewhere may be of another day, so only Shanghai's zone may stand in a format."""
    if fits:
        verify_pattern(pattern, "dates.event_date")
    else:
        with pytest.raises(MalformedError, match="zone"):
            verify_pattern(pattern, "dates.event_date")


@pytest.mark.parametrize(
    "text", ["2027-W01-1", "20270101", "2027-01-01T16:00:00Z", "2027-1-1", "２027-01-01"]
)
def test_other_forms_of_dates_are_refused(tmp_path: Path, text: str) -> None:
    """A date is YYYY-MM-DD and nothing else, whatever else Python would read."""
    (problem,) = problems_of_csv(tmp_path, changed("expiry_date", text))
    assert problem.column == "expiry_date"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("11010519491231002X", "CN_RID"),
        ("138 0013 8000", "MSISDN"),
        ("+8613800138000", "MSISDN"),
        ("6222 0204 0200 0000 016", "PAN"),
    ],
)
@pytest.mark.parametrize("operation", ["ADD", "AMEND", "WITHDRAW"])
def test_reference_is_no_identifier(operation: str, text: str, kind: str) -> None:
    """A reference that is beyond doubt a number of a person is refused in every operation."""
    with pytest.raises(MalformedError, match=f"itself a {kind}") as caught:
        parse_row(replace(ROW, op=operation, reference=text), TAXONOMY)
    assert caught.value.field == "reference"
    assert re.sub("[^0-9]", "", text)[-4:] not in caught.value.rule


@pytest.mark.parametrize("text", ["case\x001", "case\t1", "case 1\n", "\x1f1", "\x85"])
def test_reference_holds_no_control_character(tmp_path: Path, text: str) -> None:
    """A control character is refused: two references that look alike would be two records."""
    with pytest.raises(MalformedError, match="control character"):
        parse_row(replace(ROW, reference=text), TAXONOMY)
    if text == "\x1f1":
        (problem,) = problems_of_csv(tmp_path, changed("reference", text))
        assert problem.column == "reference"


@pytest.mark.parametrize("text", ["case 1", "2026-0117", "0" * 32, "13800138000/1", "案件一"])
def test_other_references_are_what_they_were(text: str) -> None:
    """Everything else is hashed, or its own 16 bytes, as ever."""
    assert parse_row(replace(ROW, reference=text), TAXONOMY).reference == reference_from_text(text)


def test_future_birth_is_suspect() -> None:
    """A birth after today is suspect in rows and questions without anybody passing the day."""
    number = "130102209903070013"
    assert parse_row(replace(ROW, value=number), TAXONOMY).flags & RowFlag.SUSPECT
    (row,) = parse_rows([replace(ROW, value=number)], TAXONOMY)
    assert row.flags & RowFlag.SUSPECT
    (row,) = parse_rows([replace(ROW, value=number)], TAXONOMY, today=date(2099, 3, 7))
    assert not row.flags & RowFlag.SUSPECT
    (canonical,) = subject_of([(IdentifierType.CN_RID, number)]).canonicals
    assert canonical.grade is Grade.SUSPECT


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_utf8_is_not_read_as_gbk(tmp_path: Path, name: str) -> None:
    """A file in UTF-8 whose mapping says GBK is refused, for its names would be others."""
    path = tmp_path / name
    mapping = mapping_of(tmp_path, "encoding = 'gbk'\n" + HEAD + entry("ORG_NAME", "name"))
    line = "no,cat,name\n1,E4,工商银行\n"
    path.write_text(
        line if name == "x.csv" else '{"no": 1, "cat": "E4", "name": "工商"}\n', "utf-8"
    )
    ((_, _, rule),) = problems(path, mapping)
    assert rule.startswith("is UTF-8")
