"""What a hub tells its partner about the rules between them: agreement, taxonomy, token epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timezone
from typing import TYPE_CHECKING, TypeVar

from partner_sdk.errors import AnswerMalformedError
from rongan_share.wire.days import date_of_day
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.taxonomy import Category, Taxonomy
from rongan_share.wire.tokens import Tokenizer
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    Evidence,
    IdentifierType,
    ProductLine,
    Purpose,
    SourceClass,
    Suite,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime
    from enum import IntEnum

    from rongan_share.v1 import agreement_pb2, agreement_service_pb2

    EnumT = TypeVar("EnumT", bound=IntEnum)

_ALL_TYPES = 2**64 - 1
_SOURCE_CLASS_BITS = 16


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits of a partner, in tokens or rows.

    Attributes:
        rate_per_second: Restored a second.
        burst_count: Admitted at once.
        day_count: A date in Asia/Shanghai.
        month_count: A month in Asia/Shanghai.
    """

    rate_per_second: int
    burst_count: int
    day_count: int
    month_count: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """The version of the agreement in force. A word newer than this SDK is left out.

    Attributes:
        partner_id: The partner.
        version: From 1.
        start_date: First day in force, in Asia/Shanghai.
        end_date: Last day in force, in Asia/Shanghai.
        purposes: Purposes it may ask for.
        channels: Channels it may ask from.
        product_lines: Services it may use.
        categories: Codes of the categories it may see.
        source_classes: Source classes it may see.
        detail_level: The most it may be shown.
        identifier_types: Types it may ask about; None = not limited.
        suites: Suites it may use.
        contributed_categories: Codes of the categories it may contribute.
        contributed_source_classes: Source classes it may speak for.
        query_quota: Limits of its questions, in tokens.
        contribution_quota: Limits of its contributions, in ADD and AMEND rows.
    """

    partner_id: str
    version: int
    start_date: date
    end_date: date
    purposes: tuple[Purpose, ...]
    channels: tuple[Channel, ...]
    product_lines: tuple[ProductLine, ...]
    categories: tuple[str, ...]
    source_classes: tuple[SourceClass, ...]
    detail_level: DetailLevel
    identifier_types: tuple[IdentifierType, ...] | None
    suites: tuple[Suite, ...]
    contributed_categories: tuple[str, ...]
    contributed_source_classes: tuple[SourceClass, ...]
    query_quota: Quota
    contribution_quota: Quota


@dataclass(frozen=True, slots=True)
class NextEpoch:
    """The epoch that is opening: contributions carry its tokens too, questions do not yet.

    Attributes:
        number: From 2.
        suite: The keyed function of this epoch.
        opened_time: When it was opened, aware UTC.
        tokenizer: Makes tokens; holds the network key and never shows it.
    """

    number: int
    suite: Suite
    opened_time: datetime
    tokenizer: Tokenizer = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenEpoch:
    """The current epoch, with what makes its tokens.

    Attributes:
        number: From 1.
        suite: The keyed function of this epoch.
        opened_time: When it was opened, aware UTC.
        tokenizer: Makes tokens; holds the network key and never shows it.
        next: The epoch that is opening; None = there is none.
    """

    number: int
    suite: Suite
    opened_time: datetime
    tokenizer: Tokenizer = field(repr=False)
    next: NextEpoch | None = None


def known_members(vocabulary: type[EnumT], numbers: Iterable[int]) -> tuple[EnumT, ...]:
    """Names the numbers that this SDK knows; sets grow, so others are left out."""
    known = {member.value: member for member in vocabulary}
    return tuple(known[number] for number in numbers if number in known)


def source_classes_of(bits: int) -> tuple[SourceClass, ...]:
    """Names the source classes of a bit set."""
    return known_members(
        SourceClass, (number for number in range(_SOURCE_CLASS_BITS) if bits >> number & 1)
    )


def read_taxonomy(reply: agreement_service_pb2.GetTaxonomyResponse) -> Taxonomy:
    """Reads the hub's taxonomy.

    Raises:
        AnswerMalformedError: It holds no category or a category without a known evidence.
    """
    try:
        categories = tuple(_read_category(category) for category in reply.categories)
    except ValueError:
        raise AnswerMalformedError("a category of the hub's taxonomy cannot be read") from None
    if not categories:
        raise AnswerMalformedError("the hub's taxonomy is empty")
    return Taxonomy(version=reply.version, categories=categories)


