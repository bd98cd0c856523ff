"""Re-derives the log from its entries.

It shares the entry's form, `wire` and the ledger's reading side with the writer, nothing else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rongan_share.audit.entry import parse_entry
from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.entries import find_disclosure, get_frontier, list_entries
from rongan_share.wire.merkle import Frontier, leaf_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from rongan_share.ledger.environment import Ledger

SLICE_ENTRIES = 10_000
"""Entries read in one transaction, so that none is held for long."""


@dataclass(frozen=True, slots=True)
class LogFault:
    """Where the log is broken.

    Attributes:
        index: The first bad entry.
        rule: What does not hold there.
    """

    index: int
    rule: str


@dataclass(frozen=True, slots=True)
class LogReport:
    """What a verification found.

    Attributes:
        size: Entries that the ledger's frontier counts.
        root: Root over those entries, 32 bytes.
        fault: The first fault, or None if everything was re-derived.
    """

    size: int
    root: bytes
    fault: LogFault | None


def verify_log(ledger: Ledger, *, on_progress: Callable[[int, int], None]) -> LogReport:
    """Reads every entry up to the recorded size, checks it, and rebuilds the tree.

    Args:
        ledger: The store, which may be serving.
        on_progress: Called with how many entries of how many are done.
    """
    with ledger.read() as txn:
        recorded = get_frontier(txn)
    frontier = Frontier()
    while frontier.size < recorded.size:
        frontier, fault = _verify_slice(ledger, frontier, recorded.size)
        if fault is not None:
            return LogReport(recorded.size, recorded.root(), fault)
        on_progress(frontier.size, recorded.size)
    if frontier != recorded:
        fault = LogFault(recorded.size, "the entries do not give the recorded frontier")
        return LogReport(recorded.size, recorded.root(), fault)
    return LogReport(recorded.size, recorded.root(), None)


def _verify_slice(
    ledger: Ledger, frontier: Frontier, size: int
) -> tuple[Frontier, LogFault | None]:
    end = min(size, frontier.size + SLICE_ENTRIES)
    with ledger.read() as txn:
        try:
            for index, raw in list_entries(txn, frontier.size):
                if index != frontier.size:
                    break
                if index == end:
                    return frontier, None
                entry = parse_entry(raw)
                shown = find_disclosure(txn, index) or b""
                if entry.disclosure_digest != (hashlib.sha256(shown).digest() if shown else b""):
                    return frontier, LogFault(
                        index, "the disclosure record does not fit its digest"
                    )
                frontier = frontier.append(leaf_hash(raw))
        except LedgerCorruptError:
            return frontier, LogFault(frontier.size, "the stored bytes do not match their checksum")
        except ValueError as error:
            return frontier, LogFault(frontier.size, str(error))
    if frontier.size < end:
        return frontier, LogFault(frontier.size, "the entry is missing")
    return frontier, None
