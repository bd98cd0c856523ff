"""The fold of the design, row by row in plain Python: slow, short, and without arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rongan_share.wire.vocabulary import DetailLevel, SummaryFlag

IN_ALL = (SummaryFlag.DISPUTED, SummaryFlag.WEAK, SummaryFlag.SOURCE_SUSPENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One visible listing."""

    category: int
    source_class: int
    severity: int
    confidence: int
    original_source: int
    contributor: int
    expiry_day: int
    flags: int
    reference: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """What rows say together."""

    category_bits: int
    source_class_bits: int
    severity: int
    confidence: int
    source_count: int
    expiry_day: int
    flags: int

    def as_tuple(self) -> tuple[int, ...]:
        """Gives the fields in the order of the wire."""
        return (
            self.category_bits,
            self.source_class_bits,
            self.severity,
            self.confidence,
            self.source_count,
            self.expiry_day,
            self.flags,
        )


def fold_rows(rows: Iterable[ModelRow], detail: DetailLevel) -> ModelSummary:
    """Folds at least one row and cuts the result to a detail level."""
    rows = list(rows)
    flags = 0
    for flag in IN_ALL:
        if all(row.flags & flag for row in rows):
            flags |= flag
    if any(row.flags & SummaryFlag.ORDER for row in rows):
        flags |= SummaryFlag.ORDER
    severity = max(row.severity for row in rows)
    if all(row.flags & SummaryFlag.WEAK for row in rows):
        severity = min(severity, 2)
    sources = {
        ("contributor", row.contributor)
        if row.original_source == 0
        else ("source", row.original_source)
        for row in rows
    }
    days = [row.expiry_day for row in rows]
    full = detail >= DetailLevel.PROVENANCE
    return ModelSummary(
        category_bits=sum(1 << bit for bit in {row.category for row in rows})
        if detail >= DetailLevel.CATEGORY
        else 0,
        source_class_bits=sum(1 << bit for bit in {row.source_class for row in rows})
        if full
        else 0,
        severity=severity,
        confidence=max(row.confidence for row in rows) if full else 0,
        source_count=min(255, len(sources)) if full else 0,
        expiry_day=0 if 0 in days else max(days),
        flags=flags,
    )


def remain(rows: Iterable[ModelRow], *, allowlist_bit: int, firm_bits: int) -> list[ModelRow]:
    """Gives the rows of one token that an allowlist row leaves."""
    rows = list(rows)
    if all(row.category != allowlist_bit for row in rows):
        return rows
    return [
        row
        for row in rows
        if row.category != allowlist_bit
        and (row.flags & SummaryFlag.ORDER or firm_bits >> row.category & 1)
    ]


def matched(rows: Iterable[tuple[int, ModelRow]]) -> int:
    """Counts the most tokens that meet in one record, from pairs of token and row."""
    met: dict[tuple[int, bytes], set[int]] = {}
    for token, row in rows:
        met.setdefault((row.contributor, row.reference), set()).add(token)
    return max(map(len, met.values()))
