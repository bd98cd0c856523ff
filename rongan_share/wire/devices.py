"""Numbers of things: phones, network cards, browsers, ships."""

from __future__ import annotations

import re
import string

from rongan_share.wire.checks import luhn_holds
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import (
    ALPHANUMERICS,
    DIGITS,
    Context,
    Normalised,
    compact,
    unify_punctuation,
)

_IMEI_LENGTH = 14
_CHECKED_IMEI_LENGTH = 15
_IMEI_LENGTHS = range(14, 17)

_HEXADECIMALS = frozenset(string.hexdigits)
_MAC_LENGTH = 12
_MAC_OCTETS = re.compile(r"[0-9a-f]{1,2}(?:([:-])[0-9a-f]{1,2})(?:\1[0-9a-f]{1,2}){4}")
_GROUP_BIT = 1
_LOCAL_BIT = 2

_FINGERPRINT_LENGTHS = range(16, 257)
_FINGERPRINT_ALPHABET = ALPHANUMERICS | frozenset("+/=_-:.")
_URL_SAFE = str.maketrans("+/", "-_")
_HEX_SEPARATORS = str.maketrans("", "", "-:")

_SHIP = re.compile(r"(?:IMO(?:NO)?)?(?P<number>[0-9]{7})")


def equipment_number(text: str, context: Context) -> Normalised:
    """Normalises the number of a mobile device (IMEI) to its 14 digits.

    The check digit (15 digits) or software version (16) is dropped, since writers differ in which
    they give. A check digit of 0 is always right: networks send 0 in its place.

    Source: 3GPP TS 23.003 section 6.2 and annex B.
    """
    given = compact(text, context.field, separators=" -./", alphabet=DIGITS)
    if len(given) not in _IMEI_LENGTHS:
        raise MalformedError(context.field, "needs 14 to 16 digits")
    number = given[:_IMEI_LENGTH]
    unchecked = len(given) != _CHECKED_IMEI_LENGTH or given.endswith("0")
    doubts = (
        (not unchecked and not luhn_holds(given), "the check digit is wrong"),
        (len(set(number)) == 1, "every digit is the same"),
    )
    return Normalised(number, tuple(remark for doubtful, remark in doubts if doubtful))


def hardware_address(text: str, context: Context) -> Normalised:
    """Normalises the address of a network card (MAC) to six octets in lower case with colons.

    Source: IEEE 802-2014 section 8.
    """
    digits = compact(text, context.field, separators=" :-.", alphabet=_HEXADECIMALS).lower()
    folded = unify_punctuation(text, context.field).lower()
    if _MAC_OCTETS.fullmatch(folded):
        # Some systems leave out leading zeros.
        digits = "".join(octet.zfill(2) for octet in re.split("[:-]", folded))
    if len(digits) != _MAC_LENGTH:
        raise MalformedError(context.field, "needs 12 hexadecimal digits")
    octets = [digits[place : place + 2] for place in range(0, _MAC_LENGTH, 2)]
    first = int(octets[0], 16)
    doubts = (
        (bool(first & _GROUP_BIT), "the address of a group"),
        (bool(first & _LOCAL_BIT), "locally administered, so often random"),
        (digits.strip("0") == "", "every digit is zero"),
    )
    return Normalised(":".join(octets), tuple(remark for doubtful, remark in doubts if doubtful))


def fingerprint(text: str, context: Context) -> Normalised:
    """Normalises the fingerprint of a device (DEVFP), which is whatever its maker hands out.

    Hexadecimal ones, such as a UUID, are lower case without separators. All others keep their case,
    in the safe letters of base64 without padding.

    Source: RFC 4648 sections 5 and 8; RFC 9562.
    """
    typed = compact(text, context.field, separators=" {}", alphabet=_FINGERPRINT_ALPHABET)
    safe = typed.translate(_URL_SAFE).rstrip("=")
    bare = safe.translate(_HEX_SEPARATORS).lower()
    value = bare if _HEXADECIMALS.issuperset(bare) else safe
    if len(value) not in _FINGERPRINT_LENGTHS:
        raise MalformedError(context.field, "needs 16 to 256 letters and digits")
    one = len(set(value)) == 1
    return Normalised(value, ("every character is the same",) if one else ())


def ship_number(text: str, context: Context) -> Normalised:
    """Normalises the number of a ship (IMO) to 7 digits; its check digit is hard.

    Source: IMO Resolution A.1117(30).
    """
    typed = compact(text, context.field, separators=" -.:#", alphabet=ALPHANUMERICS).upper()
    found = _SHIP.fullmatch(typed)
    if found is None:
        raise MalformedError(context.field, "needs 7 digits, with or without IMO before them")
    number = found["number"]
    total = sum(int(digit) * weight for digit, weight in zip(number, range(7, 1, -1), strict=False))
    if total % 10 != int(number[6]):
        raise MalformedError(context.field, "the check digit is wrong", 6)
    return Normalised(number)
