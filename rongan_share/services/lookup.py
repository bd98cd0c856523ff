"""What a caller may see about tokens: coverage, visible rows, fold. Shared by both verdict RPCs.

Everything here works on columns. Nothing that is returned depends on rows outside the coverage,
except that a W1 row, which is public to every caller, lets its token go.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rongan_share.columns.kernel_numpy import apart, see
from rongan_share.columns.key_index import spread
from rongan_share.columns.view import View, bit_table
from rongan_share.errors import Reason, RonganError
from rongan_share.ledger.counters import get_list_sequence
from rongan_share.model.agreement import ALL_TYPES
from rongan_share.model.registry import HUB_PARTNER_ID
from rongan_share.services.bits import SOURCE_CLASS_BITS, has_bit
from rongan_share.services.call import malformed
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.vocabulary import Evidence, RowFlag, SourceClass, SummaryFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rongan_share.columns.snapshot import Snapshot
    from rongan_share.services.call import Call
    from rongan_share.services.questions import VerdictQuestion
    from rongan_share.wire.fold import FoldRows
    from rongan_share.wire.taxonomy import Taxonomy

_CACHED_VIEWS = 1_024


@dataclass(frozen=True, slots=True)
class CoverageBits:
    """Categories and source classes.

    Attributes:
        category_bits: Bit n = the category with bit n.
        source_class_bits: Bit n = source class n.
    """

    category_bits: int
    source_class_bits: int

    @property
    def empty(self) -> bool:
        """Whether nothing at all is consulted."""
        return not (self.category_bits and self.source_class_bits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a look-up says to one caller.

    Attributes:
        coverage: What was consulted.
        not_granted: What was asked for and is missing from it.
        entitled: Whether each token's type may be asked about.
        listed: Indices of the tokens that are listed, ascending.
        summaries: The fold of each listed token (SUMMARY_DTYPE).
        disclosure: Ids of the listings that took part, u64 each, ascending.
        sequence: What the look-up knew.
        asked: What was looked up, for whoever wants the rows.
    """

    coverage: CoverageBits
    not_granted: CoverageBits
    entitled: NDArray[np.bool_]
    listed: NDArray[np.int64]
    summaries: NDArray[np.void]
    disclosure: bytes
    sequence: int
    asked: _Asked


class _Asked(NamedTuple):
    """What was looked up, where, and through whose eyes."""

    snapshot: Snapshot
    enciphered: bytes
    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The rows behind a judgement.

    Attributes:
        place: Which distinct token each token is, so that a repeated one is looked up once.
        query: Distinct token of each visible row, ascending.
        rows: The visible rows (LISTING_DTYPE).
        fold_rows: The same rows as the fold wants them.
    """

    place: NDArray[np.int64]
    query: NDArray[np.int64]
    rows: NDArray[np.void]
    fold_rows: FoldRows

    def rows_of(
        self, asked: NDArray[np.int64], distinct: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs whoever asks with every row found for a distinct token.

        Args:
            asked: Token or subject, ascending.
            distinct: The distinct token of each.

        Returns:
            Who asks, ascending, and place of the row, one item a pair.
        """
        first = np.searchsorted(self.query, distinct, side="left")
        last = np.searchsorted(self.query, distinct, side="right")
        return spread(asked, first, last)


def chargeable_count(call: Call, question: VerdictQuestion) -> int:
    """Counts the tokens that cost something: those that are answered LISTED or NOT_LISTED.

    Raises:
        RonganError: REQUEST_MALFORMED where the agreement limits types and none was declared.
    """
    coverage, _ = decide_coverage(call, question)
    if coverage.empty:
        return 0
    return int(np.count_nonzero(_entitled_types(call, question)))


def decide_coverage(call: Call, question: VerdictQuestion) -> tuple[CoverageBits, CoverageBits]:
    """Decides what is consulted, and what was asked for and is not.

    Consulted is what is asked, granted by the agreement, permitted for the purpose, and shareable.

    Raises:
        RonganError: REQUEST_MALFORMED for a bit that names nothing.
    """
    taxonomy, agreement = call.taxonomy, call.agreement
    if question.terms.category_bits & ~taxonomy.known_bits:
        raise malformed("category_bits", "only categories of the taxonomy")
    if question.terms.source_class_bits & ~SOURCE_CLASS_BITS:
        raise malformed("source_class_bits", "only known source classes")
    categories = agreement.category_bits & taxonomy.shareable_bits & ~(1 << taxonomy.allowlist_bit)
    categories &= taxonomy.bits_for_purpose(question.terms.purpose)
    classes = agreement.source_class_bits
    asked_categories = question.terms.category_bits or categories
    asked_classes = question.terms.source_class_bits or classes
    coverage = CoverageBits(asked_categories & categories, asked_classes & classes)
    missing = CoverageBits(asked_categories & ~categories, asked_classes & ~classes)
    return coverage, missing


