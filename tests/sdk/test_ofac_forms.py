"""The forms in which the OFAC list writes identifiers, part by part of its remarks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from partner_sdk.sources.ofac_mentions import NO_TYPE, Found, Joined, Mention, Nickname, Unread
from partner_sdk.sources.ofac_remarks import find_identifiers

FORMS: list[tuple[str, str, tuple[str, ...]]] = [
    ("Passport 1084010 (Egypt)", "PASSPORT", ("EGY", "1084010")),
    ("alt. Passport 265 216 (Egypt).", "PASSPORT", ("EGY", "265 216")),
    ("Diplomatic Passport A921579 (Kenya)", "PASSPORT", ("KEN", "A921579")),
    ("alt. Passport Booklet: A5199819 (Pakistan)", "PASSPORT", ("PAK", "A5199819")),
    ("Passport 83 (Korea, North) issued 1 Jan 2010 expires 2 Feb 2015", "PASSPORT", ("PRK", "83")),
    ("Passport X1 (Cabo Verde.  Previously Cape Verde.)", "PASSPORT", ("CPV", "X1")),
    ("Cedula No. 16247821 (Colombia)", "NATIONAL_ID", ("COL", "16247821")),
    ("C.U.R.P. # HESU430525HBCRMR13 (Mexico)", "NATIONAL_ID", ("MEX", "HESU430525HBCRMR13")),
    ("C.U.R.P. HESU430525HBCRMR13", "NATIONAL_ID", ("MEX", "HESU430525HBCRMR13")),
    ("D.N.I. 78.865.882 (Spain)", "NATIONAL_ID", ("ESP", "78.865.882")),
    ("SSN 523-33-8386 (United States)", "NATIONAL_ID", ("USA", "523-33-8386")),
    ("National ID No. CNIC: 35202-5400413-9 (Pakistan)", "NATIONAL_ID", ("PAK", "35202-5400413-9")),
    ("National ID No. D489833(9) (Hong Kong)", "NATIONAL_ID", ("HKG", "D4898339")),
    ("Citizen's Card Number 211226197812154256 (China)", "CN_RID", ("211226197812154256",)),
    ("NIT # 800146749-7 (Colombia)", "TAX_ID", ("COL", "800146749-7")),
    ("R.F.C. DIB-771110-HQ1 (Mexico)", "TAX_ID", ("MEX", "DIB-771110-HQ1")),
    ("Italian Fiscal Code: DRMTMN54H07Z301T", "TAX_ID", ("ITA", "DRMTMN54H07Z301T")),
    ("Legal Entity Number 851683897 (Netherlands)", "TAX_ID", ("NLD", "851683897")),
    ("Legal Entity Number 485100GBI2SE0KIX8T70", "LEI", ("485100GBI2SE0KIX8T70",)),
    ("Registration Number 91350400MA32K7W49G (China)", "CN_USCC", ("91350400MA32K7W49G",)),
    ("Business Registration Number 440301103097413 (China)", "CN_LICENCE", ("440301103097413",)),
    ("Vessel Registration Identification IMO 9187629", "IMO", ("9187629",)),
    ("SWIFT/BIC HAVIGB2L", "BIC", ("HAVIGB2L",)),
    ("alt. Digital Currency Address - XBT 1Kuf2R", "CRYPTO_ADDR", ("XBT", "1Kuf2R")),
    ("Digital Currency Address - ETH 0x7F367c", "CRYPTO_ADDR", ("ETH", "0x7F367c")),
    ("Telephone (98)(21)(66153220)", "PHONE", ("+982166153220",)),
    ("Fax: 0097282858208", "PHONE", ("+97282858208",)),
    ("Telephone + 97165749996", "PHONE", ("+97165749996",)),
    ("Website www.bank.example", "DOMAIN", ("www.bank.example",)),
    ("alt. Website http://bank.example/.", "DOMAIN", ("bank.example",)),
    ("http://bank.example (website)", "DOMAIN", ("bank.example",)),
    ("Email Address a@b.example", "EMAIL", ("a@b.example",)),
    ("Email:a@b.example", "EMAIL", ("a@b.example",)),
    ("a@b.example (email)", "EMAIL", ("a@b.example",)),
    (
        "Unified Social Credit Code (USCC) 91222401MA0Y31E659 (China)",
        "CN_USCC",
        ("91222401MA0Y31E659",),
    ),
    (
        "United Social Credit Code Certificate (USCCC) 91420112711981060J (China)",
        "CN_USCC",
        ("91420112711981060J",),
    ),
]


@pytest.mark.parametrize(("part", "kind", "expected"), FORMS)
def test_forms_that_are_read(part: str, kind: str, expected: tuple[str, ...]) -> None:
    """Each form in which the list writes an identifier is read, whatever stands beside it."""
    found = next(mentions(f"Gender Male; {part}; nationality Egypt."))
    assert isinstance(found, Found)
    assert (found.type.name, found.parts) == (kind, expected)


@pytest.mark.parametrize(
    ("part", "kind", "value"),
    [
        ("DOB 03 May 1938", "NAME_DOB", "1938-05-03"),
        ("alt. DOB 31 Dec 2001.", "NAME_DOB", "2001-12-31"),
        ("Passport D9004878", "NAME_ID", "D9004878"),
        ("National ID No. 3603251708570001", "NAME_ID", "3603251708570001"),
        ("Registration ID HRB 26136 (Germany)", "NAME_ID", "HRB 26136"),
        ("Folio Mercantil No. 22839 (Jalisco) (Mexico)", "NAME_ID", "22839"),
        ("Matricula Mercantil No 30401904 (Medellin)", "NAME_ID", "30401904"),
        ("R.F.C. AUAM-530929 (Mexico)", "NAME_ID", "AUAM-530929"),
        ("Company Number IMO 5055293", "NAME_ID", "5055293"),
        ("Driver's License No. N36064231 (Mexico)", "NAME_ID", "N36064231"),
    ],
)
def test_forms_that_need_the_name(part: str, kind: str, value: str) -> None:
    """A birth date, a number without a country and a number of one register go with the name."""
    (joined,) = mentions(part)
    assert isinstance(joined, Joined)
    assert (joined.type.name, joined.value, joined.derived) == (kind, value, False)


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ("Passport AF465508 Colombia", "PASSPORT"),
        ("Holder of a Pakistan passport", "PASSPORT"),
        ("Passport 12345 (Atlantis)", "PASSPORT"),
        ("Passport 12345 (Egypt) of his brother", "PASSPORT"),
        ("Passport 12345 (Cairo) (Egypt)", "PASSPORT"),
        ("National ID No. Tatmadaw Kyee 19571 (Burma)", "NATIONAL_ID"),
        ("NIT # Provisional (Colombia)", "TAX_ID"),
        ("Company ID: No. 59 531 at Commercial Registry of Baabda, Lebanon", "DOCUMENT"),
        ("Telephone No. 03889402", "PHONE"),
        ("Phone Number 982188526300", "PHONE"),
        ("Telephone (218)(0)(214778301)", "PHONE"),
        ("PHONE 850 2 18111 ext. 8221", "PHONE"),
        ("DOB 1946", "NAME_DOB"),
        ("DOB circa 03 May 1951", "NAME_DOB"),
        ("DOB 01 Jan 1960 to 31 Dec 1962", "NAME_DOB"),
        ("a.k.a. 'HALF", "NICKNAME"),
        ("Website www.facebook.com/somebody", "DOMAIN"),
        ("Website www.a.example. Offices Worldwide", "DOMAIN"),
        ("Email Address a b", "EMAIL"),
        ("Unified Social Credit Code 91222401MA0Y31E659", "CN_USCC"),
    ],
)
def test_forms_that_are_named_instead(part: str, what: str) -> None:
    """What is not understood to its end is named, never read by half."""
    (unread,) = mentions(part)
    assert isinstance(unread, Unread)
    assert unread.what == what


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ("MMSI 572469210", "MMSI"),
        ("Aircraft Tail Number N200VR", "Aircraft Tail Number"),
        ("BIK (RU) 044525607", "BIK (RU)"),
        ("Identification Number ISIN: RU0009177331", "Identification Number ISIN"),
    ],
)
def test_kinds_without_a_type(part: str, what: str) -> None:
    """What no identifier type fits is named with that reason."""
    assert list(mentions(part)) == [Unread(what, NO_TYPE)]


def test_nickname_is_read() -> None:
    """A name in quotation marks is a nickname, whatever stands in it."""
    assert list(mentions("a.k.a. 'H4mid@Tm3l'")) == [Nickname("H4mid@Tm3l")]


@pytest.mark.parametrize(
    "part",
    ["For more, see this link: http://www.treasury.gov/x", "Gender Male", "Linked To: X 1234", ""],
)
def test_text_without_identifier_is_passed_over(part: str) -> None:
    """Pointers to regulations, facts and relations are no identifiers of anybody."""
    assert list(find_identifiers(part)) == []


def mentions(remarks: str) -> Iterator[Mention]:
    """Finds what is not derived from something else."""
    return (each for each in find_identifiers(remarks) if not getattr(each, "derived", False))
