"""The OFAC list as it is: everything in it is a row or is named, and the totals add up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from partner_sdk.agreements import read_taxonomy
from partner_sdk.sources.countries import COUNTRY_CODES
from partner_sdk.sources.csv_file import parse_rows
from partner_sdk.sources.ofac import OfacList
from partner_sdk.sources.ofac_files import read_entities
from partner_sdk.sources.ofac_remarks import find_identifiers
from partner_sdk.sources.rows import Row, RowsRefusedError
from rongan_share.wire.countries import ISSUERS
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.vocabulary import RowFlag
from tests.sdk.doubles import taxonomy

SDN = Path(__file__).parents[2] / "examples" / "ofac" / "sdn.csv"
ALT = SDN.with_name("alt.csv")

# Parts of the remarks that hold four digits and identify nobody.
NO_MENTION = re.compile(
    r"(?:[Aa]lt\. )?(?:Aircraft Manufacture Date|Aircraft Model|CAATSA Section|Executive Order"
    r"|Linked To|Organization Established Date|Secondary sanctions|Transactions Prohibited"
    r"|arrested|Organization Type|Additional Sanctions)\b"
)


@pytest.fixture(name="ofac", scope="module")
def read_list() -> OfacList:
    """Reads the whole list once."""
    ofac = OfacList(SDN)
    rows = list(ofac.rows())
    assert len(rows) == ofac.report.row_count
    return ofac


def parts_of_remarks() -> list[str]:
    """Lists every part of every remark of the file."""
    return [
        " ".join(part.split()).rstrip(".")
        for entity in read_entities(SDN)
        for part in entity.remarks.split(";")
    ]


def lines_of(path: Path) -> int:
    """Counts the lines of a file of the list, without the last, Ctrl-Z."""
    return len(path.read_bytes().splitlines()) - 1


def test_counts_are_those_of_the_file(ofac: OfacList) -> None:
    """The list has these entities and identifiers; a change of the reader shows here."""
    report = ofac.report
    assert (report.entity_count, report.alias_count) == (lines_of(SDN), lines_of(ALT))
    assert (report.entity_count, report.alias_count) == (8976, 11910)
    assert {kind.name: count for kind, count in report.rows_by_type.items()} == {
        "PERSON_NAME": 12_459,
        "ORG_NAME": 9807,
        "NAME_DOB": 9662,
        "NAME_ID": 8216,
        "NATIONAL_ID": 1527,
        "PASSPORT": 1341,
        "TAX_ID": 1205,
        "DOMAIN": 973,
        "IMO": 400,
        "EMAIL": 236,
        "BIC": 82,
        "CRYPTO_ADDR": 80,
        "PHONE": 67,
        "CN_RID": 35,
        "CN_USCC": 14,
        "CN_LICENCE": 7,
        "LEI": 1,
    }
    assert {kind.name: count for kind, count in report.suspects_by_type.items() if count} == {
        "NAME_ID": 40,
        "PERSON_NAME": 17,
        "CN_USCC": 1,
        "CN_LICENCE": 1,
    }
    assert (report.identifier_count, len(report.skipped)) == (36_585, 2645)
    assert (report.derived_count, report.duplicate_count) == (12_363, 191)


def test_totals_add_up(ofac: OfacList) -> None:
    """Every identifier is a row, a duplicate or skipped; every entity has a row or a reason."""
    report = ofac.report
    made = report.row_count - report.derived_count
    assert report.identifier_count == made + report.duplicate_count + len(report.skipped)
    assert sum(report.skipped_by_reason().values()) == len(report.skipped)
    without = sum(report.entities_without.values())
    assert report.entity_count == report.listed_entity_count + without


def test_every_mention_is_accounted_for(ofac: OfacList) -> None:
    """Names, aliases, call signs and what the remarks hold, counted apart, are what was seen."""
    report = ofac.report
    call_signs = sum(bool(entity.call_sign) for entity in read_entities(SDN))
    in_remarks = sum(
        not getattr(mention, "derived", False)
        for part in parts_of_remarks()
        for mention in find_identifiers(part)
    )
    names = report.entity_count + report.alias_count
    assert report.identifier_count == names + call_signs + in_remarks


def test_nothing_with_a_number_is_passed_over() -> None:
    """A part of the remarks with four digits is a mention, or speaks of something else."""
    passed = [
        part
        for part in parts_of_remarks()
        if re.search("[0-9]{4}", part)
        and not NO_MENTION.match(part)
        and not list(find_identifiers(part))
    ]
    # Offices held since a year, a resolution, a file of Interpol, an address, half a passport.
    assert len(passed) == 10


def test_every_passport_of_the_file_is_accounted_for() -> None:
    """Each part of the remarks that speaks of a passport is read or is named as skipped."""
    for part in parts_of_remarks():
        if "passport" in part.lower():
            assert list(find_identifiers(part)), "passed over"


def test_every_row_parses() -> None:
    """Each row is fit for a frame: category E4, the source marked, the default severity."""
    parsed = list(parse_rows(OfacList(SDN).rows(), read_taxonomy(taxonomy())))
    assert {row.severity for row in parsed} == {3}
    assert {row.category for row in parsed} == {19}
    assert all(row.original_source for row in parsed)
    assert {row.expiry_day for row in parsed} == {0}


def test_no_country_is_unknown(ofac: OfacList) -> None:
    """Every issuing country that the list names is in the table, and every code is a real one."""
    assert not [s for s in ofac.report.skipped if "table" in s.rule]
    assert set(COUNTRY_CODES.values()) <= ISSUERS


def test_skipped_names_no_value(ofac: OfacList) -> None:
    """What is said of a skipped identifier comes from a short list of fixed texts."""
    assert len(ofac.report.skipped_by_reason()) < 60
    assert len({skipped.rule for skipped in ofac.report.skipped}) < 25


def test_nickname_is_an_alias_and_weak(tmp_path: Path) -> None:
    """A name in quotation marks is another name, and alone identifies nobody."""
    (_, row) = read(tmp_path, "a.k.a. 'ACME BANK'.")
    assert (row.type, row.value, row.flags) == ("ORG_NAME", "ACME BANK", "ALIAS+WEAK")


def test_site_is_met_with_and_without_www(tmp_path: Path) -> None:
    """A site is listed as written and, as an alias, without its ``www.``; doubles once."""
    rows = read(tmp_path, "Website www.bank.example; alt. Website bank.example; Website www.a.b")
    assert [(row.value, row.flags) for row in rows if row.type == "DOMAIN"] == [
        ("www.bank.example", ""),
        ("bank.example", "ALIAS"),
        ("www.a.b", ""),
        ("a.b", "ALIAS"),
    ]
    (parsed, *_) = parse_rows([row for row in rows if row.flags], None)
    assert parsed.flags is RowFlag.ALIAS


@pytest.mark.parametrize(
    "text",
    [
        "ent_num,name\n",
        "7,x,alien" + ',"-0-"' * 9 + "\n",
        "type,value" + ",x" * 10 + "\n",
        '7,"x',
        "\xff\xfe",
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    """A file that is not the list is refused by line and rule, not read as an empty one."""
    path = tmp_path / "sdn.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RowsRefusedError) as caught:
        list(OfacList(path, without_aliases=True).rows())
    assert caught.value.problems[0].line == 1


@pytest.mark.parametrize("cut", [1, 2, 40])
@pytest.mark.parametrize("name", ["sdn.csv", "alt.csv"])
def test_file_cut_off_is_refused(tmp_path: Path, name: str, cut: int) -> None:
    """A list without its end mark, or cut within a cell, is not read as a shorter one."""
    write_aliases(tmp_path / "alt.csv", ("7", "ACME BANK"), ("7", "ACME FUND"))
    read(tmp_path, "")
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(RowsRefusedError):
        list(OfacList(tmp_path / "sdn.csv").rows())


def test_what_follows_the_end_mark_is_refused(tmp_path: Path) -> None:
    """Two lists in one file are not read as the first of them."""
    read(tmp_path, "")
    path = tmp_path / "sdn.csv"
    path.write_bytes(path.read_bytes() + b"\r\n" + path.read_bytes())
    with pytest.raises(RowsRefusedError, match="rows: 1"):
        list(OfacList(path, without_aliases=True).rows())


def test_list_alone_must_be_wanted(tmp_path: Path) -> None:
    """Without alt.csv beside it, and unless somebody says so, the list is not read."""
    read(tmp_path, "")
    with pytest.raises(MalformedError, match="alt"):
        OfacList(tmp_path / "sdn.csv")


def test_every_row_of_an_entity_has_its_reference(tmp_path: Path) -> None:
    """Names, aliases and identifiers stand under one reference, aliases flagged as such."""
    write_aliases(tmp_path / "alt.csv", ("7", "ACME BANK"))
    rows = read(tmp_path, "Email Address a@b.example; Registration Number 123456")
    assert {(row.reference, row.original_source) for row in rows} == {("OFAC-SDN|7", "OFAC-SDN|7")}
    assert [(row.type, row.value, row.flags) for row in rows] == [
        ("ORG_NAME", "ACME LTD", ""),
        ("ORG_NAME", "ACME BANK", "ALIAS"),
        ("EMAIL", "a@b.example", ""),
        ("NAME_ID", "ACME LTD|123456", ""),
        ("NAME_ID", "ACME BANK|123456", "ALIAS"),
    ]


def test_person_is_met_by_name_with_birth_or_document(tmp_path: Path) -> None:
    """A person's birth dates go with every name, a document that is a row with the first only."""
    write_aliases(tmp_path / "alt.csv", ("7", "DOE, Jon"))
    rows = read(tmp_path, "DOB 03 May 1938; Passport 1084010 (Egypt)", kind="individual")
    assert [(row.type, row.value, row.flags) for row in rows] == [
        ("PERSON_NAME", "ACME LTD", ""),
        ("PERSON_NAME", "DOE, Jon", "ALIAS"),
        ("NAME_DOB", "ACME LTD|1938-05-03", ""),
        ("NAME_DOB", "DOE, Jon|1938-05-03", "ALIAS"),
        ("PASSPORT", "EGY|1084010", ""),
        ("NAME_ID", "ACME LTD|1084010", ""),
    ]


