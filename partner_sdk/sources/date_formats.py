"""Dates as a source writes them: a pattern such as ``YYYY/M/D`` or ``YYYY年MM月DD日``.

YYYY is the year, MM and DD are two digits, M and D one or two, hh mm ss a time of day that is
dropped; everything else stands for itself.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

from rongan_share.wire.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_FIELD = re.compile(r"YYYY|MM|DD|hh|mm|ss|M|D")
_DIGITS = {
    "YYYY": r"(?P<year>[0-9]{4})",
    "MM": r"(?P<month>[0-9]{2})",
    "M": r"(?P<month>[0-9]{1,2})",
    "DD": r"(?P<day>[0-9]{2})",
    "D": r"(?P<day>[0-9]{1,2})",
    "hh": r"[0-9]{2}",
    "mm": r"[0-9]{2}",
    "ss": r"[0-9]{2}",
}

_ZONE = re.compile(r"Z\b|UTC|[+-][0-9]{2}", re.IGNORECASE)
_SHANGHAI = re.compile(r"\+08(?::?00)?\Z")
_SAMPLED_YEARS = (2011, 2012)
_PLAUSIBLE_YEARS = range(1970, 2150)
"""Years of which the wire has days."""


def verify_pattern(pattern: str, field: str) -> None:
    """Refuses a pattern that does not say year, month and day once each, or drops a time zone.

    Raises:
        MalformedError: With the field given.
    """
    fields = [name[0] for name in _FIELD.findall(pattern) if name[0] in "YMD"]
    if sorted(fields) != ["D", "M", "Y"]:
        raise MalformedError(field, "a date format needs YYYY, MM or M, and DD or D, once each")
    # Elsewhere the day may be another one than here.
    if _ZONE.search(_FIELD.sub("", _SHANGHAI.sub("", pattern))):
        raise MalformedError(field, "a date format has no time zone but +08:00 at its end")


def verify_patterns(patterns: Collection[str], field: str) -> None:
    """Refuses patterns of which two, or one in two ways, read a text as different days.

    Tried with every day of some years, as each pattern may write it.

    Raises:
        MalformedError: With the field given.
    """
    for pattern, other in product(patterns, repeat=2):
        if any(_misread(pattern, other, year) for year in _SAMPLED_YEARS):
            raise MalformedError(field, "a text may be two days by these date formats")


def _misread(pattern: str, other: str, year: int) -> bool:
    for ordinal in range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()):
        day = date.fromordinal(ordinal)
        for text in _written(pattern, day):
            found = find_date(text, (other,))
            if found and found != day and found.year in _PLAUSIBLE_YEARS:
                return True
    return False


def _written(pattern: str, day: date) -> set[str]:
    """Gives the texts that a pattern reads as a day, at one time of it."""
    padded = {"YYYY": str(day.year), "MM": f"{day.month:02}", "DD": f"{day.day:02}"}
    widths = product((str(day.month), padded["MM"]), (str(day.day), padded["DD"]))
    return {_filled(pattern, {**padded, "M": month, "D": dom}) for month, dom in widths}


def _filled(pattern: str, digits: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda found: digits.get(found[0], "10"), pattern)


def find_date(text: str, patterns: Iterable[str]) -> date | None:
    """Reads a date by the first pattern that fits; None if none does."""
    for pattern in patterns:
        found = _compiled(pattern).fullmatch(text)
        if found is not None:
            try:
                return date(int(found["year"]), int(found["month"]), int(found["day"]))
            except ValueError:
                continue
    return None


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    end = 0
    for found in _FIELD.finditer(pattern):
        parts += (re.escape(pattern[end : found.start()]), _DIGITS[found[0]])
        end = found.end()
    return re.compile("".join((*parts, re.escape(pattern[end:]))))
