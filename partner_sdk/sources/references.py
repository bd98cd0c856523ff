"""References: a contributor's own record of a subject, which must not be an identifier of it.

The hub gets a reference as a hash without a key, so that it stays the same in every epoch. Of a
number that people have, such a hash is guessed in minutes by trying all of them.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from rongan_share.wire.identifiers import Grade, parse_identifier
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.sources import reference_from_text
from rongan_share.wire.vocabulary import IdentifierType

if TYPE_CHECKING:
    from datetime import date

_PERSONAL = (IdentifierType.CN_RID, IdentifierType.MSISDN, IdentifierType.PAN)
_FEWEST_DIGITS = 7
"""No number of these types is shorter."""


def parse_reference(text: str, *, today: date | None = None) -> bytes:
    """Gives the 16 bytes of a reference.

    Args:
        text: Any text, or 32 hexadecimal digits.
        today: Day against which births are future, or None.

    Raises:
        MalformedError: It is empty, holds a control character, or is itself a resident identity,
            mobile or card number beyond doubt.
    """
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise MalformedError("reference", "holds a control character")
    if sum(character.isdigit() for character in text) >= _FEWEST_DIGITS:
        for kind in _PERSONAL:
            if _certain(kind, text, today):
                rule = f"is itself a {kind.name}, and is sent without a key; use a number of yours"
                raise MalformedError("reference", rule)
    return reference_from_text(text)


def _certain(kind: IdentifierType, text: str, today: date | None) -> bool:
    try:
        return parse_identifier(kind, text, today=today).grade is Grade.OK
    except MalformedError:
        return False