@pytest.mark.parametrize(
    ("kind", "part", "expected"),
    [
        ("individual", "Registration Number 310107198306111336 (China)", "CN_RID"),
        ("-0- ", "National ID No. 4891 (Iran)", "NAME_ID"),
        ("-0- ", "Vessel Registration Identification IMO 5342883", "NAME_ID"),
        ("vessel", "Vessel Registration Identification IMO 9187629", "IMO"),
    ],
)
def test_type_is_one_that_the_bearer_can_have(
    tmp_path: Path, kind: str, part: str, expected: str
) -> None:
    """A number that its label calls a person's or a ship's is no such number of a company."""
    rows = read(tmp_path, part, kind=kind)
    assert expected in {row.type for row in rows}
    assert {row.type for row in rows} <= {expected, "ORG_NAME", "PERSON_NAME", "NAME_ID"}


def test_alias_of_nobody_is_named(tmp_path: Path) -> None:
    """An alias whose entity is not in the list is skipped by name of file and line."""
    write_aliases(tmp_path / "other.csv", ("7", "ACME BANK"), ("8", "NOBODY"))
    read(tmp_path, "")
    ofac = OfacList(tmp_path / "sdn.csv", alias_file=tmp_path / "other.csv")
    assert [row.value for row in ofac.rows()] == ["ACME LTD", "ACME BANK"]
    (skipped,) = ofac.report.skipped
    assert (skipped.file, skipped.line, skipped.ent_num) == ("other.csv", 2, "8")
    assert ofac.report.identifier_count == 3


@pytest.mark.parametrize("text", ["7,8,alias,X,-0-\n", "7,X\n", 'x,8,"aka",X,-0- \n'])
def test_another_file_of_aliases_is_refused(tmp_path: Path, text: str) -> None:
    """A file that is not alt.csv is refused by line, not read as one without aliases."""
    (tmp_path / "alt.csv").write_text(text)
    with pytest.raises(RowsRefusedError):
        read(tmp_path, "")


def read(folder: Path, remarks: str, *, kind: str = "-0- ") -> list[Row]:
    """Reads a list of one entity."""
    path = folder / "sdn.csv"
    cells = ["7", '"ACME LTD"', kind, '"X"', *["-0- "] * 7, f'"{remarks}"']
    path.write_text(",".join(cells) + "\r\n\x1a", encoding="utf-8")
    alone = not path.with_name("alt.csv").exists()
    return list(OfacList(path, without_aliases=alone).rows())


def write_aliases(path: Path, *aliases: tuple[str, str]) -> None:
    """Writes a file of aliases by number of entity."""
    lines = [f'{number},1,"aka","{name}",-0- \r\n' for number, name in aliases]
    path.write_text("".join(lines) + "\x1a", encoding="utf-8")
