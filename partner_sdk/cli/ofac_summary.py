"""What ``rongan contribute --source ofac`` says about the list: read, doubtful, skipped and why."""

from __future__ import annotations

import csv
from dataclasses import astuple, fields
from typing import TYPE_CHECKING

from partner_sdk.sources.ofac_report import Skipped

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable
    from pathlib import Path

    from partner_sdk.sources.ofac_report import OfacReport
    from rongan_share.wire.vocabulary import IdentifierType


def ofac_lines(report: OfacReport) -> list[tuple[str, object]]:
    """Gives the summary for people: keys of messages, and what to say beside them."""
    seen = {
        "entities": report.entity_count,
        "entities_listed": report.listed_entity_count,
    }
    counted = {
        "alias_names": report.alias_count,
        "identifiers": report.identifier_count,
        "identifiers_read": report.row_count - report.derived_count,
        "duplicates": report.duplicate_count,
        "identifiers_skipped": len(report.skipped),
        "derived": report.derived_count,
    }
    return [
        *seen.items(),
        *_listed(
            "entities_without",
            (f"{n} {reason}" for reason, n in report.entities_without.most_common()),
        ),
        *counted.items(),
        *_listed("by_type", (f"{n} {kind}" for kind, n in _by_name(report.rows_by_type).items())),
        *_listed(
            "suspects", (f"{n} {kind}" for kind, n in _by_name(report.suspects_by_type).items())
        ),
        *_listed(
            "skipped_why",
            (f"{n} {what}: {rule}" for (what, rule), n in report.skipped_by_reason().most_common()),
        ),
    ]


def ofac_facts(report: OfacReport) -> dict[str, object]:
    """Gives the summary for programs."""
    return {
        "entities": report.entity_count,
        "entities_with_rows": report.listed_entity_count,
        "entities_without": dict(report.entities_without),
        "aliases": report.alias_count,
        "identifiers": report.identifier_count,
        "rows_by_type": _by_name(report.rows_by_type),
        "suspects_by_type": _by_name(report.suspects_by_type),
        "derived": report.derived_count,
        "duplicates": report.duplicate_count,
        "skipped": len(report.skipped),
        "skipped_by_reason": [
            {"what": what, "rule": rule, "count": count}
            for (what, rule), count in report.skipped_by_reason().most_common()
        ],
    }


def write_skipped(report: OfacReport, path: Path) -> None:
    """Writes what was skipped, line by line.

    Raises:
        OSError: The file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow([entry.name for entry in fields(Skipped)])
        writer.writerows(astuple(skipped) for skipped in report.skipped)


def _by_name(counts: Counter[IdentifierType]) -> dict[str, int]:
    return {kind.name: count for kind, count in counts.most_common() if count}


def _listed(key: str, texts: Iterable[str]) -> list[tuple[str, object]]:
    """Puts a message's key before the first of several texts."""
    return [(key if index == 0 else "", text) for index, text in enumerate(texts)]
