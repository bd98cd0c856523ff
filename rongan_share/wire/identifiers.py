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

from rongan_share.wire import (
    accounts,
    blockchains,
    contacts,
    devices,
    documents,
    legal_forms,
    names,
    network,
    organisations,
    phones,
    platforms,
    web,
)
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import Alias, AliasRule, Context, Normaliser
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
        weak: Alone it does not identify its subject: the name of a person, an alias that others
            may share. Rows of it carry the flag WEAK.
    """

    type: IdentifierType
    text: str = field(repr=False)
    grade: Grade
    remarks: tuple[str, ...] = ()
    weak: bool = False


def _as_they_are(parts: tuple[str, ...]) -> tuple[str, ...]:
    return parts


def _no_aliases(_parts: tuple[str, ...]) -> tuple[Alias, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class IdentifierSpec:
    """One entry of the table.

    Attributes:
        type: The identifier type.
        parts: Normaliser of each part by its name, in the order of the canonical string.
        aliases: Gives further identifiers under which the same subject may be asked for.
        settle: Brings normalised parts into line where one of them tells what another must be.
        first_optional: Whether the first part may be left out.
        weak: Whether no identifier of the type identifies alone.
    """

    type: IdentifierType
    parts: Mapping[str, Normaliser]
    aliases: AliasRule = _no_aliases
    settle: Callable[[tuple[str, ...]], tuple[str, ...]] = _as_they_are
    first_optional: bool = False
    weak: bool = False


def _single(identifier_type: IdentifierType, **part: Normaliser) -> IdentifierSpec:
    return IdentifierSpec(identifier_type, part)


_ENTRIES = (
    _single(IdentifierType.CN_RID, number=documents.resident_id),
    _single(IdentifierType.CN_FPR, number=documents.resident_card),
    IdentifierSpec(
        IdentifierType.PASSPORT,
        {"issuer": documents.issuer, "number": documents.passport_number},
    ),
    _single(IdentifierType.CN_HMT_PERMIT, number=documents.travel_permit),
    IdentifierSpec(
        IdentifierType.NATIONAL_ID,
        {"issuer": documents.issuer, "number": documents.national_number},
    ),
    IdentifierSpec(
        IdentifierType.TAX_ID,
        {"issuer": documents.issuer, "number": documents.national_number},
    ),
    IdentifierSpec(
        IdentifierType.CN_USCC,
        {"code": organisations.credit_code},
        aliases=organisations.credit_code_aliases,
    ),
    _single(IdentifierType.CN_ORG, code=organisations.organisation_code),
    _single(IdentifierType.CN_LICENCE, number=organisations.licence_number),
    _single(IdentifierType.LEI, code=organisations.legal_entity),
    _single(IdentifierType.PAN, number=accounts.card_number),
    IdentifierSpec(
        IdentifierType.ACCT,
        {"bank": accounts.bank_code, "account": accounts.account_number},
        aliases=accounts.account_aliases,
        first_optional=True,
    ),
    IdentifierSpec(
        IdentifierType.ACCT_NAME,
        {"account": accounts.account_number, "name": names.holder_name},
        aliases=names.person_aliases(IdentifierType.ACCT_NAME, 1),
    ),
    _single(IdentifierType.IBAN, number=accounts.international_account),
    IdentifierSpec(
        IdentifierType.WALLET,
        {"provider": platforms.wallet_provider, "id": platforms.wallet_number},
    ),
    IdentifierSpec(
        IdentifierType.CRYPTO_ADDR,
        {"chain": blockchains.chain, "address": blockchains.chain_address},
        settle=blockchains.settle_chain,
    ),
    _single(IdentifierType.MERCHANT, number=accounts.merchant_number),
    _single(IdentifierType.BIC, code=accounts.bank_identifier),
    _single(IdentifierType.MSISDN, number=phones.mobile_number),
    IdentifierSpec(
        IdentifierType.PHONE,
        {"number": phones.phone_number},
        aliases=phones.phone_aliases,
    ),
    _single(IdentifierType.SHORT, number=phones.short_number),
    IdentifierSpec(
        IdentifierType.ORG_NAME,
        {"name": names.organisation_name},
        aliases=legal_forms.organisation_aliases,
    ),
    IdentifierSpec(
        IdentifierType.PERSON_NAME,
        {"name": names.person_name},
        aliases=names.person_aliases(IdentifierType.PERSON_NAME, 0),
        weak=True,
    ),
    IdentifierSpec(
        IdentifierType.NAME_ID,
        {"name": names.person_name, "document": documents.document_number},
        aliases=names.person_aliases(IdentifierType.NAME_ID, 0),
    ),
    IdentifierSpec(
        IdentifierType.NAME_DOB,
        {"name": names.person_name, "birth": documents.birth_date},
        aliases=names.person_aliases(IdentifierType.NAME_DOB, 0),
    ),
    _single(IdentifierType.IMEI, number=devices.equipment_number),
    _single(IdentifierType.MAC, address=devices.hardware_address),
    _single(IdentifierType.DEVFP, fingerprint=devices.fingerprint),
    _single(IdentifierType.IP, address=network.network_address),
    _single(IdentifierType.DOMAIN, name=network.domain_name),
    IdentifierSpec(
        IdentifierType.URL,
        {"address": web.page_address},
        aliases=web.page_aliases,
    ),
    _single(IdentifierType.EMAIL, address=contacts.mail_address),
    IdentifierSpec(
        IdentifierType.SOCIAL,
        {"network": contacts.social_network, "account": contacts.social_account},
    ),
    _single(IdentifierType.IMO, number=devices.ship_number),
)

SPECS: Mapping[IdentifierType, IdentifierSpec] = MappingProxyType(
    {spec.type: spec for spec in _ENTRIES}
)
"""Every type."""


def canonicalise(
    identifier_type: IdentifierType, *parts: str, today: date | None = None
) -> Canonical:
    """Turns an identifier as typed into its canonical form.

    Args:
        identifier_type: Its type.
        parts: Its parts in table order: one for most types, issuer and number of a PASSPORT, name
            and document of a NAME_ID, bank and account of an ACCT or the account alone.
        today: Day in Asia/Shanghai that grades future birth dates. It never changes the text;
            without it only births after 2099 are suspect.

    Raises:
        MalformedError: The number of parts differs, or a part breaks a rule.
    """
    spec = SPECS[identifier_type]
    missing = len(spec.parts) - len(parts)
    if missing not in ((0, 1) if spec.first_optional else (0,)):
        raise MalformedError(identifier_type.name, _needed_parts(spec))
    values: list[str] = []
    remarks: list[str] = []
    for (part_name, normalise), part in zip(
        tuple(spec.parts.items())[missing:], parts, strict=True
    ):
        label = identifier_type.name if len(parts) == 1 else f"{identifier_type.name}.{part_name}"
        normalised = normalise(part, Context(label, today))
        values.append(normalised.value)
        remarks.extend(normalised.remarks)
    grade = Grade.SUSPECT if remarks else Grade.OK
    settled = spec.settle(tuple(values))
    text = PART_SEPARATOR.join((CANONICAL_VERSION, identifier_type.name, *settled))
    return Canonical(identifier_type, text, grade, tuple(remarks), spec.weak)


def _needed_parts(spec: IdentifierSpec) -> str:
    needed = f"needs the parts: {', '.join(spec.parts)}"
    return f"{needed}; the first may be left out" if spec.first_optional else needed


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

    They may be of another type: the organisation code within a CN_USCC. A contributor sends their
    tokens flagged ALIAS, and WEAK where an alias is; an asker asks for them beside the main one.
    The two lengths of a CN_RID need none, since both have one canonical form.
    """
    spec = SPECS[canonical.type]
    if spec.aliases is _no_aliases:
        return ()
    parts = tuple(canonical.text.split(PART_SEPARATOR)[2:])
    found = [_alias_of(canonical, alias) for alias in spec.aliases(parts)]
    # Two ways may lead to one form, of which the stronger counts, or back to where they began.
    strongest = {alias.text: alias for alias in sorted(found, key=lambda each: not each.weak)}
    return tuple(
        alias for alias in found if strongest[alias.text] is alias and alias.text != canonical.text
    )


def _alias_of(canonical: Canonical, alias: Alias) -> Canonical:
    own = canonicalise(alias.type, *alias.parts)
    remarks = tuple(dict.fromkeys((*canonical.remarks, *own.remarks)))
    grade = Grade.SUSPECT if remarks else Grade.OK
    return Canonical(own.type, own.text, grade, remarks, own.weak or alias.weak)
