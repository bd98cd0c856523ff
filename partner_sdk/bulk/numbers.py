"""Columns of numbers whose plain form is told by length, digits and a check digit.

Only what is certainly well-formed is recognised, whatever the separators. The rest is left to
`rongan_share.wire.identifiers`, so that no rule of refusal stands twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from rongan_share.wire.vocabulary import IdentifierType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Characters = NDArray[np.uint8]
    Truths = NDArray[np.bool_]

Check = Callable[["Characters", "date | None"], "Truths"]
"""Says which rows of a matrix of characters are plain, given the day in Asia/Shanghai."""

DROPPED, ODD = 0, 255
"""Entries of an alphabet that stand for no character."""

_ZERO = ord("0")
_NINE = 9


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which a number is written.

    Attributes:
        check: Tells which numbers of this length are plain.
        opening: What the canonical value has before the number.
    """

    check: Check
    opening: str = ""


@dataclass(frozen=True, slots=True)
class NumberRule:
    """How numbers of a type are recognised.

    Attributes:
        alphabet: By byte: the byte that it becomes, DROPPED, or ODD where it is not plain.
        forms: By length without what is dropped.
        soft: Whether a number of such a length that does not pass its check is suspect; else it is
            not plain.
    """

    alphabet: Characters
    forms: Mapping[int, Form]
    soft: bool = False


def _alphabet(kept: str, *, separators: str = " -", upper: bool = False) -> Characters:
    table = np.full(256, ODD, dtype=np.uint8)
    table[list(separators.encode())] = DROPPED
    for character in kept:
        table[ord(character)] = ord(character)
        if upper:
            table[ord(character.lower())] = ord(character)
    return table


def _digits(numbers: Characters) -> Truths:
    # Smaller characters wrap round to large numbers.
    return np.asarray((numbers - _ZERO <= _NINE).all(axis=1))


def _account(numbers: Characters, _today: date | None) -> Truths:
    # Its alphabet and lengths say it all.
    return np.ones(len(numbers), dtype=np.bool_)


# A digit above 9 loses 9.
_DOUBLED = np.array((0, 2, 4, 6, 8, 1, 3, 5, 7, 9), dtype=np.uint8)


def _card(numbers: Characters, _today: date | None) -> Truths:
    digits = numbers - _ZERO
    single = digits[:, ::-2].sum(axis=1, dtype=np.uint16)
    doubled = _DOUBLED[digits[:, -2::-2]].sum(axis=1, dtype=np.uint16)
    plain: Truths = (single + doubled) % 10 == 0
    return plain


def _chinese_mobile(numbers: Characters, _today: date | None) -> Truths:
    plain: Truths = (numbers[:, 0] == ord("1")) & (numbers[:, 1] >= ord("3")) & _digits(numbers)
    return plain


def _mobile_after(country: str) -> Check:
    expected = np.frombuffer(country.encode(), dtype=np.uint8)

    def check(numbers: Characters, today: date | None) -> Truths:
        opened: Truths = (numbers[:, : len(country)] == expected).all(axis=1)
        return opened & _chinese_mobile(numbers[:, len(country) :], today)

    return check


_RID_WEIGHTS = np.array((7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), dtype=np.uint16)
_RID_CHECKS = np.frombuffer(b"10X98765432", dtype=np.uint8)
_RID_REGIONS = np.zeros(256, dtype=np.bool_)
for _first, _last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (81, 83)):
    _RID_REGIONS[_first : _last + 1] = True
# The 29th of February is left to be judged singly.
_MONTH_DAYS = np.zeros(100, dtype=np.uint8)
_MONTH_DAYS[1:13] = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PLACES = 10 ** np.arange(7, -1, -1, dtype=np.uint32)
_FIRST_DAY = 19_000_101
_LAST_DAY = 20_991_231


def resident(numbers: Characters, today: date | None) -> Truths:
    """Says which rows of 18 characters are resident identity numbers without any doubt."""
    digits = numbers[:, :17].astype(np.uint32) - _ZERO
    birth = digits[:, 6:14] @ _PLACES
    latest = _LAST_DAY if today is None else today.year * 10_000 + today.month * 100 + today.day
    plain: Truths = (
        _digits(numbers[:, :17])
        & (numbers[:, 17] == _RID_CHECKS[(digits @ _RID_WEIGHTS) % 11])
        & _RID_REGIONS[(digits[:, 0] * 10 + digits[:, 1]) % 256]
        & (birth >= _FIRST_DAY)
        & (birth <= latest)
        & (birth % 100 >= 1)
        & (birth % 100 <= _MONTH_DAYS[birth // 100 % 100])
        & digits[:, 14:17].any(axis=1)
    )
    return plain


_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = np.array([pow(3, index, 31) for index in range(17)], dtype=np.uint16)
_USCC_VALUES = np.zeros(256, dtype=np.uint16)
_USCC_VALUES[list(_USCC_ALPHABET.encode())] = np.arange(31)


def _credit_code(codes: Characters, _today: date | None) -> Truths:
    values = _USCC_VALUES[codes]
    total = values[:, :17] @ _USCC_WEIGHTS
    plain: Truths = ((total + values[:, 17]) % 31 == 0) & _digits(codes[:, 2:8])
    return plain


_NUMBERS = "0123456789"

NUMBER_RULES: Mapping[IdentifierType, NumberRule] = {
    IdentifierType.PAN: NumberRule(
        _alphabet(_NUMBERS), {length: Form(_card) for length in range(10, 20)}, soft=True
    ),
    IdentifierType.ACCT: NumberRule(
        _alphabet(_NUMBERS), {length: Form(_account) for length in range(6, 33)}
    ),
    IdentifierType.MSISDN: NumberRule(
        _alphabet(_NUMBERS + "+"),
        {
            11: Form(_chinese_mobile, "+86"),
            13: Form(_mobile_after("86"), "+"),
            14: Form(_mobile_after("+86")),
        },
    ),
    IdentifierType.CN_RID: NumberRule(_alphabet(_NUMBERS + "X", upper=True), {18: Form(resident)}),
    IdentifierType.CN_USCC: NumberRule(
        _alphabet(_USCC_ALPHABET, upper=True), {18: Form(_credit_code)}, soft=True
    ),
}
"""The types recognised so."""
