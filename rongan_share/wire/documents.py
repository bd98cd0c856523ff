"""Numbers that an authority issues: resident identity, passport, social credit code, any document.

Check digits of resident identity numbers are hard, because every number issued satisfies them.
Those of credit codes are soft: companies with a wrong one exist.
"""

from __future__ import annotations

import string
from datetime import date

from rongan_share.wire.countries import ISSUERS
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import (
    ALPHANUMERICS,
    DIGITS,
    LETTERS,
    Context,
    Normalised,
    compact,
)

_RID_LENGTH = 18
_OLD_RID_LENGTH = 15
_RID_ALPHABET = DIGITS | frozenset("Xx")
_RID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RID_CHECK = "10X98765432"
# First two digits: provinces (GB/T 2260), then residence permits of Hong Kong, Macao and Taiwan.
_RID_REGIONS = frozenset(
    str(code)
    for codes in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
    for code in range(codes[0], codes[1] + 1)
)
_EARLIEST_BIRTH_YEAR = 1900
# Without a clock only what no reader will live to see counts as future.
_LATEST_BIRTH_YEAR = 2099

_USCC_LENGTH = 18
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_INPUT = frozenset(_USCC_ALPHABET + _USCC_ALPHABET.lower())

_ISSUER_LENGTH = 3
_PASSPORT_LENGTHS = range(5, 21)
_DOCUMENT_LENGTHS = range(4, 31)


def resident_id(text: str, context: Context) -> Normalised:
    """Normalises a resident identity number (CN_RID) to 18 characters.

    A 15-digit number gets the century and the check character that it lacks. A birth date is future
    against ``context.today``; without it only a birth after 2099 is.

    Source: GB 11643-1999; ISO 7064 MOD 11-2.
    """
    given = compact(text, context.field, separators=" -", alphabet=_RID_ALPHABET).upper()
    number = _eighteen(given, context.field)
    birth = _real_date(number[6:14])
    if birth is None:
        raise MalformedError(context.field, "the birth date does not exist", 6)
    if number[17] != _rid_check(number):
        raise MalformedError(context.field, "the check character is wrong", 17)
    return Normalised(number, tuple(_rid_doubts(given, number, birth, today=context.today)))


def _eighteen(given: str, field: str) -> str:
    if len(given) not in {_RID_LENGTH, _OLD_RID_LENGTH}:
        raise MalformedError(field, "needs 18 or 15 characters")
    stray = given.find("X")
    if stray not in {-1, _RID_LENGTH - 1}:
        raise MalformedError(field, "only the last of 18 characters may be X", stray)
    if len(given) == _RID_LENGTH:
        return given
    seventeen = f"{given[:6]}19{given[6:]}"
    return seventeen + _rid_check(seventeen)


def _rid_check(number: str) -> str:
    total = sum(weight * int(digit) for weight, digit in zip(_RID_WEIGHTS, number, strict=False))
    return _RID_CHECK[total % 11]


def _real_date(digits: str) -> date | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _rid_doubts(given: str, number: str, birth: date, *, today: date | None) -> list[str]:
    latest = today or date(_LATEST_BIRTH_YEAR, 12, 31)
    # Orders 996 to 999 of the short form were kept for people past a hundred: the century is
    # unknown.
    centenarian = len(given) == _OLD_RID_LENGTH and given[12:] >= "996"
    doubts = (
        (number[:2] not in _RID_REGIONS, "the region is unknown"),
        (birth > latest, "the birth date lies in the future"),
        (birth.year < _EARLIEST_BIRTH_YEAR, "the birth year is before 1900"),
        (centenarian, "the century of birth is uncertain"),
        (number[14:17] == "000", "the order number is zero"),
    )
    return [remark for doubtful, remark in doubts if doubtful]


def credit_code(text: str, context: Context) -> Normalised:
    """Normalises a unified social credit code (CN_USCC); its check character is soft.

    Source: GB 32100-2015 with Amendment 1.
    """
    code = compact(text, context.field, separators=" -", alphabet=_USCC_INPUT).upper()
    if len(code) != _USCC_LENGTH:
        raise MalformedError(context.field, "needs 18 characters")
    remarks = []
    if not DIGITS.issuperset(code[2:8]):
        remarks.append("the region holds a letter")
    total = sum(pow(3, index, 31) * _USCC_ALPHABET.index(code[index]) for index in range(17))
    if code[17] != _USCC_ALPHABET[-total % 31]:
        remarks.append("the check character is wrong")
    return Normalised(code, tuple(remarks))


def issuer(text: str, context: Context) -> Normalised:
    """Normalises the issuing state of a passport to its three letters.

    Source: ISO 3166-1 alpha-3; ICAO 9303 part 3 section 5.
    """
    code = compact(text, context.field, separators=" ", alphabet=LETTERS).upper()
    if len(code) != _ISSUER_LENGTH:
        raise MalformedError(context.field, "needs three letters")
    return Normalised(code, () if code in ISSUERS else ("the issuer is unknown",))


def passport_number(text: str, context: Context) -> Normalised:
    """Normalises the number of a passport; O and 0 stay apart."""
    number = compact(text, context.field, separators=" -", alphabet=ALPHANUMERICS).upper()
    if len(number) not in _PASSPORT_LENGTHS:
        raise MalformedError(context.field, "needs 5 to 20 letters and digits")
    return Normalised(number, _no_digit(number))


def document_number(text: str, context: Context) -> Normalised:
    """Normalises the number of any document: as a CN_RID where it has that form.

    Eighteen characters in the form of a CN_RID must be one. Fifteen digits may also be another
    country's number, so they are kept as they are unless they convert.
    """
    number = compact(text, context.field, separators=" -./()", alphabet=ALPHANUMERICS).upper()
    if (
        len(number) == _RID_LENGTH
        and DIGITS.issuperset(number[:17])
        and number[17] in _RID_ALPHABET
    ):
        return resident_id(number, context)
    # The check character is ours to append, so the birth date alone decides.
    short = len(number) == _OLD_RID_LENGTH and DIGITS.issuperset(number)
    if short and _real_date(f"19{number[6:12]}") is not None:
        return resident_id(number, context)
    if len(number) not in _DOCUMENT_LENGTHS:
        raise MalformedError(context.field, "needs 4 to 30 letters and digits")
    return Normalised(number, _no_digit(number))


def _no_digit(number: str) -> tuple[str, ...]:
    return () if any(digit in number for digit in string.digits) else ("the number holds no digit",)