def _read_category(category: agreement_service_pb2.Category) -> Category:
    return Category(
        code=category.code,
        bit=category.bit,
        name_zh=category.name_zh,
        name_en=category.name_en,
        subject_types=frozenset(known_members(IdentifierType, category.subject_types)),
        purposes=frozenset(known_members(Purpose, category.purposes)),
        default_severity=category.default_severity,
        maximum_severity=category.maximum_severity,
        public=category.public,
        shareable=category.shareable,
        expiry_cap_days=category.expiry_cap_days,
        expiry_optional=category.expiry_optional,
        expiry_rule=category.expiry_rule,
        evidence_required=Evidence(category.evidence_required),
    )


def read_agreement(agreement: agreement_pb2.Agreement, taxonomy: Taxonomy) -> Agreement:
    """Reads the agreement in force.

    Raises:
        AnswerMalformedError: A field has no value that this SDK knows.
    """
    type_bits = agreement.identifier_type_bits
    limited = type_bits != _ALL_TYPES
    try:
        return Agreement(
            partner_id=agreement.partner_id,
            version=agreement.version,
            start_date=date_of_day(agreement.start_day),
            end_date=date_of_day(agreement.end_day),
            purposes=known_members(Purpose, agreement.purposes),
            channels=known_members(Channel, agreement.channels),
            product_lines=known_members(ProductLine, agreement.product_lines),
            categories=taxonomy.codes_of(agreement.category_bits),
            source_classes=source_classes_of(agreement.source_class_bits),
            detail_level=DetailLevel(agreement.detail_level),
            identifier_types=(
                known_members(IdentifierType, (n for n in range(64) if type_bits >> n & 1))
                if limited
                else None
            ),
            suites=known_members(Suite, agreement.suites),
            contributed_categories=taxonomy.codes_of(agreement.contribution.category_bits),
            contributed_source_classes=source_classes_of(agreement.contribution.source_class_bits),
            query_quota=read_quota(agreement.query_quota),
            contribution_quota=read_quota(agreement.contribution_quota),
        )
    except (ValueError, MalformedError):
        raise AnswerMalformedError("the agreement cannot be read") from None


def read_quota(quota: agreement_pb2.Quota) -> Quota:
    """Reads the limits of one meter."""
    return Quota(quota.rate_per_second, quota.burst_count, quota.day_count, quota.month_count)


def read_epoch(reply: agreement_service_pb2.GetTokenEpochResponse) -> TokenEpoch:
    """Reads the current epoch and the opening one, with their keys.

    Raises:
        AnswerMalformedError: No epoch, a suite that this SDK does not have, or no fit key.
    """
    coming = None
    if reply.HasField("next"):
        suite, tokenizer = _read_keyed(reply.next)
        if reply.next.epoch <= reply.epoch:
            raise AnswerMalformedError("the hub named a next epoch that does not follow")
        opened = reply.next.opened_time.ToDatetime(tzinfo=timezone.utc)
        coming = NextEpoch(reply.next.epoch, suite, opened, tokenizer)
    suite, tokenizer = _read_keyed(reply)
    return TokenEpoch(
        number=reply.epoch,
        suite=suite,
        opened_time=reply.opened_time.ToDatetime(tzinfo=timezone.utc),
        tokenizer=tokenizer,
        next=coming,
    )


def _read_keyed(
    epoch: agreement_service_pb2.GetTokenEpochResponse | agreement_service_pb2.NextEpoch,
) -> tuple[Suite, Tokenizer]:
    try:
        suite = Suite(epoch.suite)
        # No cause is chained: it could quote the key.
        tokenizer = Tokenizer(suite, epoch.key)
    except ValueError:
        raise AnswerMalformedError(
            "the epoch's suite or key is not one that this SDK can use"
        ) from None
    if epoch.epoch == 0:
        raise AnswerMalformedError("the hub named no epoch")
    return suite, tokenizer
