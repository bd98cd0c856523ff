"""Step 3 of the walk, quota: may it do it now?

Here only early refusal; the debit is in the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.ledger.committer import Charge
from rongan_share.ledger.quotas import get_quota_state
from rongan_share.model.quota import bring_up_to_date, spend

if TYPE_CHECKING:
    from rongan_share.gate.routes import Question, Route
    from rongan_share.model.quota import Meter, QuotaLeft
    from rongan_share.services.call import Call, Outcome

AMPLE = 64
"""As many items like this one must have been payable at last sight, to let it pass unlooked."""


class LastSeen:
    """What each partner had left of each meter when this process last committed for it.

    It lets a cheap item of a rich partner pass without being priced twice. It can be out of date,
    but only lets through what the commit then refuses: the debit alone decides.
    """

    def __init__(self) -> None:
        self._left: dict[tuple[int, Meter], int] = {}

    def note(self, charge: Charge, left: QuotaLeft | None) -> None:
        """Remembers what a commit said; None where it refused."""
        payer = charge.partner_number, charge.meter
        if left is None:
            self._left.pop(payer, None)
        else:
            self._left[payer] = min(left.burst_count, left.day_count, left.month_count)

    def ample(self, partner_number: int, meter: Meter, most: int) -> bool:
        """Tells whether an item that costs `most` at the very most need not be looked at."""
        return self._left.get((partner_number, meter), 0) >= AMPLE * most


def refuse_early(route: Route, call: Call, question: Question, *, seen: LastSeen) -> None:
    """Refuses, before any work is done, what the quota cannot pay for.

    Raises:
        RonganError: QUOTA_EXCEEDED or FRAME_OVER_BURST.
    """
    if route.meter is None:
        return
    most = route.most and route.most(question)
    if most is not None and seen.ample(call.partner.number, route.meter, most):
        return
    cost = route.cost(call, question)
    if cost == 0:
        return
    quota = call.agreement.quota_of(route.meter)
    state = get_quota_state(call.read, call.partner.number, route.meter)
    if bring_up_to_date(quota, state, now=call.now).theoretical_ns < state.theoretical_ns:
        # The clock went back: the commit alone can save the debt that is cut.
        return
    spend(quota, state, meter=route.meter, cost=cost, now=call.now)


def charge_of(route: Route, call: Call, outcome: Outcome) -> Charge | None:
    """Returns what the commit must debit, or None where there is no meter or no agreement.

    A free item of a metered route is charged nothing, but its answer says what is left.
    """
    if route.meter is None or call.caller.caller_id not in call.registry.agreements:
        return None
    quota = call.agreement.quota_of(route.meter)
    return Charge(call.partner.number, route.meter, quota, outcome.cost)
