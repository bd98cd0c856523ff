"""What a caller may see about tokens: coverage, visible rows, fold. Shared by both verdict RPCs.

Everything here works on columns. Nothing that is returned depends on rows outside the coverage,
except that a W1 row, which is public to every caller, lets its token go.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rongan_share.columns.run import spread
from rongan_share.errors import Reason, RonganError
from rongan_share.ledger.counters import get_list_sequence
from rongan_share.model.agreement import ALL_TYPES
from rongan_share.model.registry import HUB_PARTNER_ID
from rongan_share.services.bits import SOURCE_CLASS_BITS, has_bit
from rongan_share.services.call import malformed
from rongan_share.wire.fold import FoldRows, survive_allowlist
from rongan_share.wire.vocabulary import Evidence, RowFlag, SourceClass, SummaryFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rongan_share.services.call import Call
    from rongan_share.services.questions import VerdictQuestion
    from rongan_share.wire.taxonomy import Taxonomy


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
class Found:
    """What a look-up found for one caller.

    Attributes:
        coverage: What was consulted.
        not_granted: What was asked for and is missing from it.
        entitled: Whether each token's type may be asked about.
        place: Which distinct token each token is, so that a repeated one is looked up once.
        query: Distinct token of each visible row, ascending.
        rows: The visible rows (LISTING_DTYPE).
        fold_rows: The same rows as the fold wants them.
        sequence: What the look-up knew.
    """

    coverage: CoverageBits
    not_granted: CoverageBits
    entitled: NDArray[np.bool_]
    place: NDArray[np.int64]
    query: NDArray[np.int64]
    rows: NDArray[np.void]
    fold_rows: FoldRows
    sequence: int

    @property
    def disclosure(self) -> bytes:
        """Ids of the listings shown, u64 each, ascending."""
        return np.unique(self.rows["listing_id"]).tobytes()

    @property
    def listed(self) -> NDArray[np.int64]:
        """Indices of the tokens that are listed, ascending."""
        return np.flatnonzero(self.entitled & np.isin(self.place, self.query))

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


def look_up(call: Call, question: VerdictQuestion) -> Found:
    """Finds the rows that the caller may see under each token.

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
    accepted = get_list_sequence(call.read)
    if question.terms.at_least_sequence > accepted:
        # No waiting brings a sequence that was never given out.
        raise RonganError(Reason.STALE_SNAPSHOT, retry_after_seconds=1.0, listSequence=accepted)
    snapshot = call.snapshot(question.terms.at_least_sequence)
    distinct, place = _distinct(question.tokens)
    matches = snapshot.find_tokens(call.cipher.encipher(distinct))
    seen = _visible(call, matches.rows, coverage) & np.isin(matches.query, place[entitled])
    if coverage.empty:
        seen[:] = False
    query, rows = matches.query[seen], matches.rows[seen]
    fold_rows = _fold_rows(call, rows)
    kept = survive_allowlist(
        query,
        fold_rows,
        allowlist_bit=call.taxonomy.allowlist_bit,
        never_hidden_bits=call.taxonomy.never_hidden_bits,
    )
    return Found(
        coverage=coverage,
        not_granted=not_granted,
        entitled=entitled & (not coverage.empty),
        place=place,
        query=query[kept],
        rows=rows[kept],
        fold_rows=FoldRows._make(column[kept] for column in fold_rows),
        sequence=snapshot.sequence,
    )


def _distinct(tokens: bytes) -> tuple[bytes, NDArray[np.int64]]:
    """Tells tokens apart: a listing must be found once however often its token is asked about.

    Returns:
        The distinct tokens, and which of them each token is.
    """
    column = np.frombuffer(tokens, "S16")
    halves = np.sort(column.view(np.uint64)[::2])
    if not (halves[1:] == halves[:-1]).any():
        return tokens, np.arange(column.size)
    distinct, place = np.unique(column, return_inverse=True)
    return distinct.tobytes(), place


def _entitled_types(call: Call, question: VerdictQuestion) -> NDArray[np.bool_]:
    allowed = call.agreement.identifier_type_bits
    if allowed == ALL_TYPES:
        return np.ones(question.token_count, np.bool_)
    if question.types is None:
        raise malformed("types", "declared, because the agreement limits types")
    return has_bit(allowed, question.types)


def _visible(call: Call, rows: NDArray[np.void], coverage: CoverageBits) -> NDArray[np.bool_]:
    """Tells which rows hold today and lie within the coverage, or are the hub's allowlist."""
    live = (rows["expiry_day"] == 0) | (rows["expiry_day"] >= call.day)
    covered = has_bit(coverage.category_bits, rows["category"])
    covered &= has_bit(coverage.source_class_bits, rows["source_class"])
    covered &= has_bit(call.agreement.identifier_type_bits, rows["type"])
    hub = call.registry.partners[HUB_PARTNER_ID].number
    allowing = (rows["category"] == call.taxonomy.allowlist_bit) & (rows["contributor"] == hub)
    seen: NDArray[np.bool_] = live & (covered | allowing)
    return seen


def _fold_rows(call: Call, rows: NDArray[np.void]) -> FoldRows:
    flags = _SHOWN_FLAGS[rows["flags"]]
    suspended = np.fromiter(call.registry.suspended_numbers(), np.uint32)
    if suspended.size:
        marked = np.isin(rows["contributor"], suspended)
        flags = flags | np.where(marked, np.uint8(SummaryFlag.SOURCE_SUSPENDED), np.uint8(0))
    return FoldRows(
        category=rows["category"],
        source_class=rows["source_class"],
        severity=rows["severity"],
        confidence=confidence_table(call.taxonomy)[rows["source_class"], rows["evidence"]],
        original_source=rows["original_source"],
        contributor=rows["contributor"],
        expiry_day=rows["expiry_day"],
        flags=flags,
    )


@cache
def confidence_table(taxonomy: Taxonomy) -> NDArray[np.uint8]:
    """Returns the base confidence as an array over (source class, evidence)."""
    table = np.zeros((max(SourceClass) + 1, max(Evidence) + 1), np.uint8)
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
