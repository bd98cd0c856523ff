"""Cells of any source as text: what a number or a date of JSON or Parquet looks like in CSV.

A number that may have lost digits is refused, because a card number rounded by a spreadsheet is
another card.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rongan_share.wire.days import SHANGHAI
from rongan_share.wire.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXACT_BELOW = 2**53
"""From here on a floating-point number skips integers."""

_BLANKS = (
    "\t \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u202f\u205f\u3000"
)
"""The tab, which spreadsheets set before numbers, and Unicode's spaces; no line break."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record of a source, not yet mapped.

    Attributes:
        line: Line of the file, or number of the row where there are no lines, from 1.
        cells: Cells by the source's own column. Never shown.
    """

    line: int
    cells: Mapping[str, object] = field(repr=False)


def strip_blanks(text: str) -> str:
    """Drops surrounding blanks, and no control character: whoever reads the text may refuse it."""
    return text.strip(_BLANKS)


def cell_text(cell: object, column: str) -> str:
    """Gives a cell as the text that a CSV file would hold.

    Args:
        cell: What the reader made of it.
        column: What a refusal calls the column.

    Raises:
        MalformedError: It is no text, number or date, or has lost digits.
    """
    if isinstance(cell, str):
        return _checked_text(cell, column)
    if cell is None or isinstance(cell, bool):
        return {None: "", True: "true", False: "false"}[cell]
    if isinstance(cell, (int, float, Decimal)):
        return _number_text(cell, column)
    if isinstance(cell, datetime):
        return _local(cell).isoformat(" ", "seconds")
    if isinstance(cell, date):
        return cell.isoformat()
    raise MalformedError(column, "needs a text, a number or a date")


def exact_text(cell: object, column: str) -> str:
    """Gives a cell of which every sign counts: an identifier, a part of one, or a reference.

    Floating point is refused even where it looks whole: what rounded it once does not show.

    Args:
        cell: What the reader made of it.
        column: What a refusal calls the column.

    Raises:
        MalformedError: It is neither a text nor a whole number from 0.
    """
    if cell is None:
        return ""
    if isinstance(cell, str):
        return _checked_text(cell, column)
    whole = isinstance(cell, int) and not isinstance(cell, bool) and cell >= 0
    if isinstance(cell, Decimal):
        whole = not cell.is_signed() and cell.as_tuple().exponent == 0
    if not whole:
        rule = "needs a text or a whole number without sign, no floating point; store it as text"
        raise MalformedError(column, rule)
    return str(cell)


def day_text(day: date) -> str:
    """Gives the day of a date or of an instant as ``YYYY-MM-DD``."""
    return (_local(day).date() if isinstance(day, datetime) else day).isoformat()


def _local(instant: datetime) -> datetime:
    # A day is a day of Shanghai; an instant without a zone is taken as written.
    return (instant.astimezone(SHANGHAI) if instant.tzinfo else instant).replace(tzinfo=None)


def _checked_text(text: str, column: str) -> str:
    # JSON can spell half a character; no encoding of a token could hold it.
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise MalformedError(column, "is not valid Unicode") from None
    return strip_blanks(text)


def _number_text(number: float | Decimal, column: str) -> str:
    if isinstance(number, int):
        return str(number)
    # Tables write a missing number as "not a number".
    if math.isnan(number):
        return ""
    exact = isinstance(number, Decimal) or abs(number) < _EXACT_BELOW
    if not exact or not _whole(number):
        raise MalformedError(column, "a number with a fraction or lost digits; store it as text")
    return str(int(number))


def _whole(number: float | Decimal) -> bool:
    # By comparison: a remainder is computed in 28 digits, and a wide decimal has more.
    try:
        return number == int(number)
    except ArithmeticError:
        return False
