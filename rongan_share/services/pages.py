"""Lists that come in pages: how large a page is, and the token that leads to the next one."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from rongan_share.errors import Reason, RonganError
from rongan_share.services.call import malformed

if TYPE_CHECKING:
    from rongan_share.services.call import Call

DEFAULT_PAGE = 100
"""Items in a page where none was asked."""

MOST_IN_PAGE = 1_000
"""Most items in a page."""

_PLACE_BYTES = 8


def read_page_size(page_size: int) -> int:
    """Reads how many items a page shall have.

    Raises:
        RonganError: REQUEST_MALFORMED for a negative number.
    """
    if page_size < 0:
        raise malformed("page_size", "not negative")
    return min(page_size or DEFAULT_PAGE, MOST_IN_PAGE)


def page_token(call: Call, name: str, place: int) -> str:
    """Makes the token of the page behind a place in a list.

    It is signed for this list and this partner, so none can be guessed, altered or lent.

    Args:
        call: The call.
        name: Which list it leads through.
        place: Number of the last item shown, 0 to 2^64 - 1.
    """
    partner = call.partner.number.to_bytes(4, "big")
    at = place.to_bytes(_PLACE_BYTES, "big")
    # Parts of fixed length come first, so that no two lists can sign the same bytes.
    signature = call.hub.side_keys.sign_page(partner + at + name.encode())
    return (at + signature).hex()


def read_page_token(call: Call, name: str, token: str) -> int:
    """Reads the place behind which a page begins; 0 for the first page.

    Raises:
        RonganError: PAGE_TOKEN_INVALID for any token but one that `page_token` made for this
        partner and list.
    """
    if not token:
        return 0
    try:
        place = int.from_bytes(bytes.fromhex(token[: 2 * _PLACE_BYTES]), "big")
        expected = page_token(call, name, place)
    except (ValueError, OverflowError):
        raise RonganError(Reason.PAGE_TOKEN_INVALID) from None
    # A place has one spelling only, so the whole token is compared.
    if not hmac.compare_digest(expected.encode(), token.encode()):
        raise RonganError(Reason.PAGE_TOKEN_INVALID)
    return place
