"""Check digits that several identifier types share. What a wrong one means is the type's to say."""

from __future__ import annotations

_LUHN_BASE = 10
_MOD_11_2_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_MOD_11_2_CHARACTERS = "10X98765432"


def luhn_holds(number: str) -> bool:
    """Says whether digits end in their Luhn digit.

    Source: ISO/IEC 7812-1:2017 annex B.
    """
    total = 0
    for index, digit in enumerate(reversed(number)):
        doubled = int(digit) * (1 + index % 2)
        total += doubled - 9 if doubled >= _LUHN_BASE else doubled
    return total % _LUHN_BASE == 0


def mod_11_2_character(number: str) -> str:
    """Gives the check character of the first 17 digits of a number.

    Source: ISO 7064 MOD 11-2, with the weights that GB 11643-1999 prints.
    """
    total = sum(
        weight * int(digit) for weight, digit in zip(_MOD_11_2_WEIGHTS, number, strict=False)
    )
    return _MOD_11_2_CHARACTERS[total % 11]


def mod_11_10_holds(number: str) -> bool:
    """Says whether digits end in their check digit.

    Source: ISO 7064 MOD 11,10.
    """
    remainder = 10
    for digit in number[:-1]:
        remainder = ((remainder + int(digit)) % 10 or 10) * 2 % 11
    return (remainder + int(number[-1])) % 10 == 1


def mod_97_holds(number: str) -> bool:
    """Says whether letters and digits leave one, a letter being two digits from A = 10.

    Source: ISO 7064 MOD 97-10.
    """
    return int("".join(str(int(character, 36)) for character in number)) % 97 == 1
