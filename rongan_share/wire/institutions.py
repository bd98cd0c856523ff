"""Numbers by which institutions are registered, the same in requests and in operators' files.

Stricter than identifiers that are listed: an institution signs with a number that is right.
"""

from __future__ import annotations

import re

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import Context
from rongan_share.wire.organisations import credit_code

_REGION = re.compile(r"[1-9][0-9]{5}")


def verify_credit_code(code: str, field: str) -> None:
    """Refuses what is no unified social credit code in its one spelling.

    Raises:
        MalformedError: Other than 18 digits and upper-case letters, no region in it, or a wrong
            check character.

    Source: GB 32100-2015 with Amendment 1.
    """
    found = credit_code(code, Context(field))
    if found.value != code:
        raise MalformedError(field, "18 digits and upper-case letters, nothing else")
    if found.remarks:
        raise MalformedError(field, found.remarks[0])


def verify_region(region: str, field: str) -> None:
    """Refuses what has not the form of a division code.

    Raises:
        MalformedError: It is not 6 digits, the first not 0.

    Source: GB/T 2260-2007.
    """
    if not _REGION.fullmatch(region):
        raise MalformedError(field, "6 digits, the first not 0")
