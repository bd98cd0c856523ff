"""What a check of a file counted: records, rows by type, doubles, suspects, aliases."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partner_sdk.contributions import FrameCounts
from rongan_share.wire.vocabulary import RowFlag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from partner_sdk.sources.rows import ParsedRow


@dataclass(slots=True)
class CheckedRows:
    """Counts of one reading of a file: ``sent`` = read - duplicates + aliases.

    Attributes:
        records: Records of the file that gave rows.
        by_type: Rows read, by type; ``-`` for rows that name a whole record.
        suspects: Those of them whose identifier is doubtful, by type.
        framed: Doubles that were dropped and aliases that were added.
        sent: Rows that would travel.
    """

    records: int = 0
    by_type: Counter[str] = field(default_factory=Counter)
    suspects: Counter[str] = field(default_factory=Counter)
    framed: FrameCounts = field(default_factory=FrameCounts)
    sent: int = 0

    def counted(self, rows: Iterable[ParsedRow]) -> Iterator[ParsedRow]:
        """Counts rows on their way."""
        line = 0
        for row in rows:
            self.records += row.line != line
            line = row.line
            name = row.canonical.type.name if row.canonical else "-"
            self.by_type[name] += 1
            if row.flags & RowFlag.SUSPECT:
                self.suspects[name] += 1
            yield row

    @property
    def read(self) -> int:
        """Rows read."""
        return sum(self.by_type.values())

    def lines(self, *, listed: bool) -> list[tuple[str, object]]:
        """Gives the counts for people.

        Args:
            listed: Whether to give rows by type; an OFAC list gives its own.
        """
        lines: list[tuple[str, object]] = [("rows_read", self.read)]
        if listed:
            lines.insert(0, ("records", self.records))
            for key, counts in (("by_type", self.by_type), ("suspects", self.suspects)):
                texts = [f"{count} {name}" for name, count in counts.most_common()]
                lines += [(key if not at else "", text) for at, text in enumerate(texts)]
        lines.append(("rows_twice", self.framed.duplicates))
        lines.append(("rows_aliases", self.framed.aliases))
        lines.append(("rows_to_send", self.sent))
        return lines

    def facts(self) -> dict[str, object]:
        """Gives the counts for programs."""
        return {
            "rows": self.sent,
            "records": self.records,
            "rows_read": self.read,
            "rows_by_type": dict(self.by_type),
            "suspects_by_type": dict(self.suspects),
            "duplicates": self.framed.duplicates,
            "aliases_added": self.framed.aliases,
        }