def look_up(call: Call, question: VerdictQuestion) -> Judged:
    """Judges each token by the rows that the caller may see.

    Raises:
        RonganError: EPOCH_NOT_OPEN, STALE_SNAPSHOT, or REQUEST_MALFORMED.
    """
    epoch = call.registry.epoch
    if (question.terms.epoch, question.terms.suite) != (epoch.number, epoch.suite):
        raise RonganError(
            Reason.EPOCH_NOT_OPEN, currentEpoch=epoch.number, currentSuite=epoch.suite.name
        )
    coverage, not_granted = decide_coverage(call, question)
    entitled = _entitled_types(call, question)
    if coverage.empty:
        entitled = np.zeros(question.token_count, np.bool_)
    asked = _ask(call, question, coverage)
    listed, summaries, ids = asked.snapshot.judge(asked.enciphered, entitled, asked.view)
    return Judged(
        coverage=coverage,
        not_granted=not_granted,
        entitled=entitled,
        listed=listed,
        summaries=summaries,
        disclosure=ids.tobytes(),
        sequence=asked.snapshot.sequence,
        asked=asked,
    )


def find_rows(judged: Judged) -> Found:
    """Finds the rows that a judgement was folded from."""
    asked = judged.asked
    distinct, place = apart(asked.enciphered)
    wanted = np.zeros(len(distinct) // TOKEN_BYTES, np.bool_)
    wanted[place[judged.entitled]] = True
    query, rows, fold_rows = see(asked.snapshot.find_tokens(distinct), wanted, asked.view)
    return Found(place=place, query=query, rows=rows, fold_rows=fold_rows)


def _ask(call: Call, question: VerdictQuestion, coverage: CoverageBits) -> _Asked:
    if question.terms.at_least_sequence:
        accepted = get_list_sequence(call.read)
        if question.terms.at_least_sequence > accepted:
            # No waiting brings a sequence that was never given out.
            raise RonganError(Reason.STALE_SNAPSHOT, retry_after_seconds=1.0, listSequence=accepted)
    view = _view(
        call.taxonomy,
        call.registry.partners[HUB_PARTNER_ID].number,
        call.registry.suspended_numbers,
        category_bits=coverage.category_bits,
        source_class_bits=coverage.source_class_bits,
        type_bits=call.agreement.identifier_type_bits,
        day=call.day,
    )
    snapshot = call.snapshot(question.terms.at_least_sequence)
    return _Asked(snapshot, call.cipher.encipher(question.tokens), view)


def _entitled_types(call: Call, question: VerdictQuestion) -> NDArray[np.bool_]:
    allowed = call.agreement.identifier_type_bits
    if allowed == ALL_TYPES:
        return np.ones(question.token_count, np.bool_)
    if question.types is None:
        raise malformed("types", "declared, because the agreement limits types")
    return has_bit(allowed, question.types)


@lru_cache(maxsize=_CACHED_VIEWS)
def _view(
    taxonomy: Taxonomy,
    hub_number: int,
    suspended_numbers: frozenset[int],
    *,
    category_bits: int,
    source_class_bits: int,
    type_bits: int,
    day: int,
) -> View:
    """Returns what a coverage lets a caller see on a day."""
    tables = np.stack(
        (
            bit_table(category_bits),
            bit_table(source_class_bits),
            bit_table(type_bits),
            bit_table(taxonomy.never_hidden_bits),
            _SHOWN_FLAGS,
        )
    )
    numbers = np.fromiter(suspended_numbers, np.int64)
    suspended = np.zeros(int(numbers.max(initial=-1)) + 1, np.uint8)
    suspended[numbers] = SummaryFlag.SOURCE_SUSPENDED
    return View(
        tables=tables,
        confidence=confidence_table(taxonomy),
        suspended=suspended,
        day=day,
        hub_number=hub_number,
        allowlist_bit=taxonomy.allowlist_bit,
    )


@cache
def confidence_table(taxonomy: Taxonomy) -> NDArray[np.uint8]:
    """Returns the base confidence over (source class, evidence), zero for unknown ones."""
    table = np.zeros((256, 256), np.uint8)
    for source_class in SourceClass:
        for evidence in Evidence:
            table[source_class, evidence] = taxonomy.base_confidence[source_class][evidence]
    return table


def _shown_flags() -> NDArray[np.uint8]:
    """Maps the flags that a contributor set to the flags that a caller is shown."""
    pairs = {
        RowFlag.WEAK: SummaryFlag.WEAK,
        RowFlag.ORDER: SummaryFlag.ORDER,
        RowFlag.SUSPECT: SummaryFlag.SUSPECT,
        RowFlag.ALIAS: SummaryFlag.ALIAS,
    }
    table = np.zeros(256, np.uint8)
    for value in range(256):
        table[value] = sum(int(shown) for flag, shown in pairs.items() if value & flag)
    return table


_SHOWN_FLAGS = _shown_flags()
