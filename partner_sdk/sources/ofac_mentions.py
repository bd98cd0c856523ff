"""What a part of the remarks of the OFAC list may hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from rongan_share.wire.vocabulary import IdentifierType

NO_IDENTIFIER = "no identifier of a kind that is read"
"""Why an entity may have no row."""

NO_TYPE = "no identifier type fits"
"""Why a number that was understood may not become a row."""

NOT_UNDERSTOOD = "the form is not understood"
"""A part that names a kind of identifier in a way that is not read."""


@dataclass(frozen=True, slots=True)
class Found:
    """An identifier as written.

    Attributes:
        type: Its type.
        parts: Its parts in the order of the type.
        derived: Made from one that stands in the list, so that both spellings are met.
        alias: Another way to name the entity.
        weak: Alone it identifies nobody.
    """

    type: IdentifierType
    parts: tuple[str, ...] = field(repr=False)
    derived: bool = False
    alias: bool = False
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """What identifies only together with a name: a birth date, or a number of some document.

    Attributes:
        type: NAME_DOB or NAME_ID.
        value: The part beside the name.
        derived: The same number is also found by itself.
    """

    type: IdentifierType
    value: str = field(repr=False)
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Nickname:
    """A name that the list itself calls weak: it stands in quotation marks."""

    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unread:
    """An identifier that was seen and not read.

    Attributes:
        what: Its kind.
        rule: Why.
    """

    what: str
    rule: str


Mention = Found | Joined | Nickname | Unread
"""What a part of the remarks may hold."""
