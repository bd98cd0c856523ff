"""Numbers in the remarks of the OFAC list: a label, a number, a country in brackets, dates.

The label chooses how the number is read, the country which type it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from partner_sdk.sources.countries import COUNTRY_CODES
from partner_sdk.sources.ofac_labels import LABELLED, LABELS, Label
from partner_sdk.sources.ofac_mentions import (
    NO_TYPE,
    NOT_UNDERSTOOD,
    Found,
    Joined,
    Mention,
    Unread,
)
from rongan_share.wire.vocabulary import IdentifierType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# Abbreviations of the document before its number, where they are no part of it.
_NUMBER = re.compile(
    r"(?:(?:CNIC|NIC|RNE|CUD): |JMB |T\.I\. |R\.E\. |RIF |UNP )?"
    r"(?P<number>(?=[^(]*[0-9])[A-Z0-9][A-Z0-9 ./-]*(?:\([0-9A]\))?)"
    r"(?: \((?P<place>[^()]+)\)(?= \())?(?: \((?P<country>[^()]+)\))?"
    r"(?:,? (?:issued|expires) [^()]*)?"
)
_PHONE = re.compile(
    r"(?:\([1-9][0-9]{0,2}\) ?\((?!0)[0-9]+\)(?: ?\([0-9]+\))*|\+ ?[0-9][0-9 -]+|00[0-9][0-9 -]+)"
)
_CRYPTO = re.compile(r"(?P<chain>[A-Z]+) (?P<address>\S+)")

_CHINESE_CREDIT_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}")
_CHINESE_LICENCE = re.compile(r"[0-9]{15}")
_NO_BRACKETS = str.maketrans("", "", "()")
_LEI_LENGTH = 20
_FULL_RFC_LENGTHS = (12, 13)


def find_number(part: str) -> Iterator[Mention] | None:
    """Reads a part that begins with a label; None if it does not."""
    match = LABELLED.fullmatch(part)
    if match is None:
        return None
    label, country = LABELS[match["label"]]
    return _LABEL_READERS[label](match["rest"], country, match["label"])


def _read_number(
    what: str, rest: str, country: str, *, choose: Callable[[str, str], IdentifierType | None]
) -> Iterator[Mention]:
    """Reads a number and its country; without a type of its own it goes with the name.

    Args:
        what: Its kind, for the report.
        rest: The part after its label.
        country: The country that the label implies, or empty.
        choose: Chooses the type by code of the country, or empty, and number.
    """
    match = _NUMBER.fullmatch(rest)
    # A number of a state or a town is not one of its country.
    if match is None or (match["place"] and what != "DOCUMENT"):
        yield Unread(what, NOT_UNDERSTOOD)
        return
    # Hong Kong writes check characters in brackets.
    number = match["number"].translate(_NO_BRACKETS)
    named = match["country"] or country
    code = COUNTRY_CODES.get(named, "")
    if named and not code and what != "DOCUMENT":
        yield Unread(what, "the issuing country is not in the table")
        return
    chosen = choose(code, number)
    if chosen is not None:
        yield Found(chosen, (code, number) if chosen in _WITH_COUNTRY else (number,))
    yield Joined(IdentifierType.NAME_ID, number, derived=chosen is not None)


_WITH_COUNTRY = frozenset(
    {IdentifierType.PASSPORT, IdentifierType.NATIONAL_ID, IdentifierType.TAX_ID}
)


def _passport(rest: str, country: str, _label: str) -> Iterator[Mention]:
    yield from _read_number(
        "PASSPORT", rest, country, choose=lambda code, _: IdentifierType.PASSPORT if code else None
    )


def _national(rest: str, country: str, _label: str) -> Iterator[Mention]:
    yield from _read_number("NATIONAL_ID", rest, country, choose=_national_type)


def _national_type(code: str, _number: str) -> IdentifierType | None:
    if code == "CHN":
        return IdentifierType.CN_RID
    return IdentifierType.NATIONAL_ID if code else None


def _tax(rest: str, country: str, _label: str) -> Iterator[Mention]:
    yield from _read_number("TAX_ID", rest, country, choose=_tax_type)


def _tax_type(code: str, number: str) -> IdentifierType | None:
    if code == "CHN":
        return _document_type(code, number)
    # Without its last three characters a Mexican number says initials and birth date only.
    if code == "MEX" and len(_bare(number)) not in _FULL_RFC_LENGTHS:
        return None
    return IdentifierType.TAX_ID if code else None


def _document(rest: str, country: str, _label: str) -> Iterator[Mention]:
    yield from _read_number("DOCUMENT", rest, country, choose=_document_type)


def _document_type(code: str, number: str) -> IdentifierType | None:
    if code == "CHN" and _CHINESE_CREDIT_CODE.fullmatch(_bare(number)):
        return IdentifierType.CN_USCC
    if code == "CHN" and _CHINESE_LICENCE.fullmatch(_bare(number)):
        return IdentifierType.CN_LICENCE
    return None


def _bare(number: str) -> str:
    return re.sub("[ ./-]", "", number)


def _entity(rest: str, country: str, label: str) -> Iterator[Mention]:
    if len(rest) == _LEI_LENGTH:
        yield Found(IdentifierType.LEI, (rest,))
    else:
        yield from _tax(rest, country, label)


def _ship(rest: str, _country: str, _label: str) -> Iterator[Mention]:
    yield Found(IdentifierType.IMO, (rest,))


def _bank(rest: str, _country: str, _label: str) -> Iterator[Mention]:
    yield Found(IdentifierType.BIC, (rest,))


def _crypto(rest: str, _country: str, _label: str) -> Iterator[Mention]:
    match = _CRYPTO.fullmatch(rest)
    if match is None:
        yield Unread("CRYPTO_ADDR", NOT_UNDERSTOOD)
        return
    yield Found(IdentifierType.CRYPTO_ADDR, (match["chain"], match["address"]))


def _phone(rest: str, _country: str, _label: str) -> Iterator[Mention]:
    if not _PHONE.fullmatch(rest):
        yield Unread("PHONE", "needs + or 00 or brackets, which show its country code")
        return
    number = "+" + "".join(filter(str.isdecimal, rest)).removeprefix("00")
    # A list that is years old names numbers that others have by now.
    yield Found(IdentifierType.PHONE, (number,), weak=True)


def _no_type(_rest: str, _country: str, label: str) -> Iterator[Mention]:
    yield Unread(label, NO_TYPE)


_LABEL_READERS: Mapping[Label, Callable[[str, str, str], Iterator[Mention]]] = {
    Label.PASSPORT: _passport,
    Label.NATIONAL: _national,
    Label.TAX: _tax,
    Label.DOCUMENT: _document,
    Label.ENTITY: _entity,
    Label.SHIP: _ship,
    Label.BIC: _bank,
    Label.CRYPTO: _crypto,
    Label.PHONE: _phone,
    Label.NO_TYPE: _no_type,
}
