"""Steps that every identifier type shares: refuse, strip, fold, drop separators.

Whoever contributes and whoever asks must reach the same bytes, so nothing here depends on a
locale, a clock or a data file. NFKC leaves some look-alikes apart; the tables below are our own.

Source: Unicode Standard Annex 15 (NFKC).
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.vocabulary import IdentifierType

MAX_INPUT_LENGTH = 1024
"""Longest part of an identifier looked at, in characters; longer is refused before any work."""

DIGITS = frozenset(string.digits)
"""ASCII digits; ``str.isdigit`` alone also accepts superscripts and other scripts."""

LETTERS = frozenset(string.ascii_letters)
"""ASCII letters of both cases."""

ALPHANUMERICS = DIGITS | LETTERS
"""ASCII letters and digits."""

# The full-width bar becomes an ASCII one under NFKC.
_PART_SEPARATORS = frozenset("|\uff5c")

_INVISIBLE_RANGES = (
    (0x00AD, 0x00AD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x061C, 0x061C),  # Arabic letter mark
    (0x180B, 0x180F),  # Mongolian selectors
    (0x200B, 0x200F),  # zero-width characters, direction marks
    (0x202A, 0x202E),  # embedding controls, which address books paste around phone numbers
    (0x2060, 0x2064),  # word joiner, invisible operators
    (0x2066, 0x2069),  # isolating controls
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xE0100, 0xE01EF),  # ideographic variation selectors
)


def _code_points(ranges: tuple[tuple[int, int], ...]) -> Iterator[int]:
    for first, last in ranges:
        yield from range(first, last + 1)


_INVISIBLE: dict[int, str | None] = dict.fromkeys(_code_points(_INVISIBLE_RANGES))
# The Ogham space is the one space that NFKC does not turn into U+0020.
_INVISIBLE[0x1680] = " "
# Parts of some words: without them a domain name becomes another one.
_JOINERS = (0x200C, 0x200D)
_INVISIBLE_IN_DOMAINS = {code: to for code, to in _INVISIBLE.items() if code not in _JOINERS}

_PUNCTUATION = {
    **dict.fromkeys(map(ord, "\u2010\u2012\u2013\u2014\u2015\u2043\u2212"), "-"),
    **dict.fromkeys(map(ord, "\u2022\u2027\u2219\u22c5\u30fb"), "\u00b7"),
    **dict.fromkeys(map(ord, "\u2018\u2019\u02bb\u02bc\u02be\u02bf"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d"), '"'),
    **dict.fromkeys(map(ord, "\u3010\u3014"), "("),
    **dict.fromkeys(map(ord, "\u3011\u3015"), ")"),
}

# Categories that no identifier holds: controls, line and paragraph separators, surrogates,
# private use (every institution maps those to its own characters), unassigned, and format
# characters not stripped.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})

# Planes that Unicode keeps for ideographs, which never decompose: a name may hold a character
# that is newer than the Unicode tables of the Python that reads it.
_IDEOGRAPHIC_PLANES = range(0x20000, 0x3FFFE)


@dataclass(frozen=True, slots=True)
class Context:
    """What a normaliser may know besides the text.

    Attributes:
        field: Type, or type and part, as errors name it.
        today: Day in Asia/Shanghai against which dates are future, or None where the caller has no
            clock.
    """

    field: str
    today: date | None = None


@dataclass(frozen=True, slots=True)
class Normalised:
    """One normalised part. Its value is personal data and stays out of ``repr``."""

    value: str
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Shows the remarks only."""
        return f"Normalised(remarks={self.remarks})"


Normaliser = Callable[[str, Context], Normalised]
"""Turns one part into its canonical value or raises MalformedError."""


@dataclass(frozen=True, slots=True)
class Alias:
    """Another identifier under which the same subject may be asked for.

    Attributes:
        type: Its type, which may differ.
        parts: Its parts; personal data, so left out of ``repr``.
        weak: Alone it does not identify the subject.
    """

    type: IdentifierType
    parts: tuple[str, ...] = field(repr=False)
    weak: bool = False


AliasRule = Callable[[tuple[str, ...]], Iterable[Alias]]
"""Gives the aliases of an identifier by its canonical parts."""


def unify(text: str, field: str) -> str:
    """Refuses what no identifier holds, strips invisible characters, applies NFKC, trims spaces.

    Raises:
        MalformedError: With the position in the text as given.
    """
    return _folded(text, field, _INVISIBLE)


def unify_domain(text: str, field: str) -> str:
    """Folds as ``unify`` does, but leaves the two joiners, which the rules of IDNA judge."""
    return _folded(text, field, _INVISIBLE_IN_DOMAINS)


def _folded(text: str, field: str, invisible: Mapping[int, str | None]) -> str:
    if verify_characters(text, field):
        return text.strip(" ")
    return unicodedata.normalize("NFKC", text.translate(invisible)).strip(" ")


def verify_characters(text: str, field: str) -> bool:
    """Refuses what no identifier holds.

    Returns:
        Whether the text is printable ASCII, so nothing is left to fold.

    Raises:
        MalformedError: With the position in the text.
    """
    if len(text) > MAX_INPUT_LENGTH:
        raise MalformedError(field, f"longer than {MAX_INPUT_LENGTH} characters")
    if text.isascii() and text.isprintable() and "|" not in text:
        return True
    for position, character in enumerate(text):
        _check_character(character, field, position)
    return False


def _check_character(character: str, field: str, position: int) -> None:
    if character in _PART_SEPARATORS:
        raise MalformedError(field, "holds the sign that separates parts", position)
    code_point = ord(character)
    if (
        unicodedata.category(character) in _REFUSED_CATEGORIES
        and code_point not in _INVISIBLE
        and code_point not in _IDEOGRAPHIC_PLANES
    ):
        raise MalformedError(
            field, "holds a control, private-use or unassigned character", position
        )


def unify_punctuation(text: str, field: str) -> str:
    """Folds as ``unify`` does, and also dashes, middle dots, quotation marks and brackets."""
    return unify(text, field).translate(_PUNCTUATION)


def compact(text: str, field: str, *, separators: str, alphabet: frozenset[str]) -> str:
    """Folds, then drops the separators that the type allows.

    Args:
        text: The part as given.
        field: Name for errors.
        separators: Characters to drop.
        alphabet: All other characters that the type allows.

    Raises:
        MalformedError: With the position in the folded text, separators counted.
    """
    folded = unify_punctuation(text, field)
    bare = folded
    for separator in separators:
        bare = bare.replace(separator, "")
    if alphabet.issuperset(bare):
        return bare
    position = next(
        index
        for index, character in enumerate(folded)
        if character not in alphabet and character not in separators
    )
    raise MalformedError(field, "holds a character that the type does not allow", position)
