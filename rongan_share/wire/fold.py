"""The fold: what the listings under one token, or of one subject, say together.

Works on columns of the rows that one caller may see, one row per listing, never on hidden ones.
The hub runs it in both verdict RPCs, so that they cannot differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rongan_share.wire.vocabulary import DetailLevel, SummaryFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUMMARY_DTYPE = np.dtype(
    [
        ("category_bits", "<u8"),
        ("source_class_bits", "<u2"),
        ("severity", "u1"),
        ("confidence", "u1"),
        ("source_count", "u1"),
        ("expiry_day", "<u2"),
        ("flags", "u1"),
    ]
)
"""One folded summary, 16 bytes, laid out as `frames.SUMMARY`."""

WEAK_SEVERITY_CAP = 2
"""Highest severity of a subject whose listings are all WEAK."""

_ALL_FLAGS = SummaryFlag.DISPUTED | SummaryFlag.WEAK | SummaryFlag.SOURCE_SUSPENDED
"""Flags that a summary carries only if every row does."""


class FoldRows(NamedTuple):
    """Visible rows as columns of equal length, ordered by group.

    Attributes:
        category: Category bit numbers, u8.
        source_class: Source class numbers, u8.
        severity: 1 to 4, u8.
        confidence: 0 to 100, u8.
        original_source: u64; 0 = the contributor itself.
        contributor: Partner numbers, u32.
        expiry_day: Last day, u16; 0 = no end set.
        flags: SummaryFlag bits of the single listing, u8.
    """

    category: NDArray[np.uint8]
    source_class: NDArray[np.uint8]
    severity: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    original_source: NDArray[np.uint64]
    contributor: NDArray[np.uint32]
    expiry_day: NDArray[np.uint16]
    flags: NDArray[np.uint8]


def fold(group: NDArray[np.int64], rows: FoldRows) -> tuple[NDArray[np.int64], NDArray[np.void]]:
    """Folds rows by group.

    Args:
        group: Group of each row, ascending: a token's or a subject's index.
        rows: The rows, in the same order.

    Returns:
        The groups that have rows, ascending, and one summary each (SUMMARY_DTYPE).
    """
    if group.size == 0:
        return group, np.zeros(0, SUMMARY_DTYPE)
    starts = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))
    summary = np.zeros(starts.size, SUMMARY_DTYPE)
    one = np.uint64(1)
    summary["category_bits"] = np.bitwise_or.reduceat(
        one << rows.category.astype(np.uint64), starts
    )
    classes = np.bitwise_or.reduceat(one << rows.source_class.astype(np.uint64), starts)
    summary["source_class_bits"] = classes.astype(np.uint16)
    summary["severity"] = np.maximum.reduceat(rows.severity, starts)
    summary["confidence"] = np.maximum.reduceat(rows.confidence, starts)
    summary["source_count"] = _count_sources(group, starts, rows)
    latest = np.maximum.reduceat(rows.expiry_day, starts)
    endless = np.logical_or.reduceat(rows.expiry_day == 0, starts)
    summary["expiry_day"] = np.where(endless, 0, latest)
    in_all = np.bitwise_and.reduceat(rows.flags, starts) & np.uint8(_ALL_FLAGS)
    in_any = np.bitwise_or.reduceat(rows.flags, starts) & np.uint8(SummaryFlag.ORDER)
    summary["flags"] = in_all | in_any
    weak = (summary["flags"] & SummaryFlag.WEAK) != 0
    summary["severity"][weak] = np.minimum(summary["severity"][weak], WEAK_SEVERITY_CAP)
    return group[starts], summary


def survive_allowlist(
    group: NDArray[np.int64],
    rows: FoldRows,
    *,
    allowlist_bit: int,
    never_hidden: NDArray[np.uint8],
) -> NDArray[np.bool_]:
    """Tells which rows remain when allowlisted tokens are let go.

    A W1 row hides every row under its token but ORDER and family E, and is itself never shown.

    Args:
        group: Token index of each row, ascending.
        rows: Visible, live rows in the same order.
        allowlist_bit: Bit number of W1.
        never_hidden: 1 for each category, by bit number from 0 to 255, that W1 cannot hide.

    Returns:
        A mask over the rows.
    """
    allowing: NDArray[np.bool_] = rows.category == allowlist_bit
    kept: NDArray[np.bool_] = ~allowing
    if kept.all():
        return kept
    allowed = np.isin(group, group[allowing])
    firm = never_hidden[rows.category] | (rows.flags & np.uint8(SummaryFlag.ORDER))
    kept &= ~allowed | (firm != 0)
    return kept


def cut_to_detail(summary: NDArray[np.void], detail: DetailLevel) -> NDArray[np.void]:
    """Returns summaries without the fields that the detail level does not show."""
    if detail >= DetailLevel.PROVENANCE:
        return summary
    shown = summary.copy()
    if detail < DetailLevel.CATEGORY:
        shown["category_bits"] = 0
    for field in ("source_class_bits", "confidence", "source_count"):
        shown[field] = 0
    return shown


def count_matched(
    *,
    subject: NDArray[np.int64],
    contributor: NDArray[np.uint32],
    reference: NDArray[np.bytes_],
    token: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """Counts, for each subject, the most tokens that meet in one (partner, reference).

    Args:
        subject: Subject of each row, 0 to 2^32 - 1.
        contributor: Partner number of each row.
        reference: 16-byte reference of each row.
        token: Number of each row's token, 0 to 2^32 - 1; the same for equal tokens.

    Returns:
        One count for each subject that has rows, ascending by subject.
    """
    # Big-endian, so that the order of the bytes is the order of the subjects.
    keys = np.zeros((subject.size, 28), np.uint8)
    keys[:, 0:4] = subject.astype(">u4").view(np.uint8).reshape(-1, 4)
    keys[:, 4:8] = contributor.astype(">u4").view(np.uint8).reshape(-1, 4)
    keys[:, 8:24] = np.ascontiguousarray(reference).view(np.uint8).reshape(-1, 16)
    keys[:, 24:28] = token.astype(">u4").view(np.uint8).reshape(-1, 4)
    met = np.unique(keys.reshape(-1).view("S28"))
    if not met.size:
        return np.zeros(0, np.uint8)
    records = np.frombuffer(met.tobytes(), np.uint8).reshape(-1, 28)
    record_starts = _starts(records[:, :24])
    counts = np.diff(record_starts, append=met.size)
    subject_starts = _starts(records[record_starts, :4])
    return np.maximum.reduceat(np.minimum(counts, 255), subject_starts).astype(np.uint8)


def _starts(ordered: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Returns where runs of equal rows begin."""
    changes = (ordered[1:] != ordered[:-1]).any(axis=1)
    return np.flatnonzero(np.concatenate(([True], changes)))


def _count_sources(
    group: NDArray[np.int64], starts: NDArray[np.int64], rows: FoldRows
) -> NDArray[np.uint8]:
    """Counts distinct original sources; zero counts once per contributor; capped at 255."""
    own = rows.original_source == 0
    source = np.where(own, rows.contributor.astype(np.uint64), rows.original_source)
    order = np.lexsort((source, own, group))
    ordered = np.stack(
        (group[order].astype(np.uint64), own[order].astype(np.uint64), source[order])
    )
    first = np.concatenate(([True], (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)))
    counts = np.add.reduceat(first.astype(np.int64), starts)
    return np.minimum(counts, 255).astype(np.uint8)
