"""Names of organisations and persons.

Tokens match exactly, so everything that two writers of one name may do differently is decided here:
case, width, spaces, brackets, middle dots, word order of Latin names. Nothing is guessed beyond
that.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import (
    Alias,
    AliasRule,
    Context,
    Normalised,
    unify_punctuation,
)
from rongan_share.wire.vocabulary import IdentifierType

if TYPE_CHECKING:
    from opencc import OpenCC

ORG_LENGTHS = range(2, 201)
"""How long the name of an organisation may be."""

_PERSON_LENGTH = 200
_MIDDLE_DOT = "\u00b7"

# Ideographs with their iteration mark and zero, then kana.
_IDEOGRAPHS = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_CJK = f"\u3040-\u30ff\u31f0-\u31ff{_IDEOGRAPHS}"
_IDEOGRAPH = re.compile(f"[{_IDEOGRAPHS}]")
_SPACES = re.compile(" +")
# Full-width brackets stand without spaces, others with one outside. A bracket beside a CJK
# character belongs to its script.
_SPACE_DROPPED = re.compile(
    f"(?<=[{_CJK}]) (?=[{_CJK}(])|(?<=\\)) (?=[{_CJK}(])|(?<=\\() | (?=\\))"
)
_SPACE_LACKING = re.compile(f"(?<=[^ ({_CJK})])(?=\\()|(?<=\\))(?=[^\\W_{_CJK}])")
_HANGUL = "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"
_HANGUL_WORDS = re.compile(f"[{_HANGUL} ]+")
_LATIN = re.compile(
    "[A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1d00-\u1dbf\u1e00-\u1eff"
    "\u2c60-\u2c7f\ua722-\ua7ff\uab30-\uab6f]"
)

# Written apart by NFKC, yet one name: registries and cores differ in which of them they can store.
_VARIANTS = str.maketrans({"\u9ad9": "\u9ad8", "\ufa11": "\u5d0e", "\U00020bb7": "\u5409"})


def organisation_name(text: str, context: Context) -> Normalised:
    """Normalises the registered name of an organisation (ORG_NAME).

    Upper case, half-width brackets; spaces dropped within CJK text, single elsewhere, one of them
    outside each bracket; the legal form and all other punctuation stay.
    """
    folded = unify_punctuation(text, context.field).translate(_VARIANTS)
    upper = unicodedata.normalize("NFKC", folded.upper())
    dropped = unicodedata.normalize("NFKC", _SPACE_DROPPED.sub("", _SPACES.sub(" ", upper)))
    name = _SPACE_LACKING.sub(" ", dropped)
    if len(name) not in ORG_LENGTHS:
        raise MalformedError(context.field, "needs 2 to 200 characters")
    if not any(character.isalnum() for character in name):
        raise MalformedError(context.field, "holds neither letter nor digit")
    return Normalised(name)


def simplified(name: str) -> str:
    """Gives a name in simplified characters."""
    return _converter().convert(name) if has_ideograph(name) else name


def has_ideograph(name: str) -> bool:
    """Says whether the Chinese rules are those of a name."""
    return _IDEOGRAPH.search(name) is not None


@cache
def _converter() -> OpenCC:
    # Few names hold ideographs, and the hub never has one.
    from opencc import OpenCC  # noqa: PLC0415  loads tables

    return OpenCC("t2s")


def person_aliases(identifier_type: IdentifierType, place: int) -> AliasRule:
    """Makes the rule for an identifier with one part, a name: other forms of that name.

    The name without middle dots, which many systems lose; both in simplified characters, which is
    weak: characters that differ become one, some of them wrongly in names.

    Args:
        identifier_type: Type of the identifier and of its aliases.
        place: Which part is the name, from 0.
    """

    def aliases(parts: tuple[str, ...]) -> Iterator[Alias]:
        name = parts[place]
        undotted = name.replace(_MIDDLE_DOT, "")
        for form, weak in (
            (undotted, False),
            (simplified(name), True),
            (simplified(undotted), True),
        ):
            if form != name:
                yield Alias(identifier_type, (*parts[:place], form, *parts[place + 1 :]), weak=weak)

    return aliases


def person_name(text: str, context: Context) -> Normalised:
    """Normalises the name of a person, by the Chinese rule where it holds an ideograph."""
    folded = unify_punctuation(text, context.field).translate(_VARIANTS)
    if has_ideograph(folded):
        named = _chinese_name(folded, context.field)
    else:
        named = _latin_name(folded, context.field)
    if len(named.value) > _PERSON_LENGTH:
        raise MalformedError(context.field, f"longer than {_PERSON_LENGTH} characters")
    return named


def holder_name(text: str, context: Context) -> Normalised:
    """Normalises the name of an account's holder, whether a person or an organisation.

    Nobody need know which it is: the rule of persons, less what it refuses or doubts in names of
    organisations.
    """
    folded = unify_punctuation(text, context.field).translate(_VARIANTS)
    chinese = has_ideograph(folded)
    name = _joined(folded) if chinese else _latin_name(folded, context.field).value
    if len(name) > ORG_LENGTHS[-1]:
        raise MalformedError(context.field, f"longer than {ORG_LENGTHS[-1]} characters")
    return Normalised(name)


def _joined(folded: str) -> str:
    """Drops spaces; one middle dot between the parts of a name, which many type as a full stop."""
    compacted = folded.replace(" ", "").replace(".", _MIDDLE_DOT).upper()
    named = _MIDDLE_DOT.join(filter(None, compacted.split(_MIDDLE_DOT)))
    return unicodedata.normalize("NFKC", named)


def _chinese_name(folded: str, field: str) -> Normalised:
    name = _joined(folded)
    mixed = False
    for position, character in enumerate(name):
        if character == _MIDDLE_DOT or _IDEOGRAPH.match(character):
            continue
        if not character.isalpha():
            raise MalformedError(field, "holds a character that no name has", position)
        mixed = True
    return Normalised(name, ("the name mixes scripts",) if mixed else ())


def _latin_name(folded: str, field: str) -> Normalised:
    """Drops marks of Latin letters, turns punctuation into spaces, sorts the words.

    Writers disagree on all of them. In other scripts marks tell letters apart, so they stay; Korean
    names keep their order and lose spaces, as Chinese ones do.
    """
    upper = unicodedata.normalize("NFKD", folded).upper()
    lettered = _letters(unicodedata.normalize("NFKD", upper))
    words = unicodedata.normalize("NFKC", lettered).split()
    korean = _HANGUL_WORDS.fullmatch(" ".join(words)) is not None
    name = "".join(words) if korean else " ".join(sorted(words))
    if not any(character.isalpha() for character in name):
        raise MalformedError(field, "holds no letter")
    digits = any(character.isnumeric() for character in name)
    return Normalised(name, ("the name holds a digit",) if digits else ())


def _letters(decomposed: str) -> str:
    """Keeps letters and digits, and the marks of letters that are not Latin; else spaces."""
    kept: list[str] = []
    marked = False
    for character in decomposed:
        category = unicodedata.category(character)
        if category == "Mn":
            kept.append(character if marked else "")
            continue
        if category[0] != "M":
            marked = category[0] == "L" and not _LATIN.match(character)
        kept.append(character if category[0] in "LMN" else " ")
    return "".join(kept)
