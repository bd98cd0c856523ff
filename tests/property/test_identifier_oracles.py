"""Second opinions: python-stdnum and libphonenumber agree wherever they are right.

Where they are not, the test says so. Neither is used outside tests: they refuse numbers that were
issued, and are slow.
"""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from stdnum import bic, iban, imei, imo, lei, luhn, mac
from stdnum.cn import ric, uscc
from stdnum.exceptions import InvalidComponent, InvalidFormat
from stdnum.iso7064 import mod_11_10

from rongan_share.wire.accounts import IBAN_LENGTHS
from rongan_share.wire.countries import ALPHA_2
from rongan_share.wire.identifiers import Canonical, Grade, canonicalise
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.vocabulary import IdentifierType
from tests.property.well_formed import ALPHANUMERICS, PARTS

SEEDED = settings(deadline=None, derandomize=True, database=None, max_examples=200)
WAYS = (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL)
CHINESE_EXAMPLE = 1012345678
MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


def judge(identifier_type: IdentifierType, text: str) -> Canonical | None:
    """Gives the canonical form, or None for a malformed text."""
    try:
        return canonicalise(identifier_type, text)
    except MalformedError:
        return None


def is_ok(identifier_type: IdentifierType, text: str) -> bool:
    """Says whether a text is neither malformed nor suspect."""
    canonical = judge(identifier_type, text)
    return canonical is not None and canonical.grade is Grade.OK


def near(identifier_type: IdentifierType, alphabet: str = ALPHANUMERICS) -> st.SearchStrategy[str]:
    """Makes right values of a type of one part, and ones with a character changed."""
    right = PARTS[identifier_type][0].core

    def change(value: str, place: int, character: str) -> str:
        at = place % len(value)
        return value[:at] + character + value[at + 1 :]

    return right | st.builds(change, right, st.integers(0, 40), st.sampled_from(alphabet))


@SEEDED
@given(text=near(IdentifierType.LEI))
def test_lei(text: str) -> None:
    """Both agree, but that the oracle would let check digits be letters."""
    assert is_ok(IdentifierType.LEI, text) == (lei.is_valid(text) and text[18:].isdecimal())


@SEEDED
@given(text=near(IdentifierType.IBAN))
def test_iban(text: str) -> None:
    """Both agree, but that the oracle also knows where each country has letters."""
    try:
        iban.validate(text, check_country=False)
    except InvalidFormat:
        return
    except InvalidComponent:
        assert judge(IdentifierType.IBAN, text) is None or not is_ok(IdentifierType.IBAN, text)
    except ValueError:
        assert judge(IdentifierType.IBAN, text) is None
    else:
        assert is_ok(IdentifierType.IBAN, text)


def test_iban_lengths() -> None:
    """Each country has the length that the oracle's registry gives it, and none is missing."""
    registry = {}
    for country in ALPHA_2:
        ((_, facts), *_) = iban._ibandb.info(country)
        if facts:
            registry[country] = 4 + sum(map(int, re.findall("[0-9]+", facts["bban"])))

    assert registry == IBAN_LENGTHS


@SEEDED
@given(text=near(IdentifierType.IMEI, "0123456789"))
def test_imei(text: str) -> None:
    """Both agree, but that 0 is always right here, and that the oracle keeps the check digit."""
    canonical = judge(IdentifierType.IMEI, text)
    assert canonical is not None

    doubted = "the check digit is wrong" in canonical.remarks
    assert doubted == (not imei.is_valid(text) and not text.endswith("0"))
    assert canonical.text == f"rs1|IMEI|{imei.compact(text)[:14]}"


@SEEDED
@given(text=near(IdentifierType.PAN, "0123456789"))
def test_pan(text: str) -> None:
    """Both agree on the check digit, which is soft here."""
    assert is_ok(IdentifierType.PAN, text) == luhn.is_valid(text)


@SEEDED
@given(text=near(IdentifierType.CN_LICENCE, "0123456789"))
def test_licence(text: str) -> None:
    """Both agree on the check digit, which is soft here."""
    assert is_ok(IdentifierType.CN_LICENCE, text) == mod_11_10.is_valid(text)


@SEEDED
@given(text=near(IdentifierType.IMO))
def test_imo(text: str) -> None:
    """Both agree."""
    assert is_ok(IdentifierType.IMO, text) == imo.is_valid(text)


@SEEDED
@given(text=near(IdentifierType.BIC))
def test_bic(text: str) -> None:
    """Both agree, but that digits among the first four are allowed since ISO 9362:2014."""
    expected = bic.is_valid(text) or (bic.is_valid(f"AAAA{text[4:]}") and not text[:4].isalpha())

    assert is_ok(IdentifierType.BIC, text) == expected


@SEEDED
@given(octets=st.lists(st.integers(0, 255), min_size=6, max_size=6), data=st.data())
def test_mac(octets: list[int], data: st.DataObject) -> None:
    """Both make the same of octets with and without leading zeros."""
    mark = data.draw(st.sampled_from(":-"))
    width = data.draw(st.sampled_from(["x", "02x", "02X"]))
    text = mark.join(format(octet, width) for octet in octets)
    canonical = judge(IdentifierType.MAC, text)

    assert mac.is_valid(text, validate_manufacturer=False)
    assert canonical is not None
    assert canonical.text == f"rs1|MAC|{mac.compact(text)}"


