"""Numbers of organisations: social credit code, the codes that it replaced, LEI.

Check digits of Chinese codes are soft: companies with a wrong one exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rongan_share.wire.checks import mod_11_10_holds, mod_97_holds
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import (
    ALPHANUMERICS,
    DIGITS,
    Alias,
    Context,
    Normalised,
    compact,
)
from rongan_share.wire.vocabulary import IdentifierType

_USCC_LENGTH = 18
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_INPUT = frozenset(_USCC_ALPHABET + _USCC_ALPHABET.lower())

_ORGANISATION_CODE = re.compile(r"[0-9A-Z]{8}[0-9X]")
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_CHECK = "0X987654321"

_LICENCE_LENGTH = 15
_LEI = re.compile(r"[0-9A-Z]{18}[0-9]{2}")

_WRONG_CHECK = "the check character is wrong"


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
        remarks.append(_WRONG_CHECK)
    return Normalised(code, tuple(remarks))


def credit_code_aliases(parts: tuple[str, ...]) -> Iterator[Alias]:
    """Gives the organisation code that a credit code holds, where it has the form of one."""
    code = parts[0][8:17]
    if _ORGANISATION_CODE.fullmatch(code):
        yield Alias(IdentifierType.CN_ORG, (code,))


def organisation_code(text: str, context: Context) -> Normalised:
    """Normalises an organisation code (CN_ORG) of before 2015, as credit codes still hold it.

    Source: GB 11714-1997.
    """
    code = compact(text, context.field, separators=" -", alphabet=ALPHANUMERICS).upper()
    if not _ORGANISATION_CODE.fullmatch(code):
        raise MalformedError(context.field, "needs 8 letters or digits and a digit or X")
    total = sum(
        weight * int(character, 36)
        for weight, character in zip(_ORGANISATION_WEIGHTS, code, strict=False)
    )
    return Normalised(code, () if code[8] == _ORGANISATION_CHECK[total % 11] else (_WRONG_CHECK,))


def licence_number(text: str, context: Context) -> Normalised:
    """Normalises the 15-digit number of a business licence (CN_LICENCE) of before 2015.

    Source: GS 15-2006, whose check digit is ISO 7064 MOD 11,10.
    """
    number = compact(text, context.field, separators=" -", alphabet=DIGITS)
    if len(number) != _LICENCE_LENGTH:
        raise MalformedError(context.field, "needs 15 digits")
    return Normalised(number, () if mod_11_10_holds(number) else ("the check digit is wrong",))


def legal_entity(text: str, context: Context) -> Normalised:
    """Normalises a legal entity identifier (LEI); its check digits are hard.

    Source: ISO 17442-1:2020; ISO 7064 MOD 97-10.
    """
    code = compact(text, context.field, separators=" -", alphabet=ALPHANUMERICS).upper()
    if not _LEI.fullmatch(code):
        raise MalformedError(context.field, "needs 18 letters or digits and 2 digits")
    if not mod_97_holds(code):
        raise MalformedError(context.field, "the check digits are wrong", 18)
    return Normalised(code)
