"""ContributionService, own listings: what a partner has shared and not taken back, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.ledger.counters import get_last_of_partner
from rongan_share.services.call import Call, Outcome
from rongan_share.services.pages import page_token, read_page_size, read_page_token
from rongan_share.v1 import contribution_service_pb2 as pb

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LIST = "own listings"


def list_own_listings(call: Call, request: pb.ListOwnListingsRequest) -> Outcome:
    """Answers ListOwnListings.

    Pages follow listing ids, which are never reused and only grow: a listing added meanwhile comes
    last, an amended one stays in its place. Nothing is disclosed: the caller shared it itself.

    Raises:
        RonganError: REQUEST_MALFORMED, PAGE_TOKEN_INVALID, STALE_SNAPSHOT.
    """
    size = read_page_size(request.page_size)
    after = read_page_token(call, _LIST, request.page_token)
    number = call.partner.number
    snapshot = call.snapshot(get_last_of_partner(call.read, number))
    # One more than is shown tells whether there is a next page.
    rows = snapshot.list_owned(number, after, most=size + 1)
    more = rows.size > size
    shown = rows[:size]
    answer = _page(call, shown)
    if more:
        answer.next_page_token = page_token(call, _LIST, int(shown["listing_id"][-1]))
    return Outcome(
        answer=answer, counts={"listings": shown.size}, snapshot_sequence=snapshot.sequence
    )


def _page(call: Call, rows: NDArray[np.void]) -> pb.ListOwnListingsResponse:
    return pb.ListOwnListingsResponse(
        listing_id=rows["listing_id"].tobytes(),
        reference=rows["reference"].tobytes(),
        category=rows["category"].tobytes(),
        token=call.cipher.decipher(rows["token"].tobytes()),
        expiry_day=rows["expiry_day"].tobytes(),
    )
