"""Which columns of a source hold identifiers, and why some of them are not taken.

A column whose header or cells say that it holds identifiers is taken or named with a reason,
never left out unseen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, unique
from typing import TYPE_CHECKING

from partner_sdk.sources.guess_cells import shape_of, share_of_type
from partner_sdk.sources.guess_words import PREFIXED_WORDS, SUFFIXES, TYPE_WORDS
from rongan_share.wire.identifiers import PART_SEPARATOR, SPECS
from rongan_share.wire.vocabulary import IdentifierType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_AGREED = 99
_BY_HEADER = 90
_BY_CONTENT = 60
_DOUBTFUL = 40
_MOSTLY = 0.9
_HALF = 0.5
_SOME = 0.1
_LEAST_SUFFIX = 3
_LEAST_ASCII_SUFFIX = 5
_DOCUMENTS = ("CN_RID", "PASSPORT", "NATIONAL_ID", "CN_FPR", "CN_HMT_PERMIT")
_ACCOUNTS = ("ACCT", "PAN", "IBAN")


@unique
class NotTaken(Enum):
    """Why a column of identifiers is not in the guessed mapping; the value is its message."""

    TYPE_AND_VALUE = "not_taken.type_and_value"
    NO_TYPE = "not_taken.no_type"
    OTHER_CELLS = "not_taken.other_cells"
    MIXED_CARDS = "not_taken.mixed_cards"
    NEEDS_PARTS = "not_taken.needs_parts"
    NAME_ALONE = "not_taken.name_alone"
    JOINED_TOO = "not_taken.joined_too"
    NAME_HIDDEN = "not_taken.name_hidden"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One or more columns that hold identifiers of one type.

    Attributes:
        type: Name of the type; empty = not known.
        columns: Columns of the source, one for each part.
        prefix: First part that is the same in every row, or empty.
        confidence: 0 to 100.
        reason: Why it is not taken; None = it is.
    """

    type: str
    columns: tuple[str, ...]
    prefix: str = ""
    confidence: int = _BY_HEADER
    reason: NotTaken | None = None


def type_of_header(word: str) -> tuple[str, str]:
    """Names the type, and the first part if it is fixed, that a header without blanks says."""
    plain = word.rstrip("0123456789") or word
    for kind, words in TYPE_WORDS.items():
        if plain in words or word == kind.casefold().replace("_", ""):
            return kind, ""
    for (kind, prefix), words in PREFIXED_WORDS.items():
        if plain in words:
            return kind, prefix
    return _type_of_ending(plain)


def _type_of_ending(word: str) -> tuple[str, str]:
    """Finds the longest word that a header ends with, such as 身份证号 of 法人身份证号."""
    tables: list[tuple[tuple[str, str], tuple[str, ...]]] = list(PREFIXED_WORDS.items())
    tables += [((kind, ""), words) for kind, words in TYPE_WORDS.items()]
    endings = [
        (len(each), said)
        for said, words in tables
        for each in words
        if word.endswith(each) and (_telling(each) or each in SUFFIXES)
    ]
    return max(endings, default=(0, ("", "")), key=lambda ending: ending[0])[1]


def _telling(word: str) -> bool:
    return len(word) >= (_LEAST_ASCII_SUFFIX if word.isascii() else _LEAST_SUFFIX)


def candidate_of(name: str, said: tuple[str, str], texts: Sequence[str]) -> Candidate | None:
    """Judges one column by what its header says and its cells hold; None = no identifiers.

    Args:
        name: Its name.
        said: Type and fixed first part by its header; empty = it says nothing.
        texts: Its cells.
    """
    kind, prefix = said
    if not kind:
        return _by_content(name, texts)
    found = Candidate(kind, (name,), prefix)
    if not texts:
        return replace(found, reason=_reason_of_type(found))
    cards = share_of_type(texts, "PAN") if kind == "ACCT" else 0.0
    if _SOME <= cards < _MOSTLY:
        return replace(found, confidence=_DOUBTFUL, reason=NotTaken.MIXED_CARDS)
    lead = f"{prefix}{PART_SEPARATOR}" if prefix else ""
    fitting = share_of_type([f"{lead}{text}" for text in texts], kind)
    if fitting >= _MOSTLY and cards < _MOSTLY:
        alone = NotTaken.NAME_ALONE if kind == "PERSON_NAME" else None
        return replace(found, confidence=_AGREED, reason=alone)
    other = _by_content(name, texts)
    if other is not None and other.reason is None:
        return other
    doubt = NotTaken.NEEDS_PARTS if _lacks_parts(found) else NotTaken.OTHER_CELLS
    return replace(found, confidence=_DOUBTFUL, reason=None if fitting >= _HALF else doubt)


def _reason_of_type(found: Candidate) -> NotTaken | None:
    if found.type == "PERSON_NAME":
        return NotTaken.NAME_ALONE
    return NotTaken.NEEDS_PARTS if _lacks_parts(found) else None


def _by_content(name: str, texts: Sequence[str]) -> Candidate | None:
    shape, share = shape_of(texts) if texts else ("", 0.0)
    if share < _HALF:
        return None
    doubt = None if share >= _MOSTLY else NotTaken.OTHER_CELLS
    return Candidate(shape, (name,), confidence=int(_BY_CONTENT * share), reason=doubt)


def _lacks_parts(found: Candidate) -> bool:
    spec = SPECS[IdentifierType[found.type]]
    return len(spec.parts) - spec.first_optional > 1 + bool(found.prefix)


def joined_of(names: Iterable[Candidate], others: Sequence[Candidate]) -> list[Candidate]:
    """Proposes names joined with a document or an account beside them, which are not taken."""
    joined = []
    for name in names:
        for kind, fitting in (("NAME_ID", _DOCUMENTS), ("ACCT_NAME", _ACCOUNTS)):
            beside = _first_of(fitting, others)
            if beside is None:
                continue
            columns = (*name.columns, *beside.columns)
            if kind == "ACCT_NAME":
                columns = (*beside.columns, *name.columns)
            confidence = min(name.confidence, beside.confidence)
            joined.append(
                Candidate(kind, columns, confidence=confidence, reason=NotTaken.JOINED_TOO)
            )
    return joined


def _first_of(kinds: Sequence[str], candidates: Sequence[Candidate]) -> Candidate | None:
    found = [each for kind in kinds for each in candidates if each.type == kind]
    return found[0] if found else None
