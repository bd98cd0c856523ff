"""What a column of a source seems to hold: kinds of cells, never the cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from partner_sdk.sources.cells import RawRecord, cell_text
from partner_sdk.sources.date_formats import find_date
from partner_sdk.sources.guess_words import DATE_PATTERNS, SHAPED_TYPES, TYPE_WORDS, VALUE_WORDS
from partner_sdk.sources.rows import parse_type
from rongan_share.wire.identifiers import Grade, parse_identifier
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import (
    Evidence,
    IdentifierType,
    LegalBasis,
    RowOperation,
    SourceClass,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from enum import IntEnum

_VOCABULARIES: Mapping[str, type[IntEnum]] = {
    "op": RowOperation,
    "evidence": Evidence,
    "source_class": SourceClass,
    "legal_basis": LegalBasis,
}


def kind_of(cell: object) -> str:
    """Names the kind of one cell: an identifier type, empty, date, number, text or other."""
    try:
        text = cell_text(cell, "cell")
    except MalformedError:
        return "other"
    if not text:
        return "empty"
    for name in SHAPED_TYPES:
        if _betrays(name, text):
            return name
    if find_date(text, DATE_PATTERNS):
        return "date"
    return "number" if text.isdecimal() else "text"


@dataclass(frozen=True, slots=True)
class Translations:
    """What the texts of a column mean.

    Attributes:
        meanings: Texts that are not our own words, and ours for them.
        known: Share of the texts that are our words or have one, 0 to 1; 0 if there is no text.
    """

    meanings: Mapping[str, str]
    known: float


def texts_of(records: Iterable[RawRecord], name: str) -> list[str]:
    """Collects the texts of a column; what has none is left out."""
    texts = []
    for record in records:
        try:
            text = cell_text(record.cells.get(name), name)
        except MalformedError:
            continue
        if text:
            texts.append(text)
    return texts


def shape_of(texts: Collection[str]) -> tuple[str, float]:
    """Names the identifier type that fits most texts, and the share that it fits."""
    shares = [(sum(_betrays(name, text) for text in texts), name) for name in SHAPED_TYPES]
    # Among equals the most telling type, which stands first.
    count, name = max(shares, key=lambda share: share[0])
    return (name, count / len(texts)) if count else ("", 0.0)


def share_of_type(texts: Collection[str], name: str) -> float:
    """Computes the share of texts that are identifiers of a type."""
    return sum(_fits(name, text) for text in texts) / len(texts) if texts else 0.0


def translations_of(column: str, texts: Iterable[str]) -> Translations:
    """Looks up the texts of a column of ours that has a vocabulary."""
    distinct = set(texts)
    own, words = _own_words(column), _words(column)
    foreign = distinct - own
    meanings = {text: words[text] for text in sorted(foreign) if text in words}
    unknown = len(foreign) - len(meanings)
    return Translations(meanings, 1 - unknown / len(distinct) if distinct else 0.0)


def date_patterns_of(texts: Collection[str]) -> tuple[str, ...] | None:
    """Finds the one date format of a column; None if none fits all, or two read other days."""
    fitting = [p for p in DATE_PATTERNS if all(find_date(text, (p,)) for text in texts)]
    if not fitting:
        return None
    days = {tuple(find_date(text, (pattern,)) for text in texts) for pattern in fitting}
    return (fitting[0],) if len(days) == 1 else None


def _fits(name: str, text: str) -> bool:
    try:
        return parse_identifier(IdentifierType[name], text).grade is Grade.OK
    except MalformedError:
        return False


def _betrays(name: str, text: str) -> bool:
    # Twelve digits without signs are a number of anything, and a network card's too.
    return not (name == "MAC" and text.isalnum()) and _fits(name, text)


def _own_words(column: str) -> set[str]:
    if column == "type":
        return set(IdentifierType.__members__)
    if column == "category":
        return {category.code for category in packaged_taxonomy().categories}
    if column == "severity":
        return set("1234")
    return set(_VOCABULARIES[column].__members__) if column in _VOCABULARIES else set()


def _words(column: str) -> Mapping[str, str]:
    if column == "type":
        return {word: parse_type(name).name for name, words in TYPE_WORDS.items() for word in words}
    if column == "category":
        return {category.name_zh: category.code for category in packaged_taxonomy().categories}
    return VALUE_WORDS.get(column, {})