@SEEDED
@given(text=near(IdentifierType.CN_RID, "0123456789X"))
def test_resident_id(text: str) -> None:
    """What the oracle accepts is accepted, and what its check character refuses is refused.

    The oracle also refuses regions that were not yet assigned at birth, such as Hong Kong before
    1997, and breaks on some; both are accepted here.
    """
    try:
        accepted = ric.is_valid(text)
    except KeyError:
        accepted = False
    digit = text[:17].isdecimal() and ric.calc_check_digit(text) == text[17]

    assert judge(IdentifierType.CN_RID, text) is not None or not accepted
    assert judge(IdentifierType.CN_RID, text) is None or digit


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("34052419800101001X", Grade.OK),
        ("440524188001010014", Grade.SUSPECT),
        ("810000199003070015", Grade.OK),
    ],
)
def test_resident_id_where_the_oracle_is_wrong(text: str, grade: Grade) -> None:
    """A sample of the standard, a permit of Hong Kong and a county without a name are kept."""
    with pytest.raises((KeyError, InvalidComponent)):
        ric.validate(text)
    canonical = judge(IdentifierType.CN_RID, text)

    assert canonical is not None
    assert canonical.grade is grade


@SEEDED
@given(text=near(IdentifierType.CN_USCC, "0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_credit_code(text: str) -> None:
    """Both agree, but that the oracle refuses the letters of newer authorities."""
    if text[:8].isdecimal():
        assert is_ok(IdentifierType.CN_USCC, text) == uscc.is_valid(text)
    else:
        assert not uscc.is_valid(text)
        assert judge(IdentifierType.CN_USCC, text) is not None


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_numbers_of_the_world(region: str) -> None:
    """The oracle's example of each region, mobile and fixed, is its E.164 however it is written.

    China's fixed one begins as no number there does: it is kept, as suspect.
    """
    for kind, identifier_type in (
        (PhoneNumberType.MOBILE, IdentifierType.MSISDN),
        (PhoneNumberType.FIXED_LINE, IdentifierType.PHONE),
    ):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            continue
        expected = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        for way in WAYS:
            canonical = judge(identifier_type, phonenumbers.format_number(number, way))
            assert canonical is not None
            assert canonical.text == f"rs1|{identifier_type.name}|{expected}"
            assert canonical.grade is Grade.OK or number.national_number == CHINESE_EXAMPLE


@SEEDED
@given(digits=st.from_regex(r"1[0-9]{10}|1[3-9][0-9]{9}", fullmatch=True))
def test_chinese_mobile(digits: str) -> None:
    """A number that the oracle calls a mobile is ok; what is suspect is none, and all is possible.

    The oracle follows each prefix that an operator is given; here all of 13 to 19 are ok.
    """
    number = phonenumbers.parse(digits, "CN")
    canonical = judge(IdentifierType.MSISDN, digits)

    assert canonical is not None
    assert canonical.text.endswith(phonenumbers.format_number(number, PhoneNumberFormat.E164))
    assert phonenumbers.is_possible_number(number)
    if phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in MOBILE:
        assert canonical.grade is Grade.OK


@SEEDED
@given(area=st.sampled_from(["10", "21", "312", "755", "400", "800"]), data=st.data())
def test_chinese_fixed(area: str, data: st.DataObject) -> None:
    """A number that the oracle calls valid is the same number here, with 0 or a country before it.

    The oracle takes a short code behind an area code for a fixed number; here it is refused.
    """
    rest = data.draw(st.from_regex(r"[2-8][0-9]{6,7}", fullmatch=True))
    number = phonenumbers.parse(f"+86{area}{rest}", None)
    if not phonenumbers.is_valid_number(number):
        return
    expected = f"rs1|PHONE|{phonenumbers.format_number(number, PhoneNumberFormat.E164)}"
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    for text in (national, f"+86 {area} {rest}", f"0086{area}{rest}", f"86-{area}-{rest}"):
        canonical = judge(IdentifierType.PHONE, text)
        assert canonical is not None
        assert (canonical.text, canonical.grade) == (expected, Grade.OK)


# A plan with a zero of its own, at least in some numbers.
PLANS_WITH_ZERO = {"39", "47", "225", "226", "227", "229", "241", "242", "247", "250", "267"} | {
    "378", "598", "687", "800", "881", "888", "992"
}  # fmt: skip


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_trunk_zeros_of_the_world(region: str) -> None:
    """A zero after the country is dropped where the oracle's prefix is 0; elsewhere it is doubted.

    Two numbers never become one by it: no plan in which 0 is dropped has a number that begins so.
    """
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    number = phonenumbers.example_number_for_type(region, PhoneNumberType.FIXED_LINE)
    if metadata is None or number is None or str(number.country_code) in PLANS_WITH_ZERO:
        return
    national = phonenumbers.national_significant_number(number)
    canonical = judge(IdentifierType.PHONE, f"+{number.country_code} 0 {national}")
    if metadata.national_prefix == "0":
        plain = judge(IdentifierType.PHONE, f"+{number.country_code}{national}")
        assert canonical == plain
    else:
        assert canonical is None or canonical.grade is Grade.SUSPECT
