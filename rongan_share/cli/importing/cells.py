"""Cells of tables into numbers of the wire, whole columns at a time."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rongan_share.ledger.journal import COLUMN_DTYPES
from rongan_share.wire.days import day_of_date
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.sources import original_source
from rongan_share.wire.vocabulary import (
    Evidence,
    IdentifierType,
    LegalBasis,
    RowFlag,
    RowOperation,
    SourceClass,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import IntEnum

    from numpy.typing import NDArray

    from rongan_share.wire.taxonomy import Taxonomy

KEYS = ("token", "reference")
"""Columns of 16 bytes, which stand in tables as 32 hexadecimal digits or as bytes."""

BY_DEFAULT = 254
"""Severity of a row that states none: the category's own takes its place."""

_KEY_BYTES = 16
_MANDATORY = "mandatory"
_WORDS: dict[str, type[IntEnum]] = {
    "operation": RowOperation,
    "type": IdentifierType,
    "evidence": Evidence,
    "source_class": SourceClass,
    "legal_basis": LegalBasis,
}
_EMPTY = {
    "operation": int(RowOperation.ADD),
    "flags": 0,
    "severity": BY_DEFAULT,
    "original_source": 0,
    "event_day": 0,
    "expiry_day": 0,
}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NIBBLES = np.full(256, 0xFF, np.uint8)
for _digit in "0123456789abcdefABCDEF":
    _NIBBLES[ord(_digit)] = int(_digit, 16)


class Column(NamedTuple):
    """A column that was read.

    Attributes:
        values: As it stands in the journal; zero where it could not be read.
        broken: Rows that could not be.
        rule: The rule that those break.
    """

    values: NDArray[Any]
    broken: NDArray[np.bool_]
    rule: str


def absent(name: str, row_count: int) -> Column | None:
    """Gives a column that a table has not; None if it must have it."""
    if name not in _EMPTY:
        return None
    values = np.full(row_count, _EMPTY[name], COLUMN_DTYPES[name])
    return Column(values, np.zeros(row_count, np.bool_), "")


def read_texts(name: str, texts: list[str], taxonomy: Taxonomy) -> Column:
    """Reads distinct texts of a column, the way people write them."""
    values = np.zeros(len(texts), COLUMN_DTYPES[name])
    broken = np.zeros(len(texts), np.bool_)
    rule = ""
    for at, text in enumerate(texts):
        try:
            values[at] = _number_of(name, text, taxonomy)
        except MalformedError as error:
            broken[at], rule = True, error.rule
    return Column(values, broken, rule)


def read_numbers(name: str, numbers: NDArray[Any]) -> Column:
    """Reads whole numbers."""
    limits = np.iinfo(COLUMN_DTYPES[name])
    broken = (numbers < limits.min) | (numbers > limits.max)
    values = np.where(broken, 0, numbers).astype(COLUMN_DTYPES[name])
    return Column(values, broken, f"0 to {limits.max}")


def fill_empty(name: str, column: Column, empty: NDArray[np.bool_]) -> Column:
    """Gives the cells of a column of numbers that hold none what an empty cell means.

    Args:
        name: The column.
        column: As it was read, with anything in those cells.
        empty: Which they are.
    """
    if not empty.any():
        return column
    values = column.values.copy()
    values[empty] = _EMPTY.get(name, 0)
    if name in _EMPTY:
        return Column(values, column.broken & ~empty, column.rule)
    rule = column.rule if column.broken.any() else _MANDATORY
    return Column(values, column.broken | empty, rule)


def read_hexadecimal(characters: NDArray[np.uint8], lengths: NDArray[np.int64]) -> Column:
    """Reads 32 hexadecimal digits a row.

    Args:
        characters: The characters of all rows, one after another.
        lengths: How many each row has.
    """
    rule = "32 hexadecimal digits"
    digits = 2 * _KEY_BYTES
    broken = lengths != digits
    if broken.any():
        ends = np.cumsum(lengths)
        whole = np.zeros((lengths.size, digits), np.uint8)
        at = (ends - lengths)[~broken]
        whole[~broken] = characters[at[:, None] + np.arange(digits)]
    else:
        whole = characters.reshape(-1, digits)
    nibbles = _NIBBLES[whole]
    broken |= (nibbles == 0xFF).any(axis=1)  # noqa: PLR2004 - what no digit is
    packed = (nibbles[:, 0::2] << 4) | (nibbles[:, 1::2] & 0x0F)
    packed[broken] = 0
    return Column(np.ascontiguousarray(packed).reshape(-1).view("S16"), broken, rule)


def fill_severities(columns: dict[str, NDArray[Any]], taxonomy: Taxonomy) -> None:
    """Gives rows without a severity that of their category."""
    bare = columns["severity"] == BY_DEFAULT
    if bare.any():
        table = np.zeros(256, np.uint8)
        for category in taxonomy.categories:
            table[category.bit] = category.default_severity
        columns["severity"] = np.where(bare, table[columns["category"]], columns["severity"])


def _number_of(name: str, text: str, taxonomy: Taxonomy) -> int:
    if not text:
        return _empty(name)
    if text.isdecimal() and text.isascii():
        most = int(np.iinfo(COLUMN_DTYPES[name]).max)
        if len(text) > len(str(most)) or int(text) > most:
            raise MalformedError(name, f"0 to {most}")
        return int(text)
    if name == "category":
        category = taxonomy.find_code(text)
        if category is None:
            raise MalformedError(name, "a category of the taxonomy, by code or bit number")
        return category.bit
    if name in _WORDS:
        return _member(_WORDS[name], text, name)
    read = _FORMS.get(name)
    if read is None:
        raise MalformedError(name, "a number")
    return read(name, text)


def _empty(name: str) -> int:
    if name in _EMPTY:
        return _EMPTY[name]
    raise MalformedError(name, _MANDATORY)


def _flags_of(name: str, text: str) -> int:
    return sum({_member(RowFlag, word.strip(), name) for word in text.split("+") if word})


def _source_of(name: str, text: str) -> int:
    issuer, bar, document = text.partition("|")
    if not bar:
        raise MalformedError(name, "ISSUER|DOCUMENT, or a number")
    return original_source(issuer, document)


def _day_of(name: str, text: str) -> int:
    # Python reads other forms of ISO 8601 too, such as weeks.
    try:
        if _DATE.fullmatch(text):
            return day_of_date(date.fromisoformat(text))
    except (ValueError, MalformedError):
        pass
    raise MalformedError(name, "YYYY-MM-DD between 1970 and 2149, or a day number")


def _member(vocabulary: type[IntEnum | RowFlag], word: str, name: str) -> int:
    member = vocabulary.__members__.get(word)
    if member is None:
        raise MalformedError(name, f"one of {' '.join(vocabulary.__members__)}, or a number")
    return int(member)


_FORMS: dict[str, Callable[[str, str], int]] = {
    "flags": _flags_of,
    "original_source": _source_of,
    "event_day": _day_of,
    "expiry_day": _day_of,
}
