"""The table of identifier types: from what a caller types to the one string that is tokenised.

A type is one entry of ``SPECS``. Composite types are several parts, each with its own normaliser,
so ``rs1|NAME_ID|...`` needs no code of its own.

Three grades: OK; SUSPECT, kept and flagged with remarks; malformed, refused by MalformedError.
Neither remarks nor errors hold the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from types import MappingProxyType

from rongan_share.wire import accounts, contacts, documents, names
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import Context, Normaliser
from rongan_share.wire.vocabulary import IdentifierType

CANONICAL_VERSION = "rs1"
"""First part of every canonical string; another rule for any type would need another version."""

PART_SEPARATOR = "|"
"""Joins version, type and parts; no part may hold it."""


class Grade(Enum):
    """How far a well-formed identifier can be trusted to be one."""

    OK = "ok"
    SUSPECT = "suspect"


@dataclass(frozen=True, slots=True)
class Canonical:
    """One identifier in canonical form.

    Attributes:
        type: Its type.
        text: ``rs1|TYPE|VALUE``; personal data, so ``repr`` leaves it out.
        grade: SUSPECT exactly when there are remarks.
        remarks: Fixed texts saying what is doubtful.
    """

    type: IdentifierType
    text: str = field(repr=False)
    grade: Grade
    remarks: tuple[str, ...] = ()


def _no_aliases(_value: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class IdentifierSpec:
    """One entry of the table.

    Attributes:
        type: The identifier type.
        parts: Normaliser of each part by its name, in the order of the canonical string.
        aliases: Gives further values under which the same subject may be asked for.
    """

    type: IdentifierType
    parts: Mapping[str, Normaliser]
    aliases: Callable[[str], tuple[str, ...]] = _no_aliases


_ENTRIES = (
    IdentifierSpec(IdentifierType.CN_RID, {"number": documents.resident_id}),
    IdentifierSpec(
        IdentifierType.PASSPORT,
        {"issuer": documents.issuer, "number": documents.passport_number},
    ),
    IdentifierSpec(IdentifierType.CN_USCC, {"code": documents.credit_code}),
    IdentifierSpec(IdentifierType.PAN, {"number": accounts.card_number}),
    IdentifierSpec(IdentifierType.MSISDN, {"number": contacts.mobile_number}),
    IdentifierSpec(
        IdentifierType.ORG_NAME,
        {"name": names.organisation_name},
        aliases=names.organisation_aliases,
    ),
    IdentifierSpec(
        IdentifierType.NAME_ID,
        {"name": names.person_name, "document": documents.document_number},
    ),
    IdentifierSpec(IdentifierType.DOMAIN, {"name": contacts.domain_name}),
    IdentifierSpec(IdentifierType.EMAIL, {"address": contacts.mail_address}),
)

SPECS: Mapping[IdentifierType, IdentifierSpec] = MappingProxyType(
    {spec.type: spec for spec in _ENTRIES}
)
"""Every supported type."""


def canonicalise(
    identifier_type: IdentifierType, *parts: str, today: date | None = None
) -> Canonical:
    """Turns an identifier as typed into its canonical form.

    Args:
        identifier_type: Its type.
        parts: Its parts in table order: one for most types, issuer and number of a PASSPORT, name
            and document of a NAME_ID.
        today: Day in Asia/Shanghai that grades future birth dates. It never changes the text;
            without it only births after 2099 are suspect.

    Raises:
        MalformedError: The type is not supported, the number of parts differs, or a part breaks a
            rule.
    """
    spec = _get_spec(identifier_type)
    if len(parts) != len(spec.parts):
        raise MalformedError(identifier_type.name, f"needs the parts: {', '.join(spec.parts)}")
    values = [CANONICAL_VERSION, identifier_type.name]
    remarks: list[str] = []
    for (part_name, normalise), part in zip(spec.parts.items(), parts, strict=True):
        label = identifier_type.name if len(parts) == 1 else f"{identifier_type.name}.{part_name}"
        normalised = normalise(part, Context(label, today))
        values.append(normalised.value)
        remarks.extend(normalised.remarks)
    grade = Grade.SUSPECT if remarks else Grade.OK
    return Canonical(identifier_type, PART_SEPARATOR.join(values), grade, tuple(remarks))


def parse_identifier(
    identifier_type: IdentifierType, text: str, *, today: date | None = None
) -> Canonical:
    """Reads an identifier from one text, such as a CSV cell, with ``|`` between its parts.

    Raises:
        MalformedError: As ``canonicalise``.
    """
    return canonicalise(identifier_type, *text.split(PART_SEPARATOR), today=today)


def aliases_of(canonical: Canonical) -> tuple[Canonical, ...]:
    """Gives the further canonical forms of a subject, such as an ORG_NAME without its legal form.

    A contributor sends their tokens flagged ALIAS; an asker asks for them beside the main one.
    """
    prefix = f"{CANONICAL_VERSION}{PART_SEPARATOR}{canonical.type.name}{PART_SEPARATOR}"
    value = canonical.text.removeprefix(prefix)
    return tuple(
        Canonical(canonical.type, prefix + alias, canonical.grade, canonical.remarks)
        for alias in _get_spec(canonical.type).aliases(value)
    )


def _get_spec(identifier_type: IdentifierType) -> IdentifierSpec:
    spec = SPECS.get(identifier_type)
    if spec is None:
        raise MalformedError(identifier_type.name, "not supported yet")
    return spec
