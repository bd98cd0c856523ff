"""Numbers of cards and accounts, and of the banks and merchants that hold them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType

from rongan_share.wire.checks import luhn_holds, mod_97_holds
from rongan_share.wire.countries import ALPHA_2
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

# Eight digits of issuer, at least one of account, one to check.
_CARD_LENGTHS = range(10, 20)
_ACCOUNT_LENGTHS = range(6, 33)
_BANK_CODE_LENGTH = 12

_IBAN = re.compile(r"(?P<country>[A-Z]{2})[0-9]{2}[0-9A-Z]{11,30}")
# Release 101 of the registry.
_IBAN_LENGTH_WORDS = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28
EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26
IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28
NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25
SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
IBAN_LENGTHS = MappingProxyType({word[:2]: int(word[2:]) for word in _IBAN_LENGTH_WORDS.split()})
"""How long an IBAN is, by its two letters of country."""

_BIC = re.compile(r"[0-9A-Z]{4}(?P<country>[A-Z]{2})[0-9A-Z]{2}(?P<branch>[0-9A-Z]{3})?")
_HEAD_OFFICE = "XXX"

_MERCHANT_LENGTH = 15
_MERCHANT_CATEGORY = slice(7, 11)


def card_number(text: str, context: Context) -> Normalised:
    """Normalises a payment card number (PAN); its check digit is soft.

    Source: ISO/IEC 7812-1:2017.
    """
    number = compact(text, context.field, separators=" -", alphabet=DIGITS)
    if len(number) not in _CARD_LENGTHS:
        raise MalformedError(context.field, "needs 10 to 19 digits")
    return Normalised(number, () if luhn_holds(number) else ("the check digit is wrong",))


def account_number(text: str, context: Context) -> Normalised:
    """Normalises the number of an account at a bank, which has no check digit."""
    number = compact(text, context.field, separators=" -", alphabet=DIGITS)
    if len(number) not in _ACCOUNT_LENGTHS:
        raise MalformedError(context.field, "needs 6 to 32 digits")
    return Normalised(number)


def bank_code(text: str, context: Context) -> Normalised:
    """Normalises the 12-digit code of a bank's office in the Chinese payment system."""
    code = compact(text, context.field, separators=" -", alphabet=DIGITS)
    if len(code) != _BANK_CODE_LENGTH:
        raise MalformedError(context.field, "needs 12 digits")
    return Normalised(code)


def account_aliases(parts: tuple[str, ...]) -> Iterator[Alias]:
    """Gives the account without its bank, weak: another bank may use the same number."""
    if len(parts) > 1:
        yield Alias(IdentifierType.ACCT, parts[1:], weak=True)


def international_account(text: str, context: Context) -> Normalised:
    """Normalises an international bank account number (IBAN); its check digits are hard.

    Source: ISO 13616-1:2020 and its registry; ISO 7064 MOD 97-10.
    """
    typed = compact(text, context.field, separators=" -:", alphabet=ALPHANUMERICS).upper()
    # Printed before the number; no country has the letters IB.
    number = typed.removeprefix("IBAN")
    found = _IBAN.fullmatch(number)
    if found is None:
        raise MalformedError(
            context.field, "needs 2 letters, 2 digits and 11 to 30 letters or digits"
        )
    length = IBAN_LENGTHS.get(found["country"])
    if length not in {None, len(number)}:
        raise MalformedError(context.field, "not as long as the numbers of its country")
    if not mod_97_holds(number[4:] + number[:4]):
        raise MalformedError(context.field, "the check digits are wrong", 2)
    return Normalised(number, () if length else ("the country is not in the registry",))


def bank_identifier(text: str, context: Context) -> Normalised:
    """Normalises a business identifier code (BIC); the branch XXX is the head office, so dropped.

    Source: ISO 9362:2022.
    """
    code = compact(text, context.field, separators=" -", alphabet=ALPHANUMERICS).upper()
    found = _BIC.fullmatch(code)
    if found is None:
        raise MalformedError(context.field, "needs 8 or 11 characters, the fifth and sixth letters")
    bare = code[:8] if found["branch"] == _HEAD_OFFICE else code
    return Normalised(bare, () if found["country"] in ALPHA_2 else ("the country is unknown",))


def merchant_number(text: str, context: Context) -> Normalised:
    """Normalises a merchant's number at an acquirer: acquirer 3, area 4, category 4, serial 4."""
    number = compact(text, context.field, separators=" -", alphabet=ALPHANUMERICS).upper()
    if len(number) != _MERCHANT_LENGTH:
        raise MalformedError(context.field, "needs 15 digits")
    if not DIGITS.issuperset(number[_MERCHANT_CATEGORY]):
        raise MalformedError(context.field, "the category of the merchant holds a letter", 7)
    return Normalised(number, () if DIGITS.issuperset(number) else ("the number holds a letter",))
