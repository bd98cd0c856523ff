"""Identifiers in the remarks of the OFAC list: a free text of parts that end in semicolons.

A part is read only if all of it is understood. A part that names a kind of identifier and is not
understood is reported, never guessed at: half a number would list somebody else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partner_sdk.sources.countries import COUNTRY_CODES
from rongan_share.wire.vocabulary import IdentifierType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NO_IDENTIFIER = "no identifier of a kind that is read"
"""Why an entity may have no row."""

_NOT_READ = "this kind of identifier is not read"


@dataclass(frozen=True, slots=True)
class Found:
    """An identifier as written.

    Attributes:
        type: Its type.
        parts: Its parts in the order of the type.
        derived: Made from one that stands in the list, so that both spellings are met.
    """

    type: IdentifierType
    parts: tuple[str, ...] = field(repr=False)
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """An identifier that was seen and not read.

    Attributes:
        what: Its kind.
        rule: Why.
    """

    what: str
    rule: str


_PASSPORT = re.compile(
    r"(?:alt\. )?(?:(?:Diplomatic|British National Overseas|Stateless Person) )?"
    r"Passport (?:Booklet:? )?(?P<number>[^()]+?) \((?P<country>[^()]+)\)"
    r"(?: (?:issued|expires) [^()]*)?"
)
_SITE = re.compile(
    r"(?:(?:alt\. )?Website:? (?P<named>\S+)|(?P<bare>(?:https?://|www\.)\S+?)(?: \(website\))?)"
)
_MAIL = re.compile(
    r"(?:(?:alt\. )?E-?mail(?: Address)?:? ?(?P<named>\S+)|(?P<bare>\S+@\S+?)(?: \(email\))?)",
    re.IGNORECASE,
)
_CREDIT_CODE = re.compile(
    r"(?:Unified|United) Social Credit Code(?: Certificate)? \(USCCC?\) (?P<code>\S+) \(China\)"
)

_HOST = re.compile(r"(?:https?://)?(?P<host>[^/\s:]+)/?", re.IGNORECASE)


def find_identifiers(remarks: str) -> Iterator[Found | Unread]:
    """Yields the identifiers of one entity in the order of its remarks."""
    for text in remarks.split(";"):
        part = " ".join(text.split()).rstrip(".")
        for mention, read in _READERS:
            if mention.search(part):
                yield from read(part)
                break


def _read_passport(part: str) -> Iterator[Found | Unread]:
    match = _PASSPORT.fullmatch(part)
    if match is None:
        yield Unread("PASSPORT", "needs a number and its issuing country in brackets")
        return
    code = COUNTRY_CODES.get(match["country"])
    if code is None:
        yield Unread("PASSPORT", "the issuing country is not in the table")
        return
    yield Found(IdentifierType.PASSPORT, (code, match["number"]))


def _read_site(part: str) -> Iterator[Found | Unread]:
    match = _SITE.fullmatch(part)
    if match is None:
        yield Unread("DOMAIN", "the form is not understood")
        return
    host = _HOST.fullmatch(match["named"] or match["bare"])
    if host is None:
        # Listing the host of a page would list everybody who has a page there.
        yield Unread("DOMAIN", "a page of a site, not a whole site")
        return
    name = host["host"]
    yield Found(IdentifierType.DOMAIN, (name,))
    bare = name.lower().removeprefix("www.")
    if bare != name.lower() and "." in bare:
        yield Found(IdentifierType.DOMAIN, (bare,), derived=True)


def _read_mail(part: str) -> Iterator[Found | Unread]:
    match = _MAIL.fullmatch(part)
    if match is None:
        yield Unread("EMAIL", "the form is not understood")
        return
    yield Found(IdentifierType.EMAIL, (match["named"] or match["bare"],))


def _read_credit_code(part: str) -> Iterator[Found | Unread]:
    match = _CREDIT_CODE.fullmatch(part)
    if match is None:
        yield Unread("CN_USCC", "the form is not understood")
        return
    yield Found(IdentifierType.CN_USCC, (match["code"],))


def _not_read(what: str) -> Callable[[str], Iterator[Found | Unread]]:
    def read(_part: str) -> Iterator[Found | Unread]:
        yield Unread(what, _NOT_READ)

    return read


_READERS: tuple[tuple[re.Pattern[str], Callable[[str], Iterator[Found | Unread]]], ...] = tuple(
    (re.compile(mention), read)
    for mention, read in (
        (r"(?i)\bpassport\b", _read_passport),
        (r"(?i)^(?:alt\. )?website\b|\(website\)|^www\.|^https?://", _read_site),
        (r"(?i)^(?:alt\. )?e-?mail\b|\(email\)|^[^\s']+@[^\s']+$", _read_mail),
        (r"Social Credit Code", _read_credit_code),
        (
            r"^(?:alt\. )?(?:\S+ )*(?:Registration |Company )?(?:Identification |Number )?IMO \d",
            _not_read("IMO"),
        ),
        (r"^(?:alt\. )?Cedula No|^(?:alt\. )?National ID|\bD\.N\.I\.", _not_read("NATIONAL_ID")),
        (r"^(?:alt\. )?(?:C\.U\.R\.P|Identification Number|I\.F\.E)", _not_read("NATIONAL_ID")),
        (r"^(?:alt\. )?(?:NIT|RUC|RIF|R\.F\.C|Tax ID|V\.A\.T|RTN)\b", _not_read("TAX_ID")),
        (r"^(?:alt\. )?SWIFT/BIC", _not_read("BIC")),
        (r"^(?:alt\. )?Digital Currency Address", _not_read("CRYPTO_ADDR")),
        (r"^(?:alt\. )?(?:Tele)?[Pp]hone\b", _not_read("PHONE")),
        (r"^(?:alt\. )?Legal Entity Number|\bLEI\b", _not_read("LEI")),
    )
)
"""What shows that a part holds an identifier, and what reads it; the first that fits is taken."""
