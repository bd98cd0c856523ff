"""The OFAC list as it is: everything in it is a row or is named, and the totals add up."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from partner_sdk.agreements import read_taxonomy
from partner_sdk.sources.countries import COUNTRY_CODES
from partner_sdk.sources.csv_file import parse_rows
from partner_sdk.sources.ofac import OfacList
from partner_sdk.sources.ofac_remarks import Found, Unread, find_identifiers
from partner_sdk.sources.rows import Row, RowsRefusedError
from rongan_share.wire.countries import ISSUERS
from rongan_share.wire.vocabulary import IdentifierType, RowFlag
from tests.sdk.doubles import taxonomy

SDN = Path(__file__).parents[2] / "examples" / "ofac" / "sdn.csv"


@pytest.fixture(name="ofac", scope="module")
def read_list() -> OfacList:
    """Reads the whole list once."""
    ofac = OfacList(SDN)
    rows = list(ofac.rows())
    assert len(rows) == ofac.report.row_count
    return ofac


def test_counts_are_those_of_the_file(ofac: OfacList) -> None:
    """The list has these entities and identifiers; a change of the reader shows here."""
    report = ofac.report
    assert report.entity_count == 8976
    assert {kind.name: count for kind, count in report.rows_by_type.items()} == {
        "ORG_NAME": 3673,
        "PASSPORT": 1339,
        "DOMAIN": 973,
        "EMAIL": 236,
        "CN_USCC": 11,
    }


def test_totals_add_up(ofac: OfacList) -> None:
    """Every identifier is a row, a duplicate or skipped; every entity has a row or a reason."""
    report = ofac.report
    made = report.row_count - report.derived_count
    assert report.identifier_count == made + report.duplicate_count + len(report.skipped)
    without = sum(report.entities_without.values())
    assert report.entity_count == report.listed_entity_count + without


def test_every_passport_of_the_file_is_accounted_for(ofac: OfacList) -> None:
    """Each part of the remarks that speaks of a passport is a row or is named as skipped."""
    parts = sum("passport" in part.lower() for part in SDN.read_text(encoding="utf-8").split(";"))
    skipped = Counter(skipped.what for skipped in ofac.report.skipped)["PASSPORT"]
    read = ofac.report.rows_by_type[IdentifierType.PASSPORT]
    assert read + skipped == parts


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
    assert len({(skipped.what, skipped.rule) for skipped in ofac.report.skipped}) < 20


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("Passport 1084010 (Egypt)", ("EGY", "1084010")),
        ("alt. Passport 265 216 (Egypt).", ("EGY", "265 216")),
        ("Diplomatic Passport A921579 (Kenya)", ("KEN", "A921579")),
        ("alt. Passport Booklet: A5199819 (Pakistan)", ("PAK", "A5199819")),
        ("Passport 83 (Korea, North) issued 1 Jan 2010 expires 2 Feb 2015", ("PRK", "83")),
        ("Passport X (Cabo Verde.  Previously Cape Verde.)", ("CPV", "X")),
        ("Website www.bank.example", ("www.bank.example",)),
        ("alt. Website http://bank.example/.", ("bank.example",)),
        ("http://bank.example (website)", ("bank.example",)),
        ("Email Address a@b.example", ("a@b.example",)),
        ("Email:a@b.example", ("a@b.example",)),
        ("a@b.example (email)", ("a@b.example",)),
        ("Unified Social Credit Code (USCC) 91222401MA0Y31E659 (China)", ("91222401MA0Y31E659",)),
        (
            "United Social Credit Code Certificate (USCCC) 91420112711981060J (China)",
            ("91420112711981060J",),
        ),
    ],
)
def test_forms_that_are_read(part: str, expected: tuple[str, ...]) -> None:
    """Each form in which the list writes an identifier is read, whatever stands beside it."""
    found = next(find_identifiers(f"DOB 1 Jan 1950; {part}; Gender Male."))
    assert isinstance(found, Found)
    assert found.parts == expected


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ("Passport 1084010", "PASSPORT"),
        ("Passport AF465508 Colombia", "PASSPORT"),
        ("Holder of a Pakistan passport", "PASSPORT"),
        ("Passport 12345 (Atlantis)", "PASSPORT"),
        ("Passport 12345 (Egypt) of his brother", "PASSPORT"),
        ("Website www.facebook.com/somebody", "DOMAIN"),
        ("Website www.a.example. Offices Worldwide", "DOMAIN"),
        ("Email Address a b", "EMAIL"),
        ("Unified Social Credit Code 91222401MA0Y31E659", "CN_USCC"),
        ("SWIFT/BIC ABCDEFGH", "BIC"),
    ],
)
def test_forms_that_are_named_instead(part: str, what: str) -> None:
    """What is not understood to its end is named, never read by half."""
    (unread,) = find_identifiers(part)
    assert isinstance(unread, Unread)
    assert unread.what == what


@pytest.mark.parametrize(
    "part", ["a.k.a. 'H4mid@Tm3l'", "For more, see this link: http://www.treasury.gov/x", ""]
)
def test_text_without_identifier_is_passed_over(part: str) -> None:
    """Nicknames and pointers to regulations are no identifiers of anybody."""
    assert list(find_identifiers(part)) == []


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
        list(OfacList(path).rows())
    assert caught.value.problems[0].line == 1


def read(folder: Path, remarks: str) -> list[Row]:
    """Reads a list of one organisation."""
    path = folder / "sdn.csv"
    cells = ["7", '"ACME LTD"', "-0- ", '"X"', *["-0- "] * 7, f'"{remarks}"']
    path.write_text(",".join(cells) + "\r\n\x1a", encoding="utf-8")
    return list(OfacList(path).rows())
