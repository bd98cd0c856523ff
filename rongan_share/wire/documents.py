"""Documents of persons: resident identity, passport, permits, national numbers, any document.

Check digits of resident identity numbers are hard, because every number issued satisfies them.
"""

from __future__ import annotations

import re
import string
from datetime import date

from rongan_share.wire.checks import mod_11_2_character
from rongan_share.wire.countries import ISSUERS
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import (
    ALPHANUMERICS,
    DIGITS,
    LETTERS,
    Context,
    Normalised,
    compact,
    unify_punctuation,
)

_RID_LENGTH = 18
_OLD_RID_LENGTH = 15
_RID_ALPHABET = DIGITS | frozenset("Xx")
# First two digits: provinces (GB/T 2260), then residence permits of Hong Kong, Macao and Taiwan.
_RID_REGIONS = frozenset(
    str(code)
    for codes in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
    for code in range(codes[0], codes[1] + 1)
)
_EARLIEST_BIRTH_YEAR = 1900
# Without a clock only what no reader will live to see counts as future.
_LATEST_BIRTH_YEAR = 2099

_OLD_RESIDENT_CARD = re.compile(r"(?P<state>[A-Z]{3})[0-9]{12}")
_RESIDENT_CARD = re.compile(r"9[0-9]{16}[0-9X]")
# Old permits add two digits that count the issues of one document.
_PERMIT = re.compile(r"(?P<number>[HM]?[0-9]{8})(?:[0-9]{2})?")

_ISSUER_LENGTH = 3
_PASSPORT_LENGTHS = range(5, 21)
_DOCUMENT_LENGTHS = range(4, 31)
_DOCUMENT_SEPARATORS = " -./()"

_DATE = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"|[-/.年](?P<m>[0-9]{1,2})[-/.月](?P<d>[0-9]{1,2})日?)"
)


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
    if number[17] != mod_11_2_character(number):
        raise MalformedError(context.field, "the check character is wrong", 17)
    # Orders 996 to 999 of the short form were kept for people past a hundred: the century is
    # unknown.
    centenarian = len(given) == _OLD_RID_LENGTH and given[12:] >= "996"
    return Normalised(
        number,
        _remarks(
            (number[:2] not in _RID_REGIONS, "the region is unknown"),
            *_birth_doubts(birth, context.today),
            (centenarian, "the century of birth is uncertain"),
            (number[14:17] == "000", "the order number is zero"),
        ),
    )


def _eighteen(given: str, field: str) -> str:
    if len(given) not in {_RID_LENGTH, _OLD_RID_LENGTH}:
        raise MalformedError(field, "needs 18 or 15 characters")
    stray = given.find("X")
    if stray not in {-1, _RID_LENGTH - 1}:
        raise MalformedError(field, "only the last of 18 characters may be X", stray)
    if len(given) == _RID_LENGTH:
        return given
    seventeen = f"{given[:6]}19{given[6:]}"
    return seventeen + mod_11_2_character(seventeen)


def _real_date(digits: str) -> date | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _birth_doubts(birth: date, today: date | None) -> tuple[tuple[bool, str], ...]:
    latest = today or date(_LATEST_BIRTH_YEAR, 12, 31)
    return (
        (birth > latest, "the birth date lies in the future"),
        (birth.year < _EARLIEST_BIRTH_YEAR, "the birth year is before 1900"),
    )


def _remarks(*doubts: tuple[bool, str]) -> tuple[str, ...]:
    return tuple(remark for doubtful, remark in doubts if doubtful)


def birth_date(text: str, context: Context) -> Normalised:
    """Normalises a date of birth to ``YYYY-MM-DD``; the year stands first, or nobody can tell."""
    folded = unify_punctuation(text, context.field).replace(" ", "")
    found = _DATE.fullmatch(folded)
    if found is None:
        raise MalformedError(context.field, "needs a date as YYYY-MM-DD")
    month, day = found["month"] or found["m"], found["day"] or found["d"]
    birth = _real_date(f"{found['year']}{month:0>2}{day:0>2}")
    if birth is None:
        raise MalformedError(context.field, "the date does not exist")
    return Normalised(birth.isoformat(), _remarks(*_birth_doubts(birth, context.today)))


def resident_card(text: str, context: Context) -> Normalised:
    """Normalises the number of a foreigner's permanent resident card (CN_FPR), old or new form.

    What the digits of the new form say is less surely known than of a CN_RID, so date and check
    character are soft.
    """
    number = compact(text, context.field, separators=" -", alphabet=ALPHANUMERICS).upper()
    old = _OLD_RESIDENT_CARD.fullmatch(number)
    if old:
        return Normalised(number, _remarks((old["state"] not in ISSUERS, "the state is unknown")))
    if not _RESIDENT_CARD.fullmatch(number):
        raise MalformedError(
            context.field, "needs 3 letters and 12 digits, or 18 characters that begin with 9"
        )
    birth = _real_date(number[6:14])
    return Normalised(
        number,
        _remarks(
            (birth is None, "the birth date does not exist"),
            *(_birth_doubts(birth, context.today) if birth else ()),
            (number[17] != mod_11_2_character(number), "the check character is wrong"),
        ),
    )


def travel_permit(text: str, context: Context) -> Normalised:
    """Normalises a mainland travel permit (CN_HMT_PERMIT): H or M and 8 digits, or 8 for Taiwan.

    The count of issues that old permits append is dropped: it changes, the holder does not.
    """
    number = compact(text, context.field, separators=" -()", alphabet=ALPHANUMERICS).upper()
    found = _PERMIT.fullmatch(number)
    if found is None:
        raise MalformedError(
            context.field, "needs 8 or 10 digits, for Hong Kong and Macao after H or M"
        )
    return Normalised(found["number"])


def issuer(text: str, context: Context) -> Normalised:
    """Normalises the state that issues a document to its three letters.

    Source: ISO 3166-1 alpha-3; ICAO 9303 part 3 section 5.
    """
    code = compact(text, context.field, separators=" ", alphabet=LETTERS).upper()
    if len(code) != _ISSUER_LENGTH:
        raise MalformedError(context.field, "needs three letters")
    return Normalised(code, _remarks((code not in ISSUERS, "the issuer is unknown")))


def passport_number(text: str, context: Context) -> Normalised:
    """Normalises the number of a passport; O and 0 stay apart."""
    number = compact(text, context.field, separators=" -", alphabet=ALPHANUMERICS).upper()
    if len(number) not in _PASSPORT_LENGTHS:
        raise MalformedError(context.field, "needs 5 to 20 letters and digits")
    return Normalised(number, _no_digit(number))


def national_number(text: str, context: Context) -> Normalised:
    """Normalises a number under which a state knows a person or taxpayer; O and 0 stay apart."""
    number = compact(
        text, context.field, separators=_DOCUMENT_SEPARATORS, alphabet=ALPHANUMERICS
    ).upper()
    if len(number) not in _DOCUMENT_LENGTHS:
        raise MalformedError(context.field, "needs 4 to 30 letters and digits")
    return Normalised(number, _no_digit(number))


def document_number(text: str, context: Context) -> Normalised:
    """Normalises the number of any document: as a CN_RID where it has that form.

    Eighteen characters in the form of a CN_RID must be one. Fifteen digits may also be another
    country's number, so they are kept as they are unless they convert.
    """
    number = compact(
        text, context.field, separators=_DOCUMENT_SEPARATORS, alphabet=ALPHANUMERICS
    ).upper()
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
    return national_number(number, context)


def _no_digit(number: str) -> tuple[str, ...]:
    return _remarks(
        (not any(digit in number for digit in string.digits), "the number holds no digit")
    )
