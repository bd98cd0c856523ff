"""Agreements between their message and their noun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.model.agreement import (
    Agreement,
    AgreementState,
    ContributionRights,
)
from rongan_share.model.quota import Quota
from rongan_share.services.bits import SOURCE_CLASS_BITS
from rongan_share.services.call import malformed, read_number
from rongan_share.v1 import agreement_pb2, vocabulary_pb2
from rongan_share.wire.days import MAX_DAY
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    ProductLine,
    Purpose,
    Suite,
)

if TYPE_CHECKING:
    from rongan_share.wire.taxonomy import Taxonomy

_SET_BY_HUB = ("version", "state", "proposer", "approver")
_MOST_A_SECOND = 1_000_000_000
_MOST = (1 << 53) - 1


def read_agreement(message: agreement_pb2.Agreement, taxonomy: Taxonomy) -> Agreement:
    """Reads a proposed agreement; version, state and names are the hub's to set.

    Raises:
        RonganError: REQUEST_MALFORMED, naming the field.
    """
    for name in _SET_BY_HUB:
        if getattr(message, name):
            raise malformed(f"agreement.{name}", "empty, it is set by the hub")
    if not 0 < message.start_day <= message.end_day <= MAX_DAY:
        raise malformed("agreement.end_day", "not before start_day, both set")
    rights = message.contribution
    for name, bits in (
        ("agreement", message.category_bits),
        ("agreement.contribution", rights.category_bits),
    ):
        if bits & ~taxonomy.known_bits:
            raise malformed(f"{name}.category_bits", "only categories of the taxonomy")
    for name, bits in (
        ("agreement", message.source_class_bits),
        ("agreement.contribution", rights.source_class_bits),
    ):
        if bits & ~SOURCE_CLASS_BITS:
            raise malformed(f"{name}.source_class_bits", "only known source classes")
    return Agreement(
        partner_id=message.partner_id,
        version=0,
        state=AgreementState.PROPOSED,
        start_day=message.start_day,
        end_day=message.end_day,
        purposes=frozenset(read_number(Purpose, n, "agreement.purposes") for n in message.purposes),
        channels=frozenset(read_number(Channel, n, "agreement.channels") for n in message.channels),
        product_lines=frozenset(
            read_number(ProductLine, n, "agreement.product_lines") for n in message.product_lines
        ),
        category_bits=message.category_bits,
        source_class_bits=message.source_class_bits,
        detail_level=read_number(DetailLevel, message.detail_level, "agreement.detail_level"),
        identifier_type_bits=message.identifier_type_bits,
        suites=frozenset(read_number(Suite, n, "agreement.suites") for n in message.suites),
        contribution=ContributionRights(
            category_bits=rights.category_bits, source_class_bits=rights.source_class_bits
        ),
        query_quota=_read_quota(message.query_quota, "agreement.query_quota"),
        contribution_quota=_read_quota(message.contribution_quota, "agreement.contribution_quota"),
        proposer="",
    )


def agreement_message(agreement: Agreement) -> agreement_pb2.Agreement:
    """Makes the message of an agreement."""
    return agreement_pb2.Agreement(
        partner_id=agreement.partner_id,
        version=agreement.version,
        state=agreement_pb2.AgreementState.ValueType(agreement.state),
        start_day=agreement.start_day,
        end_day=agreement.end_day,
        purposes=map(vocabulary_pb2.Purpose.ValueType, sorted(agreement.purposes)),
        channels=map(vocabulary_pb2.Channel.ValueType, sorted(agreement.channels)),
        product_lines=map(vocabulary_pb2.ProductLine.ValueType, sorted(agreement.product_lines)),
        category_bits=agreement.category_bits,
        source_class_bits=agreement.source_class_bits,
        detail_level=vocabulary_pb2.DetailLevel.ValueType(agreement.detail_level),
        identifier_type_bits=agreement.identifier_type_bits,
        suites=map(vocabulary_pb2.Suite.ValueType, sorted(agreement.suites)),
        contribution=agreement_pb2.ContributionRights(
            category_bits=agreement.contribution.category_bits,
            source_class_bits=agreement.contribution.source_class_bits,
        ),
        query_quota=quota_message(agreement.query_quota),
        contribution_quota=quota_message(agreement.contribution_quota),
        proposer=agreement.proposer,
        approver=agreement.approver,
    )


def _read_quota(message: agreement_pb2.Quota, field: str) -> Quota:
    limits = {
        "rate_per_second": _MOST_A_SECOND,
        "burst_count": _MOST,
        "day_count": _MOST,
        "month_count": _MOST,
    }
    for name, most in limits.items():
        if not 1 <= getattr(message, name) <= most:
            raise malformed(f"{field}.{name}", f"1 to {most}")
    return Quota(**{name: getattr(message, name) for name in limits})


def quota_message(quota: Quota) -> agreement_pb2.Quota:
    """Makes the message of a quota."""
    return agreement_pb2.Quota(
        rate_per_second=quota.rate_per_second,
        burst_count=quota.burst_count,
        day_count=quota.day_count,
        month_count=quota.month_count,
    )
