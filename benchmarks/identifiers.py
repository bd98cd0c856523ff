"""Seeded identifiers as files of partners hold them: many types, some typed oddly, some wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from rongan_share.wire.checks import luhn_holds, mod_11_2_character

_SEED = 20_261_124
_DIGITS = "0123456789"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_IDEOGRAPHS = "安宝北昌城达发国海恒华建金科来利龙明南平瑞山上天通万新信兴永"
_CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ODDLY = 0.2
_WIDE, _WRONG = 0.01, 0.02

Maker = Callable[[random.Random], str]


def _of(alphabet: str, count: int, chance: random.Random) -> str:
    return "".join(chance.choices(alphabet, k=count))


def _mobile(chance: random.Random) -> str:
    number = f"1{chance.choice('356789')}{_of(_DIGITS, 9, chance)}"
    if chance.random() > _ODDLY:
        return number
    return f"+86 {number[:3]}-{number[3:7]}-{number[7:]}"


def _card(chance: random.Random) -> str:
    bare = "62" + _of(_DIGITS, chance.choice((13, 16)), chance)
    number = next(bare + digit for digit in _DIGITS if luhn_holds(bare + digit))
    if chance.random() > _ODDLY:
        return number
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def _resident(chance: random.Random) -> str:
    region = chance.choice(("110105", "310101", "440524", "510104"))
    birth = f"{chance.randint(1940, 2008)}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}"
    bare = f"{region}{birth}{chance.randint(1, 999):03d}"
    return bare + mod_11_2_character(bare)


def _organisation(chance: random.Random) -> str:
    if chance.random() < 0.5:  # noqa: PLR2004 - half of them
        return f"{_of(_IDEOGRAPHS, chance.randint(4, 9), chance)}有限公司"
    return f"{_word(chance).title()} {_word(chance).title()} Co., Ltd."


def _credit_code(chance: random.Random) -> str:
    bare = f"91{_of(_DIGITS, 6, chance)}{_of(_CREDIT, 9, chance)}"
    total = sum(pow(3, at, 31) * _CREDIT.index(letter) for at, letter in enumerate(bare))
    return bare + _CREDIT[-total % 31]


def _word(chance: random.Random) -> str:
    return _of(_LETTERS, chance.randint(3, 9), chance)


def _person(chance: random.Random) -> str:
    return _of(_IDEOGRAPHS, chance.randint(2, 3), chance)


# Share of each type in a hundred. The last two have no way of their own as columns.
_SHARES: tuple[tuple[str, int, Maker], ...] = (
    ("MSISDN", 23, _mobile),
    ("PAN", 18, _card),
    ("CN_RID", 15, _resident),
    ("ORG_NAME", 12, _organisation),
    ("CN_USCC", 8, _credit_code),
    ("EMAIL", 6, lambda chance: f"{_word(chance)}.{_word(chance)}@{_word(chance)}.com"),
    ("DOMAIN", 4, lambda chance: f"{_word(chance)}.{_word(chance)}.cn"),
    ("ACCT", 4, lambda chance: _of(_DIGITS, 19, chance)),
    ("PERSON_NAME", 3, _person),
    ("PASSPORT", 1, lambda chance: f"CHN|E{_of(_DIGITS, 8, chance)}"),
    ("NAME_ID", 1, lambda chance: f"{_person(chance)}|{_resident(chance)}"),
    ("IP", 1, lambda chance: f"8.{chance.randint(0, 255)}.{chance.randint(0, 255)}.1"),
    ("BIC", 1, lambda chance: f"{_of(_LETTERS, 4, chance).upper()}CNBJ"),
    ("TAX_ID", 1, lambda chance: f"USA|{_of(_DIGITS, 9, chance)}"),
    ("PHONE", 1, lambda chance: f"010-{chance.choice('5678')}{_of(_DIGITS, 7, chance)}"),
    ("MAC", 1, lambda chance: f"0050{_of('0123456789abcdef', 8, chance)}"),
)


def write_identifiers(path: Path, count: int) -> None:
    """Writes a CSV file of mixed types.

    A fifth of cards and mobiles is typed with separators, 1 % of all in full width, and of 2 % the
    last character is another one, so that they are suspect, malformed or another identifier.
    """
    chance = random.Random(_SEED)
    shares = [share for _, share, _ in _SHARES]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("type,value\n")
        for name, _, maker in chance.choices(_SHARES, shares, k=count):
            file.write(f'{name},"{_typed(maker(chance), chance)}"\n')


def _typed(value: str, chance: random.Random) -> str:
    drawn = chance.random()
    if drawn < _WIDE:
        return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and c != "|" else c for c in value)
    if drawn < _WIDE + _WRONG:
        return value[:-1] + chance.choice(_DIGITS)
    return value
