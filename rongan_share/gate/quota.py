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
    from rongan_share.services.call import Call, Outcome


def refuse_early(route: Route, call: Call, question: Question) -> None:
    """Refuses, before any work is done, what the quota cannot pay for.

    Raises:
        RonganError: QUOTA_EXCEEDED or FRAME_OVER_BURST.
    """
    cost = route.cost(call, question)
    if cost == 0 or route.meter is None:
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
