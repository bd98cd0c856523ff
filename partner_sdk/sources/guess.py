"""A guess of what a file of listings is and what its columns mean, to be checked by a person.

Nothing of the guess holds a value of the file. Names of columns are told only where the first line
is a header beyond doubt; else it may be a row, and a name an identifier.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from partner_sdk.sources.cells import RawRecord
from partner_sdk.sources.formats import Format, SourceFile, format_of_name
from partner_sdk.sources.guess_cells import (
    date_patterns_of,
    kind_of,
    shape_of,
    texts_of,
    translations_of,
)
from partner_sdk.sources.guess_identifiers import (
    Candidate,
    NotTaken,
    candidate_of,
    joined_of,
    type_of_header,
)
from partner_sdk.sources.guess_words import COLUMN_WORDS, PLACEHOLDERS, VALUE_WORDS
from partner_sdk.sources.mapping import DATE_COLUMNS, ColumnMapping, IdentifierColumns
from partner_sdk.sources.rows import COLUMNS, RowsRefusedError
from partner_sdk.sources.texts import Encoding, guess_encoding
from rongan_share.wire.vocabulary import IdentifierType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SAMPLED_ROWS = 1_000
"""Rows from the start of the file that a guess looks at."""

_SHOWN_ROWS = 3
_HEAD_BYTES = 65_536
_BY_OUR_NAME = 100
_BY_WORD = 90
_DOUBTFUL = 40
_MOSTLY = 0.9
_HALF = 0.5
_HEADER_MATCHES = 2
"""So many names that we know make the first line a header."""

_PAIR = ("type", "value")
_VOCABULARY = ("op", "category", "severity", "evidence", "source_class", "legal_basis", "type")


@dataclass(frozen=True, slots=True)
class GuessedColumn:
    """A column of the source.

    Attributes:
        position: From 1.
        name: Its name, or empty: the first line may be a row.
        meaning: Column of ours or name of an identifier type; empty = left out.
        confidence: 0 to 100.
    """

    position: int
    name: str
    meaning: str = ""
    confidence: int = 0


@dataclass(frozen=True, slots=True)
class Guess:
    """What a file seems to be.

    Attributes:
        mapping: The mapping, as far as it was found.
        encoding_confidence: 0 to 100; 100 for Parquet.
        columns: Every column, in the order of the file.
        not_taken: Columns of identifiers that the mapping leaves out, with the reason.
        unknown_texts: Columns of ours that hold texts which nothing is known of.
        kinds: Kinds of the cells of the first rows, by line.
        header_known: Whether the first line is a header beyond doubt.
    """

    mapping: ColumnMapping
    encoding_confidence: int
    columns: tuple[GuessedColumn, ...]
    not_taken: tuple[Candidate, ...] = ()
    unknown_texts: tuple[str, ...] = ()
    kinds: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    header_known: bool = False


def guess_mapping(path: Path, *, format_name: str | None = None) -> Guess:
    """Guesses format, encoding, columns, translations and date formats.

    Args:
        path: The file.
        format_name: Its format, if it is known.

    Raises:
        RowsRefusedError: It cannot be read as any format, or has no rows.
        OSError: It cannot be read.
    """
    chosen = Format(format_name) if format_name else _guess_format(path)
    encoding, confidence = Encoding.UTF_8, _BY_OUR_NAME
    if chosen is not Format.PARQUET:
        encoding, confidence = guess_encoding(path)
    read = SourceFile(path, chosen, encoding).records(mandatory=())
    records = [each for each in islice(read, SAMPLED_ROWS) if isinstance(each, RawRecord)]
    if not records:
        raise RowsRefusedError.at(1, "", "no row to guess from")
    names = list(dict.fromkeys(name for record in records for name in record.cells))
    samples = {name: texts_of(records, name) for name in names}
    by_name = {name: _meaning_of_name(name) for name in names}
    known = _header_known(by_name) and not any(name in samples[name] for name in names)
    own = _own_columns(by_name, samples) if known else {}
    candidates = _identifier_columns(by_name, own, samples) if known else []
    mapping, unknown = _mapping_of(
        own, samples, candidates=candidates, format_=chosen, encoding=encoding
    )
    taken = {
        each.columns[0]: (each.type, each.confidence) for each in candidates if each.reason is None
    }
    matches = {**own, **taken}
    return Guess(
        mapping=mapping,
        encoding_confidence=confidence,
        columns=tuple(
            GuessedColumn(position, _shown(name) if known else "", *matches.get(name, ("", 0)))
            for position, name in enumerate(names, start=1)
        ),
        not_taken=tuple(each for each in candidates if each.reason is not None),
        unknown_texts=unknown,
        kinds={
            record.line: tuple(kind_of(record.cells.get(name)) for name in names)
            for record in records[:_SHOWN_ROWS]
        },
        header_known=known,
    )


def _guess_format(path: Path) -> Format:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"PAR1"):
        return Format.PARQUET
    line = head.lstrip(b"\xef\xbb\xbf \r\n").partition(b"\n")[0]
    if line.startswith(b"{"):
        return Format.JSONL
    if b"\t" in line and b"," not in line:
        return Format.TSV
    return format_of_name(path)


def _meaning_of_name(name: str) -> tuple[str, str]:
    """Says what a header means: a column of ours or a type, and the first part if it says one."""
    if name in COLUMNS:
        return name, ""
    word = "".join(character for character in name.casefold() if character.isalnum())
    for meaning, words in COLUMN_WORDS.items():
        if word in words or word == meaning.replace("_", ""):
            return meaning, ""
    return type_of_header(word)


def _header_known(by_name: Mapping[str, tuple[str, str]]) -> bool:
    # A row may hold words that we know, but it also holds an identifier or a date.
    matched = sum(1 for meaning, _ in by_name.values() if meaning)
    return matched >= _HEADER_MATCHES and all(
        kind_of(name) in {"text", "empty"} for name in by_name
    )


def _own_columns(
    by_name: Mapping[str, tuple[str, str]], samples: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, int]]:
    """Finds the best column of the source for each column of ours."""
    best: dict[str, tuple[str, int]] = {}
    for name, (meaning, _) in by_name.items():
        if meaning not in COLUMNS:
            continue
        confidence = _confidence(name, meaning, samples[name])
        if confidence and (meaning not in best or best[meaning][1] < confidence):
            best[meaning] = (name, confidence)
    if "type" not in best or "value" not in best:
        # One without the other says nothing; a lone value is judged as an identifier.
        best = {meaning: each for meaning, each in best.items() if meaning not in _PAIR}
    return {name: (meaning, confidence) for meaning, (name, confidence) in best.items()}


def _confidence(name: str, meaning: str, texts: Sequence[str]) -> int:
    confidence = _BY_OUR_NAME if name in COLUMNS else _BY_WORD
    if meaning == "reference" and texts and shape_of(texts)[1] >= _HALF:
        # A reference leaves the house hashed without a key: never an identifier.
        return 0
    if meaning in DATE_COLUMNS and texts:
        dated = [text for text in texts if text not in VALUE_WORDS.get(meaning, {})]
        return confidence if date_patterns_of(dated) else _DOUBTFUL
    if meaning in _VOCABULARY and texts:
        return confidence if translations_of(meaning, texts).known >= _MOSTLY else _DOUBTFUL
    return confidence


def _identifier_columns(
    by_name: Mapping[str, tuple[str, str]],
    own: Mapping[str, tuple[str, int]],
    samples: Mapping[str, Sequence[str]],
) -> list[Candidate]:
    """Finds every column that holds identifiers, those that are not taken with the reason."""
    found: list[Candidate] = []
    for position, (name, (meaning, prefix)) in enumerate(by_name.items(), start=1):
        if name in own:
            continue
        said = ("", "") if meaning in COLUMNS else (meaning, prefix)
        texts = [text for text in samples[name] if text not in PLACEHOLDERS]
        candidate = candidate_of(name, said, texts)
        if candidate is None and meaning == "value":
            candidate = Candidate("", (name,), reason=NotTaken.NO_TYPE)
        if candidate is not None and not (meaning or _shown(name)):
            # A header that nothing is known of and that holds digits might hold a value.
            hidden = f"COLUMN {position}"
            candidate = replace(candidate, columns=(hidden,), reason=NotTaken.NAME_HIDDEN)
        if candidate is not None:
            found.append(candidate)
    names = [each for each in found if each.type == "PERSON_NAME"]
    others = [each for each in found if each.reason is None]
    by_meaning = {meaning: name for name, (meaning, _) in own.items()}
    if "value" not in by_meaning:
        return [*found, *joined_of(names, others)]
    value = Candidate("CN_RID", (by_meaning["value"],))
    found += joined_of(names, [value])
    return [replace(each, reason=NotTaken.TYPE_AND_VALUE) for each in found]


def _mapping_of(
    matches: Mapping[str, tuple[str, int]],
    samples: Mapping[str, Sequence[str]],
    *,
    candidates: Sequence[Candidate],
    format_: Format,
    encoding: Encoding,
) -> tuple[ColumnMapping, tuple[str, ...]]:
    by_meaning = {meaning: name for name, (meaning, _) in matches.items()}
    columns = {column: (by_meaning[column],) for column in COLUMNS if column in by_meaning}
    values, dates, unknown = {}, {}, []
    for column, (name,) in columns.items():
        texts = samples[name]
        if column in (*_VOCABULARY, *DATE_COLUMNS):
            translations = translations_of(column, texts)
            if translations.meanings:
                values[column] = translations.meanings
            if column in _VOCABULARY and texts and translations.known < 1:
                unknown.append(column)
        if column in DATE_COLUMNS:
            dated = [text for text in texts if text not in values.get(column, {})]
            patterns = date_patterns_of(dated) if dated else None
            if patterns and patterns != ("YYYY-MM-DD",):
                dates[column] = patterns
            if dated and not patterns:
                unknown.append(column)
    order = list(IdentifierType.__members__)
    taken = sorted(
        (each for each in candidates if each.reason is None),
        key=lambda each: order.index(each.type),
    )
    identifiers = tuple(IdentifierColumns(each.type, each.columns, each.prefix) for each in taken)
    read = [text for each in taken for name in each.columns for text in samples[name]]
    read += samples[by_meaning["value"]] if "value" in by_meaning else []
    mapping = ColumnMapping(
        empty=tuple(sorted(PLACEHOLDERS.intersection(read))),
        format=format_,
        encoding=encoding,
        columns=columns,
        values=values,
        dates=dates,
        identifiers=identifiers,
    )
    return mapping, tuple(unknown)


def _shown(name: str) -> str:
    """Gives a name that may be told: one with the shape of a value might be one."""
    told = kind_of(name) == "text" and name.isprintable() and "@" not in name
    return name if told and not any(character.isdigit() for character in name) else ""
