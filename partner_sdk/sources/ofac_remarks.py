"""Identifiers in the remarks of the OFAC list: a free text of parts that end in semicolons.

A part is read only if all of it is understood. A part that names a kind of identifier and is not
understood is reported, never guessed at: half a number would list somebody else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from partner_sdk.sources.ofac_mentions import (
    NOT_UNDERSTOOD,
    Found,
    Joined,
    Mention,
    Nickname,
    Unread,
)
from partner_sdk.sources.ofac_numbers import find_number
from rongan_share.wire.vocabulary import IdentifierType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BIRTH = re.compile(
    rf"(?:[Aa]lt\. )?DOB (?P<day>[0-9]{{2}}) (?P<month>{'|'.join(_MONTHS)}) (?P<year>[0-9]{{4}})"
)
_NICKNAME = re.compile(r"(?:[Aa]lt\. )?[afn]\.k\.a\.,? (?P<rest>.*)")

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


def find_identifiers(remarks: str) -> Iterator[Mention]:
    """Yields the identifiers of one entity in the order of its remarks."""
    for text in remarks.split(";"):
        yield from _read_part(" ".join(text.split()).rstrip("."))


def _read_part(part: str) -> Iterator[Mention]:
    number = find_number(part)
    if number is not None:
        yield from number
        return
    for mention, read in _READERS:
        if mention.search(part):
            yield from read(part)
            return


def _read_birth(part: str) -> Iterator[Mention]:
    date = _BIRTH.fullmatch(part)
    if date is None:
        yield Unread("NAME_DOB", "no full date of birth")
        return
    month = _MONTHS.index(date["month"]) + 1
    yield Joined(IdentifierType.NAME_DOB, f"{date['year']}-{month:02}-{date['day']}")


def _read_nickname(part: str) -> Iterator[Mention]:
    match = _NICKNAME.fullmatch(part)
    name = match["rest"] if match else ""
    if len(name) > len("''") and name[0] == name[-1] == "'":
        yield Nickname(name[1:-1])
    else:
        yield Unread("NICKNAME", NOT_UNDERSTOOD)


def _read_site(part: str) -> Iterator[Mention]:
    match = _SITE.fullmatch(part)
    if match is None:
        yield Unread("DOMAIN", NOT_UNDERSTOOD)
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
        yield Found(IdentifierType.DOMAIN, (bare,), derived=True, alias=True)


def _read_mail(part: str) -> Iterator[Mention]:
    match = _MAIL.fullmatch(part)
    if match is None:
        yield Unread("EMAIL", NOT_UNDERSTOOD)
        return
    yield Found(IdentifierType.EMAIL, (match["named"] or match["bare"],))


def _read_credit_code(part: str) -> Iterator[Mention]:
    match = _CREDIT_CODE.fullmatch(part)
    if match is None:
        yield Unread("CN_USCC", NOT_UNDERSTOOD)
        return
    yield Found(IdentifierType.CN_USCC, (match["code"],))


def _read_passport(_part: str) -> Iterator[Mention]:
    yield Unread("PASSPORT", NOT_UNDERSTOOD)


_READERS: tuple[tuple[re.Pattern[str], Callable[[str], Iterator[Mention]]], ...] = tuple(
    (re.compile(mention), read)
    for mention, read in (
        (r"^(?:[Aa]lt\. )?DOB\b", _read_birth),
        (r"^(?:[Aa]lt\. )?[afn]\.k\.a\.", _read_nickname),
        (r"(?i)\bpassport\b", _read_passport),
        (r"(?i)^(?:alt\. )?website\b|\(website\)|^www\.|^https?://", _read_site),
        (r"(?i)^(?:alt\. )?e-?mail\b|\(email\)|^[^\s']+@[^\s']+$", _read_mail),
        (r"Social Credit Code", _read_credit_code),
    )
)
"""What shows that a part holds an identifier, and what reads it; the first that fits is taken."""
