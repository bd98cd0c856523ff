"""Lists that come in pages: how large a page is, and the token that leads to the next one."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from rongan_share.errors import Reason, RonganError
from rongan_share.model.partner import HolderKind
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

    Args:
        call: The call.
        name: Which list it leads through.
        place: Number of the last item shown, 0 to 2^64 - 1.
    """
    return place_token(call, name, place.to_bytes(_PLACE_BYTES, "big"))


def read_page_token(call: Call, name: str, token: str) -> int:
    """Reads the place behind which a page begins; 0 for the first page.

    Raises:
        RonganError: PAGE_TOKEN_INVALID for any token but one that `page_token` made for this
        partner and list.
    """
    return int.from_bytes(read_place_token(call, name, token, length=_PLACE_BYTES), "big")


def place_token(call: Call, name: str, place: bytes) -> str:
    """Makes the token of the page behind a place, whatever the list is ordered by.

    It is signed for this list and this caller, so none can be guessed, altered or lent.

    Args:
        call: The call.
        name: Which list it leads through; each has places of one length.
        place: Where the last item shown stands.
    """
    caller = call.caller
    partner = caller.kind is HolderKind.PARTNER
    # Parts of fixed length come first, so that no two lists can sign the same bytes.
    owner = (call.partner.number if partner else 0).to_bytes(4, "big")
    whose = name if partner else f"{name}/{caller.caller_id}"
    signature = call.hub.side_keys.sign_page(owner + place + whose.encode())
    return (place + signature).hex()


def read_place_token(call: Call, name: str, token: str, *, length: int) -> bytes:
    """Reads the place behind which a page begins; empty for the first page.

    Raises:
        RonganError: PAGE_TOKEN_INVALID for any token but one that `place_token` made for this
        caller and list.
    """
    if not token:
        return b""
    try:
        place = bytes.fromhex(token[: 2 * length])
    except ValueError:
        raise RonganError(Reason.PAGE_TOKEN_INVALID) from None
    # A place has one spelling only, so the whole token is compared.
    expected = place_token(call, name, place)
    if not hmac.compare_digest(expected.encode(), token.encode()):
        raise RonganError(Reason.PAGE_TOKEN_INVALID)
    return place
