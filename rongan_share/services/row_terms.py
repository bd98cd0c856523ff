"""What rows are judged by: whose they are, what may be contributed, and the day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from rongan_share.model.agreement import ContributionRights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rongan_share.services.call import Call
    from rongan_share.wire.taxonomy import Taxonomy

Rule = tuple[str, str, "NDArray[np.bool_]"]
"""Column, rule, and which rows break it."""

_NOTHING = ContributionRights(category_bits=0, source_class_bits=0)


class RowTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What rows are judged by.

    Attributes:
        partner_id: The contributor.
        partner_number: Its number.
        rights: What its agreement lets it contribute.
        taxonomy: The taxonomy that rules.
        day: Today in Asia/Shanghai.
    """

    partner_id: str
    partner_number: int
    rights: ContributionRights
    taxonomy: Taxonomy
    day: int


class Rows(Protocol):
    """Rows as columns, however they came."""

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns of Contribute by name."""
        ...

    @property
    def consent_named(self) -> bool:
        """Whether a legal basis' reference is named."""
        ...


def terms_of(call: Call) -> RowTerms:
    """Returns what the rows of a call are judged by; taking back needs no agreement."""
    agreement = call.registry.agreements.get(call.caller.caller_id)
    return RowTerms(
        partner_id=call.caller.caller_id,
        partner_number=call.partner.number,
        rights=_NOTHING if agreement is None else agreement.contribution,
        taxonomy=call.taxonomy,
        day=call.day,
    )
