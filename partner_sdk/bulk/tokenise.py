"""One column of identifiers into tokens, in this process.

Rows are taken by type. Those whose form is plain are folded and judged as columns; the others take
the path for one identifier, which also says why a row is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import compress, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from partner_sdk.bulk.arrays import Column, bytes_of, text_array
from partner_sdk.bulk.numbers import DROPPED, NUMBER_RULES, ODD, NumberRule
from partner_sdk.bulk.outcome import Reject, TokenColumns
from partner_sdk.bulk.texts import TEXT_RULES, TextRule
from partner_sdk.sources.rows import parse_type
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.identifiers import CANONICAL_VERSION, SPECS, Grade, parse_identifier
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.tokens import Tokenizer
from rongan_share.wire.vocabulary import IdentifierType, RowFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]
    Truths = NDArray[np.bool_]

_TOKEN = np.dtype((np.void, TOKEN_BYTES))
_SUSPECT = np.uint8(RowFlag.SUSPECT)

# What NFKC does to ASCII in full width. Not to the bar, which parts identifiers only in half width.
_HALF_WIDTH = {code + 0xFEE0: code for code in range(ord("!"), ord("~") + 1)} | {0x3000: 0x20}
del _HALF_WIDTH[ord("|") + 0xFEE0]

# To judge so many singly costs less than to begin a column.
_FEW = 50


@dataclass(frozen=True, slots=True)
class _Plain:
    """Rows recognised as columns.

    Attributes:
        opening: What their canonical values begin with, the type left out.
        rows: Their indices.
        values: The rest of their canonical values.
        suspect: Which of them are suspect.
    """

    opening: str
    rows: Rows
    values: list[bytes] = field(repr=False)
    suspect: Truths


def tokenise_columns(
    values: Column,
    types: Column,
    *,
    tokenizer: Tokenizer,
    today: date | None = None,
    first_row: int = 0,
    stripped: bool = False,
) -> TokenColumns:
    """Makes the tokens of a column of identifiers.

    Args:
        values: A list of texts or a pyarrow array of them; parts are joined by ``|``.
        types: The type of all of them, or a column of names of types.
        tokenizer: Makes the tokens.
        today: Day in Asia/Shanghai that grades future birth dates.
        first_row: Number of the first row.
        stripped: Whether blanks around a value, tabs too, say nothing, as in a file.

    Raises:
        TypeError: A column holds something else than texts.
        ValueError: The columns differ in length.
    """
    column = text_array(values)
    sheet = _Sheet(len(column), tokenizer, today, first_row=first_row, stripped=stripped)
    for name, rows in _rows_by_type(types, len(column)):
        part = column if len(rows) == len(column) else column.take(pa.array(rows))
        try:
            identifier_type = parse_type(name)
        except MalformedError as error:
            sheet.reject(rows, error)
        else:
            sheet.fill(identifier_type, part, rows)
    return sheet.columns()


def _rows_by_type(types: Column, count: int) -> Iterator[tuple[str, Rows]]:
    if isinstance(types, IdentifierType):
        yield types.name, np.arange(count)
        return
    named = text_array(types)
    if len(named) != count:
        raise ValueError("as many types as values are needed")
    encoded = pc.dictionary_encode(named)
    codes = encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=1))
    yield from zip(encoded.dictionary.to_pylist(), np.split(order, ends), strict=False)


class _Sheet:
    """The outcome while it is being filled, type after type."""

    def __init__(
        self,
        count: int,
        tokenizer: Tokenizer,
        today: date | None,
        *,
        first_row: int,
        stripped: bool,
    ) -> None:
        self._tokenizer = tokenizer
        self._today = today
        self._first_row = first_row
        self._stripped = stripped
        self._tokens = np.zeros(count, dtype=_TOKEN)
        self._types = np.zeros(count, dtype=np.uint8)
        self._flags = np.zeros(count, dtype=np.uint8)
        self._rejects: list[Reject] = []

    def fill(self, identifier_type: IdentifierType, column: Column, rows: Rows) -> None:
        """Makes the tokens of rows of one type."""
        self._types[rows] = identifier_type
        self._flags[rows] = RowFlag.WEAK if SPECS[identifier_type].weak else 0
        prefix = f"{CANONICAL_VERSION}|{identifier_type.name}|"
        done = np.zeros(len(rows), dtype=np.bool_)
        for plain in self._plain(identifier_type, column):
            tokens = self._tokenizer.tokens_of(prefix + plain.opening, plain.values)
            self._tokens[rows[plain.rows]] = np.frombuffer(tokens, dtype=_TOKEN)
            self._flags[rows[plain.rows[plain.suspect]]] |= _SUSPECT
            done[plain.rows] = True
        rest = np.flatnonzero(~done)
        if len(rest):
            texts = column.take(pa.array(rest)).to_pylist()
            self._fill_rest(identifier_type, texts, rows[rest])

    def _plain(self, identifier_type: IdentifierType, column: Column) -> Iterator[_Plain]:
        if identifier_type in NUMBER_RULES:
            yield from _plain_numbers(NUMBER_RULES[identifier_type], column, self._today)
        elif identifier_type in TEXT_RULES:
            yield _plain_texts(TEXT_RULES[identifier_type], column, self._today)

    def _fill_rest(self, identifier_type: IdentifierType, texts: list[str], rows: Rows) -> None:
        """Tries again as columns what was written in full width; judges all else singly."""
        # Other types gain nothing by it, and in a URL full width is another page.
        if identifier_type not in NUMBER_RULES and identifier_type not in TEXT_RULES:
            self._fill_singly(identifier_type, texts, rows)
            return
        narrow = [text.translate(_HALF_WIDTH) for text in texts]
        wide = np.array([a != b for a, b in zip(texts, narrow, strict=True)], dtype=np.bool_)
        if np.count_nonzero(wide) < _FEW:
            self._fill_singly(identifier_type, texts, rows)
            return
        # In half width nothing is left to fold, so this ends.
        self.fill(identifier_type, text_array(list(compress(narrow, wide))), rows[wide])
        self._fill_singly(identifier_type, list(compress(texts, ~wide)), rows[~wide])

    def _fill_singly(self, identifier_type: IdentifierType, texts: list[str], rows: Rows) -> None:
        kept: list[int] = []
        canonical: list[str] = []
        for row, text in zip(rows.tolist(), texts, strict=True):
            try:
                identifier = parse_identifier(
                    identifier_type,
                    text.strip() if self._stripped else text,
                    today=self._today,
                )
            except MalformedError as error:
                self.reject([row], error)
                continue
            kept.append(row)
            canonical.append(identifier.text)
            if identifier.grade is Grade.SUSPECT:
                self._flags[row] |= _SUSPECT
        self._tokens[kept] = np.frombuffer(self._tokenizer.tokens(canonical), dtype=_TOKEN)

    def reject(self, rows: Rows | list[int], error: MalformedError) -> None:
        """Leaves rows without a token."""
        self._rejects += [
            Reject(self._first_row + int(row), error.field, error.rule, error.position)
            for row in rows
        ]

    def columns(self) -> TokenColumns:
        """Gives what was filled, without the rejected rows."""
        self._rejects.sort(key=lambda reject: reject.row)
        kept = np.ones(len(self._types), dtype=np.bool_)
        kept[[reject.row - self._first_row for reject in self._rejects]] = False
        return TokenColumns(
            first_row=self._first_row,
            row_count=len(kept),
            tokens=self._tokens[kept].tobytes(),
            types=self._types[kept].tobytes(),
            flags=self._flags[kept].tobytes(),
            rejects=tuple(self._rejects),
        )


def _plain_numbers(rule: NumberRule, column: Column, today: date | None) -> Iterator[_Plain]:
    characters, offsets = bytes_of(column)
    folded = rule.alphabet[characters]
    kept = folded != DROPPED
    starts = np.concatenate(([0], np.cumsum(kept)))[offsets]
    lengths = np.diff(starts)
    odd = np.flatnonzero(folded == ODD)
    lengths[np.searchsorted(offsets, odd, side="right") - 1] = 0
    numbers = folded[kept]
    for length in np.flatnonzero(np.bincount(lengths)).tolist():
        form = rule.forms.get(length)
        if form is None:
            continue
        rows = np.flatnonzero(lengths == length)
        matrix = numbers[starts[rows][:, None] + np.arange(length)]
        passed = form.check(matrix, today)
        if not rule.soft:
            rows, matrix, passed = rows[passed], matrix[passed], passed[passed]
        # No number holds the zero byte that this view would cut off.
        yield _Plain(form.opening, rows, matrix.view(f"S{length}").ravel().tolist(), ~passed)


def _plain_texts(rule: TextRule, column: Column, today: date | None) -> _Plain:
    folded, plain = rule.plain(column)
    rows = np.flatnonzero(plain.to_numpy(zero_copy_only=False))
    characters, offsets = bytes_of(folded.filter(plain))
    joined = characters.tobytes()
    values = [joined[start:end] for start, end in pairwise(offsets.tolist())]
    if rule.check is not None and len(rows):
        endings = characters[offsets[1:, None] + np.arange(-rule.ending, 0)]
        passed = rule.check(endings, today)
        rows, values = rows[passed], list(compress(values, passed))
    return _Plain("", rows, values, np.zeros(len(rows), dtype=np.bool_))
