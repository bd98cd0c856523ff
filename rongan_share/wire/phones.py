"""Telephone numbers: mobile, fixed, short.

Numbers without a country are Chinese. Of other countries only the length is checked: their
numbering plans change too often for a rule that both sides must share.

Source: ITU-T E.164 and its list of country codes; the Chinese numbering plan; for trunk zeros the
metadata of libphonenumber 9.0.43.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import (
    DIGITS,
    Alias,
    Context,
    Normalised,
    compact,
    unify_punctuation,
)
from rongan_share.wire.vocabulary import IdentifierType

_CHINA = "86"
_CHINA_MOBILE = re.compile(r"1[0-9]{10}")
_CHINA_MOBILE_ASSIGNED = re.compile(r"1[3-9][0-9]{9}")
# Area code and number, a service, a mobile.
_CHINA_NUMBER = re.compile(r"10[0-9]{8}|2[0-9]{9}|[3-9][0-9]{9,10}|1[3-9][0-9]{9}")
_CHINA_USUAL = re.compile(
    r"(?:10|2[0-9])[2-9][0-9]{7}|[3-9][0-9]{2}[2-9][0-9]{6,7}|[48]00[0-9]{7}|1[3-9][0-9]{9}"
)
# Dialled without 0.
_CHINA_ALONE = re.compile(r"[48]00[0-9]{7}|1[3-9][0-9]{9}")
_CHINA_LENGTHS = range(9, 13)
_INTERNATIONAL = re.compile(r"[1-9][0-9]{6,14}")
# Ports of mass messages begin with 106 and are as long as their owners like.
_SHORT = re.compile(
    r"(?:\+86|0086)?(?:86(?=[19][0-9]{2}))?(?P<number>106[0-9]{2,17}|[1-9][0-9]{2,7})"
)
_SHORT_BEGINNINGS = frozenset("19")

_ALPHABET = DIGITS | frozenset("+")
_TRUNK = "(0)"
_BAD_CHINESE = "not the form of a Chinese number"
_BAD_PHONE = "needs the area code after 0, or + and 7 to 15 digits, no extension"
_BAD_MOBILE = "needs 11 digits of a Chinese mobile, or + and 7 to 15 digits"
_BAD_EXTENSION = "holds more digits behind a whole number, such as an extension"

# What hangs on a number that is already whole.
_EXTENDED = re.compile(r"(?P<whole>.*[0-9)]) *[-/] *[0-9]{1,5}")
_NORTH_AMERICAN = re.compile(r"1[2-9][0-9]{9}")

_COUNTRY = re.compile(
    r"(?P<code>[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[0-9]{3})"
    r"(?P<national>[0-9]*)"
)
# Where 0 is dialled before an area at home and never after the country, and begins no area.
_DIALS_ZERO_WORDS = """
20 27 31 32 33 40 41 43 44 46 49 51 53 54 55 57 58 60 61 62 63 64 66 81 82 84 86 90 91 92 93 94 95
98 211 212 213 218 231 232 233 234 243 249 251 252 254 255 256 260 261 262 263 264 265 291 353 355
358 359 370 373 374 377 380 381 382 383 385 386 387 389 421 423 508 590 591 593 594 595 596 686 850
855 856 880 886 961 962 963 964 966 967 970 971 972 976 977 994 995 996
"""
_DIALS_ZERO = frozenset(_DIALS_ZERO_WORDS.split())
# Where 0 is part of some numbers, as in Italy of every fixed one.
_KEEPS_ZERO_WORDS = "39 47 225 226 227 229 241 242 247 250 267 378 598 687 800 881 888 992"
_KEEPS_ZERO = frozenset(_KEEPS_ZERO_WORDS.split())
_STRAY_ZERO = "the number begins with 0 after the country"


def _dialled(text: str, field: str) -> str:
    """Drops what people write between digits, and the zero that nobody dials after a country."""
    folded = unify_punctuation(text, field)
    if folded.startswith(("+", "00")):
        folded = folded.replace(_TRUNK, "", 1)
    dialled = compact(folded, field, separators=" -.()/", alphabet=_ALPHABET)
    stray = dialled.find("+", 1)
    if stray > 0:
        raise MalformedError(field, "only the first character may be +", stray)
    return dialled


def _without_trunk(number: str) -> tuple[str, tuple[str, ...]]:
    """Drops the zero of calls at home after a country that has one; doubts it elsewhere."""
    found = _COUNTRY.fullmatch(number)
    if found is None or not found["national"].startswith("0"):
        return number, ()
    code, national = found["code"], found["national"]
    # A second zero is no area either, so dropping one would not make it right.
    if code in _DIALS_ZERO and not national.startswith("00"):
        return code + national[1:], ()
    return number, () if code in _KEEPS_ZERO else (_STRAY_ZERO,)


def _verify_alone(text: str, field: str) -> None:
    """Refuses digits set off behind a whole number: glued to it they would make another one."""
    found = _EXTENDED.fullmatch(unify_punctuation(text, field))
    if found is None:
        return
    number = _phone_with_country(_dialled(found["whole"], field)) or ""
    national = _without_trunk(number)[0].removeprefix(_CHINA)
    chinese = number.startswith(_CHINA) and _CHINA_USUAL.fullmatch(national)
    if chinese or _NORTH_AMERICAN.fullmatch(number):
        raise MalformedError(field, _BAD_EXTENSION)


def mobile_number(text: str, context: Context) -> Normalised:
    """Normalises a mobile number (MSISDN) to ``+`` and digits."""
    _verify_alone(text, context.field)
    given = _with_country(_dialled(text, context.field), _CHINA_MOBILE)
    number, doubts = _without_trunk(given or "")
    if not _INTERNATIONAL.fullmatch(number):
        raise MalformedError(context.field, _BAD_MOBILE)
    if not number.startswith(_CHINA):
        return Normalised(f"+{number}", doubts)
    national = number.removeprefix(_CHINA)
    if not _CHINA_MOBILE.fullmatch(national):
        raise MalformedError(context.field, "not the form of a Chinese mobile number")
    assigned = _CHINA_MOBILE_ASSIGNED.fullmatch(national)
    return Normalised(f"+{number}", () if assigned else ("the mobile prefix is not assigned",))


def _with_country(dialled: str, chinese: re.Pattern[str]) -> str | None:
    """Drops the international prefix, or adds China's code; None where neither fits."""
    if dialled.startswith("+"):
        return dialled[1:]
    if dialled.startswith("00"):
        return dialled[2:]
    if chinese.fullmatch(dialled.removeprefix("0")):
        return _CHINA + dialled.removeprefix("0")
    bare = dialled.removeprefix(_CHINA)
    return dialled if bare != dialled and chinese.fullmatch(bare) else None


