"""What became of an OFAC list: rows, what was skipped and why, in totals that add up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rongan_share.wire.vocabulary import IdentifierType


@dataclass(frozen=True, slots=True)
class Skipped:
    """An identifier that did not become a row; its value is not repeated.

    Attributes:
        file: Name of the file.
        line: Line of the file, from 1.
        ent_num: The list's number of the entity.
        what: What kind of identifier it is.
        rule: Why it was skipped.
    """

    file: str
    line: int
    ent_num: str
    what: str
    rule: str


@dataclass(slots=True)
class OfacReport:
    """What became of the files; complete once all rows were drawn.

    ``identifier_count`` = rows without derived ones + duplicates + skipped, and ``entity_count``
    = entities with rows + those without.

    Attributes:
        entity_count: Entities read, one a line of ``sdn.csv``.
        alias_count: Aliases read, one a line of ``alt.csv``.
        listed_entity_count: Entities with at least one row.
        identifier_count: Identifiers found in both files, names included.
        rows_by_type: Rows made, by type.
        suspects_by_type: Rows among them whose identifier is doubtful.
        derived_count: Rows among them that were derived: sites without their ``www.``, names
            joined with a document that is a row itself, aliases joined with a birth or a document.
        duplicate_count: Identifiers that their entity had twice.
        skipped: Identifiers that did not become a row.
        entities_without: Entities without a row, by reason.
    """

    entity_count: int = 0
    alias_count: int = 0
    listed_entity_count: int = 0
    identifier_count: int = 0
    rows_by_type: Counter[IdentifierType] = field(default_factory=Counter)
    suspects_by_type: Counter[IdentifierType] = field(default_factory=Counter)
    derived_count: int = 0
    duplicate_count: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    entities_without: Counter[str] = field(default_factory=Counter)

    @property
    def row_count(self) -> int:
        """Rows made, derived ones included."""
        return sum(self.rows_by_type.values())

    def skipped_by_reason(self) -> Counter[tuple[str, str]]:
        """Counts what was skipped by kind and rule."""
        return Counter((skipped.what, skipped.rule) for skipped in self.skipped)
