"""Numbers of cards and accounts."""

from __future__ import annotations

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import DIGITS, Context, Normalised, compact

# Eight digits of issuer, at least one of account, one to check.
_CARD_LENGTHS = range(10, 20)
_LUHN_BASE = 10


def card_number(text: str, context: Context) -> Normalised:
    """Normalises a payment card number (PAN); its check digit is soft.

    Source: ISO/IEC 7812-1:2017.
    """
    number = compact(text, context.field, separators=" -", alphabet=DIGITS)
    if len(number) not in _CARD_LENGTHS:
        raise MalformedError(context.field, "needs 10 to 19 digits")
    return Normalised(number, () if _luhn_holds(number) else ("the check digit is wrong",))


def _luhn_holds(number: str) -> bool:
    total = 0
    for index, digit in enumerate(reversed(number)):
        doubled = int(digit) * (1 + index % 2)
        total += doubled - 9 if doubled >= _LUHN_BASE else doubled
    return total % _LUHN_BASE == 0