def phone_number(text: str, context: Context) -> Normalised:
    """Normalises a fixed or service number (PHONE) to ``+`` and digits, area code included.

    A mobile number is taken too: lists often do not say which it is.
    """
    _verify_alone(text, context.field)
    number, doubts = _without_trunk(_phone_with_country(_dialled(text, context.field)) or "")
    if not _INTERNATIONAL.fullmatch(number):
        raise MalformedError(context.field, _BAD_PHONE)
    if not number.startswith(_CHINA):
        return Normalised(f"+{number}", doubts)
    national = number.removeprefix(_CHINA)
    if len(national) not in _CHINA_LENGTHS:
        raise MalformedError(context.field, _BAD_CHINESE)
    usual = _CHINA_USUAL.fullmatch(national)
    return Normalised(f"+{_CHINA}{national}", () if usual else (_BAD_CHINESE,))


def _phone_with_country(dialled: str) -> str | None:
    # Without 0 or a country the first digits could be of a number whose area was left out.
    if not dialled.startswith(("0", "+", _CHINA)) and not _CHINA_ALONE.fullmatch(dialled):
        return None
    if dialled.startswith(_CHINA):
        return dialled if _CHINA_NUMBER.fullmatch(dialled[2:].removeprefix("0")) else None
    return _with_country(dialled, _CHINA_NUMBER)


def phone_aliases(parts: tuple[str, ...]) -> Iterator[Alias]:
    """Gives the MSISDN that a PHONE may be: a Chinese mobile, or any number of another country."""
    digits = parts[0].removeprefix("+")
    if not digits.startswith(_CHINA) or _CHINA_MOBILE.fullmatch(digits.removeprefix(_CHINA)):
        yield Alias(IdentifierType.MSISDN, parts)


def short_number(text: str, context: Context) -> Normalised:
    """Normalises a Chinese short code or message port (SHORT) to its digits, without country."""
    found = _SHORT.fullmatch(_dialled(text, context.field))
    if found is None:
        raise MalformedError(context.field, "needs 3 to 8 digits, or 106 and up to 17 more")
    number = found["number"]
    usual = number[0] in _SHORT_BEGINNINGS
    return Normalised(number, () if usual else ("no Chinese short code begins so",))
