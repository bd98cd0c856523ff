"""Agreements as operators write them: a TOML file in words instead of bits and numbers.

Every key must stand there: an agreement is signed, so nothing in it may come from a default.
"""

from __future__ import annotations

import json
from datetime import date
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import tomllib

from rongan_share.model.agreement import ALL_TYPES
from rongan_share.v1 import agreement_pb2 as pb
from rongan_share.wire.days import date_of_day, day_of_date
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    IdentifierType,
    ProductLine,
    Purpose,
    SourceClass,
    Suite,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rongan_share.wire.taxonomy import Taxonomy

Words = tuple[str, ...]
"""Names of members of a vocabulary, or codes of categories."""

Count = Annotated[int, msgspec.Meta(ge=1, le=(1 << 53) - 1)]
"""A limit of a quota."""


class QuotaWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits in tokens or rows: restored a second, at once, a day, a month."""

    rate_per_second: Count
    burst: Count
    day: Count
    month: Count


class ContributionWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a partner may contribute; empty lists allow nothing."""

    categories: Words
    source_classes: Words


class AgreementWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agreement, its fields in the order of the file; empty lists allow nothing."""

    partner: str
    start_date: date
    end_date: date
    purposes: Words
    channels: Words
    product_lines: Words
    categories: Words
    source_classes: Words
    detail_level: str
    identifier_types: Literal["ALL"] | Words
    suites: Words
    contribution: ContributionWords
    query_quota: QuotaWords
    contribution_quota: QuotaWords


def parse_words(text: str) -> AgreementWords:
    """Reads the text of a file.

    Raises:
        ValueError: It is not TOML, or a key is unknown, missing or of the wrong kind.
    """
    try:
        return msgspec.convert(tomllib.loads(text), AgreementWords)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def parse_template(text: str) -> AgreementWords:
    """Reads the text of a file for many partners: an agreement without its first key.

    Returns:
        The agreement with an empty partner.

    Raises:
        ValueError: It names a partner, or is not what `parse_words` reads.
    """
    table = tomllib.loads(text)
    if "partner" in table:
        raise ValueError("partner: a template names none")
    try:
        return msgspec.convert({**table, "partner": ""}, AgreementWords)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def message_of_words(words: AgreementWords, taxonomy: Taxonomy) -> pb.Agreement:
    """Makes the message that proposes it.

    Raises:
        MalformedError: A word is not known, naming the key and the word's place.
    """
    return pb.Agreement(
        partner_id=words.partner,
        start_day=day_of_date(words.start_date),
        end_day=day_of_date(words.end_date),
        purposes=_numbers(Purpose, words.purposes, "purposes"),
        channels=_numbers(Channel, words.channels, "channels"),
        product_lines=_numbers(ProductLine, words.product_lines, "product_lines"),
        category_bits=taxonomy.bits_of(words.categories),
        source_class_bits=_bits(SourceClass, words.source_classes, "source_classes"),
        detail_level=_numbers(DetailLevel, [words.detail_level], "detail_level")[0],
        identifier_type_bits=(
            ALL_TYPES
            if words.identifier_types == "ALL"
            else _bits(IdentifierType, words.identifier_types, "identifier_types")
        ),
        suites=_numbers(Suite, words.suites, "suites"),
        contribution=_rights_of_words(words.contribution, taxonomy),
        query_quota=_quota_of_words(words.query_quota),
        contribution_quota=_quota_of_words(words.contribution_quota),
    )


def words_of_message(message: pb.Agreement, taxonomy: Taxonomy) -> AgreementWords:
    """Puts an agreement of the hub into words; what this program has no word for reads `bit40`."""
    type_bits = message.identifier_type_bits
    rights = message.contribution
    return AgreementWords(
        partner=message.partner_id,
        start_date=date_of_day(message.start_day),
        end_date=date_of_day(message.end_day),
        purposes=_names(Purpose, message.purposes),
        channels=_names(Channel, message.channels),
        product_lines=_names(ProductLine, message.product_lines),
        categories=taxonomy.codes_of(message.category_bits),
        source_classes=_names(SourceClass, _members(message.source_class_bits)),
        detail_level=_names(DetailLevel, [message.detail_level])[0],
        identifier_types=(
            "ALL" if type_bits == ALL_TYPES else _names(IdentifierType, _members(type_bits))
        ),
        suites=_names(Suite, message.suites),
        contribution=ContributionWords(
            categories=taxonomy.codes_of(rights.category_bits),
            source_classes=_names(SourceClass, _members(rights.source_class_bits)),
        ),
        query_quota=_words_of_quota(message.query_quota),
        contribution_quota=_words_of_quota(message.contribution_quota),
    )


def format_words(words: AgreementWords) -> str:
    """Writes the file that `parse_words` reads."""
    return "\n".join(_format_table(words))


def _format_table(table: msgspec.Struct) -> Iterator[str]:
    values = msgspec.structs.asdict(table)
    for key, value in values.items():
        if not isinstance(value, msgspec.Struct):
            yield f"{key} = {_format_value(value)}"
    for key, value in values.items():
        if isinstance(value, msgspec.Struct):
            yield ""
            yield f"[{key}]"
            yield from _format_table(value)


def _format_value(value: object) -> str:
    # JSON's strings, numbers and lists of strings are TOML's too.
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


def _numbers(vocabulary: type[IntEnum], names: Iterable[str], field: str) -> list[Any]:
    """Looks names up; untyped, as generated code types each vocabulary's numbers apart."""
    numbers = []
    for index, name in enumerate(names):
        if name not in vocabulary.__members__:
            raise MalformedError(field, f"must be of {' '.join(vocabulary.__members__)}", index)
        numbers.append(int(vocabulary[name]))
    return numbers


def _bits(vocabulary: type[IntEnum], names: Iterable[str], field: str) -> int:
    bits = 0
    for number in _numbers(vocabulary, names, field):
        bits |= 1 << number
    return bits


def _names(vocabulary: type[IntEnum], numbers: Iterable[int]) -> Words:
    known = {int(member): member.name for member in vocabulary}
    return tuple(known.get(number, f"bit{number}") for number in numbers)


def _members(bits: int) -> list[int]:
    return [number for number in range(bits.bit_length()) if bits >> number & 1]


def _rights_of_words(words: ContributionWords, taxonomy: Taxonomy) -> pb.ContributionRights:
    return pb.ContributionRights(
        category_bits=taxonomy.bits_of(words.categories),
        source_class_bits=_bits(SourceClass, words.source_classes, "contribution.source_classes"),
    )


def _quota_of_words(words: QuotaWords) -> pb.Quota:
    return pb.Quota(
        rate_per_second=words.rate_per_second,
        burst_count=words.burst,
        day_count=words.day,
        month_count=words.month,
    )


def _words_of_quota(message: pb.Quota) -> QuotaWords:
    return QuotaWords(
        rate_per_second=message.rate_per_second,
        burst=message.burst_count,
        day=message.day_count,
        month=message.month_count,
    )
