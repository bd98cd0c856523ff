"""Agreements: what a partner may ask, see and contribute. An empty scope allows nothing."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from rongan_share.model.quota import Meter, Quota
from rongan_share.wire.vocabulary import Channel, DetailLevel, ProductLine, Purpose, Suite

ALL_TYPES = (1 << 64) - 1
"""`identifier_type_bits` of an agreement that does not limit types."""


class AgreementState(IntEnum):
    """Where an agreement version stands; numbers of ``agreement.proto``."""

    PROPOSED = 1
    ACTIVE = 2
    SUPERSEDED = 3


class ContributionRights(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner may contribute.

    Attributes:
        category_bits: Categories, bit n = the taxonomy's bit n.
        source_class_bits: Source classes it may speak for, bit n = class n.
    """

    category_bits: int
    source_class_bits: int


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an agreement. Days count from 1970-01-01 in Asia/Shanghai.

    Attributes:
        partner_id: The partner.
        version: From 1, one more with each proposal.
        state: Where it stands.
        start_day: First day in force.
        end_day: Last day in force.
        purposes: Purposes it may ask for.
        channels: Channels it may ask from.
        product_lines: Services it may use.
        category_bits: Categories it may see.
        source_class_bits: Source classes it may see.
        detail_level: The most it may be shown.
        identifier_type_bits: Types it may ask about; ALL_TYPES = not limited.
        suites: Suites it may use.
        contribution: What it may contribute.
        query_quota: Limits of its questions, in tokens.
        contribution_quota: Limits of its contributions, in ADD and AMEND rows.
        proposer: Operator who proposed it.
        approver: Operator who approved it, empty before.
    """

    partner_id: str
    version: int
    state: AgreementState
    start_day: int
    end_day: int
    purposes: frozenset[Purpose]
    channels: frozenset[Channel]
    product_lines: frozenset[ProductLine]
    category_bits: int
    source_class_bits: int
    detail_level: DetailLevel
    identifier_type_bits: int
    suites: frozenset[Suite]
    contribution: ContributionRights
    query_quota: Quota
    contribution_quota: Quota
    proposer: str
    approver: str = ""

    def quota_of(self, meter: Meter) -> Quota:
        """Returns the limits of a meter."""
        return self.query_quota if meter is Meter.QUERY else self.contribution_quota
