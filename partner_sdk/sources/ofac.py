"""Listings from the OFAC list of Specially Designated Nationals (``sdn.csv``, ``alt.csv``).

The list is a public record of the US Treasury, kept by people: identifiers stand in a free text,
several an entity, with dates, brackets and typing errors. What is read here becomes rows, all of
one entity under one reference; what is not is named line by line, and the totals add up: nothing
disappears unseen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from partner_sdk.sources.ofac_files import (
    INDIVIDUAL,
    ORGANISATION,
    VESSEL,
    Alias,
    Entity,
    read_aliases,
    read_entities,
)
from partner_sdk.sources.ofac_mentions import (
    NO_IDENTIFIER,
    NO_TYPE,
    Found,
    Joined,
    Mention,
    Nickname,
    Unread,
)
from partner_sdk.sources.ofac_remarks import find_identifiers
from partner_sdk.sources.ofac_report import OfacReport, Skipped
from partner_sdk.sources.rows import Row
from rongan_share.wire.identifiers import Grade, canonicalise
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.vocabulary import IdentifierType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CATEGORY = "E4"
"""Foreign sanctions."""

ISSUER = "OFAC-SDN"
"""Names the list in references and original sources, so that copies of it count as one source."""

ALIAS_FILE = "alt.csv"
"""Name of the file of aliases beside the list."""

_NO_ALIASES = "no alt.csv stands beside the list; fetch it, name another, or say none"

_NAME_TYPES = {
    ORGANISATION: IdentifierType.ORG_NAME,
    INDIVIDUAL: IdentifierType.PERSON_NAME,
}


_BEARERS = {
    IdentifierType.PASSPORT: INDIVIDUAL,
    IdentifierType.NATIONAL_ID: INDIVIDUAL,
    IdentifierType.CN_RID: INDIVIDUAL,
    IdentifierType.IMO: VESSEL,
}
_CHINESE_BUSINESS = frozenset({IdentifierType.CN_USCC, IdentifierType.CN_LICENCE})


class OfacList:
    """The list in its one or two files; `rows` reads it, `report` says what became of it.

    Attributes:
        report: Complete once all rows were drawn.
        alias_file: The file of aliases; None = read without.
    """

    def __init__(
        self,
        path: Path,
        *,
        alias_file: Path | None = None,
        without_aliases: bool = False,
        severity: str = "",
    ) -> None:
        """Names the files.

        Args:
            path: ``sdn.csv`` as Treasury publishes it.
            alias_file: ``alt.csv``; None = the one beside `path`.
            without_aliases: Read the list alone, a third of its names being in the other file.
            severity: 1 to 4; empty = the default of the category.

        Raises:
            MalformedError: There is no file of aliases, and nobody said to do without.
        """
        self._path = path
        self._severity = severity
        beside = path.with_name(ALIAS_FILE)
        if alias_file is None and not without_aliases:
            if path.is_file() and not beside.is_file():
                raise MalformedError("alt", _NO_ALIASES)
            alias_file = beside
        self.alias_file = None if without_aliases else alias_file
        self.report = OfacReport()

    def rows(self) -> Iterator[Row]:
        """Yields the rows in the order of ``sdn.csv``; starts a new report.

        Raises:
            RowsRefusedError: A file has not the form of the list.
            OSError: A file cannot be read.
        """
        self.report = OfacReport()
        aliases = read_aliases(self.alias_file) if self.alias_file else {}
        for entity in read_entities(self._path):
            self.report.entity_count += 1
            rows = list(self._rows_of(entity, aliases.pop(entity.number, [])))
            if rows:
                self.report.listed_entity_count += 1
            yield from rows
        for alias in (alias for left in aliases.values() for alias in left):
            self.report.alias_count += 1
            self.report.identifier_count += 1
            self._skip(alias, "NAME", "no such entity in the list")

    def _rows_of(self, entity: Entity, aliases: list[Alias]) -> Iterator[Row]:
        self.report.alias_count += len(aliases)
        seen: set[str] = set()
        skipped_before = len(self.report.skipped)
        for origin, mention in _mentions_of(entity, aliases):
            self.report.identifier_count += not (isinstance(mention, Found) and mention.derived)
            if isinstance(mention, Unread):
                self._skip(origin, mention.what, mention.rule)
                continue
            row = self._row(origin, mention, seen)
            if row is not None:
                yield row
        if not seen:
            met = len(self.report.skipped) > skipped_before
            kind = entity.kind or "organisation"
            reason = "every identifier skipped" if met else NO_IDENTIFIER
            self.report.entities_without[f"{kind}: {reason}"] += 1

    def _row(self, origin: Entity | Alias, found: Found, seen: set[str]) -> Row | None:
        try:
            canonical = canonicalise(found.type, *found.parts)
        except MalformedError as error:
            # A derived form stands beside the one that it comes from, which has been reported.
            if not found.derived:
                self._skip(origin, found.type.name, error.rule)
            return None
        if canonical.text in seen:
            self.report.duplicate_count += not found.derived
            return None
        seen.add(canonical.text)
        self.report.rows_by_type[found.type] += 1
        self.report.suspects_by_type[found.type] += canonical.grade is Grade.SUSPECT
        self.report.derived_count += found.derived
        return Row(
            line=origin.line,
            op="ADD",
            reference=f"{ISSUER}|{origin.number}",
            type=found.type.name,
            value="|".join(found.parts),
            category=CATEGORY,
            severity=self._severity,
            evidence="AUTHORITY_DETERMINED",
            source_class="INTL_LIST",
            original_source=f"{ISSUER}|{origin.number}",
            legal_basis="PUBLIC_RECORD",
            flags="+".join(["ALIAS"] * found.alias + ["WEAK"] * found.weak),
        )

    def _skip(self, origin: Entity | Alias, what: str, rule: str) -> None:
        file = self.alias_file if isinstance(origin, Alias) else self._path
        name = file.name if file else ""
        self.report.skipped.append(Skipped(name, origin.line, origin.number, what, rule))


def _mentions_of(
    entity: Entity, aliases: list[Alias]
) -> Iterator[tuple[Entity | Alias, Found | Unread]]:
    """Yields what an entity has: names first, so that a nickname never takes a name's place."""
    name_type = _NAME_TYPES.get(entity.kind)
    bearers: tuple[Entity | Alias, ...] = (entity, *aliases)
    for bearer in bearers:
        if name_type is None:
            yield bearer, Unread(f"{entity.kind.upper()}_NAME", NO_TYPE)
        else:
            yield bearer, Found(name_type, (bearer.name,), alias=bearer is not entity)
    if entity.call_sign:
        yield entity, Unread("CALL_SIGN", NO_TYPE)
    for mention in find_identifiers(entity.remarks):
        yield from ((entity, resolved) for resolved in _resolve(mention, entity, aliases))


def _resolve(mention: Mention, entity: Entity, aliases: list[Alias]) -> Iterator[Found | Unread]:
    """Reads a mention as its bearer can have it, and joins with names what needs them."""
    if isinstance(mention, Nickname):
        yield _nickname(mention, _NAME_TYPES.get(entity.kind))
        return
    borne = _borne(mention, entity.kind) if isinstance(mention, Found) else mention
    if isinstance(borne, Joined):
        yield from _joined(borne, entity, aliases)
    else:
        yield borne


def _borne(found: Found, kind: str) -> Found | Joined:
    """Corrects a type that the label suggests and the bearer cannot have."""
    bearer = _BEARERS.get(found.type, kind)
    if found.type in _CHINESE_BUSINESS and kind == INDIVIDUAL:
        # Eighteen or fifteen characters are also what a resident identity number has.
        return Found(IdentifierType.CN_RID, found.parts)
    # Registers number companies beside persons and ships, and the list labels both alike.
    return found if bearer == kind else Joined(IdentifierType.NAME_ID, found.parts[-1])


def _nickname(nickname: Nickname, name_type: IdentifierType | None) -> Found | Unread:
    if name_type is None:
        return Unread("NICKNAME", NO_TYPE)
    return Found(name_type, (nickname.name,), alias=True, weak=True)


def _joined(joined: Joined, entity: Entity, aliases: list[Alias]) -> Iterator[Found | Unread]:
    """Joins a birth date or number with the names of its bearer."""
    if joined.derived:
        # The number itself is a row. A second one with the name serves who asks for a person.
        if entity.kind == INDIVIDUAL:
            yield Found(joined.type, (entity.name, joined.value), derived=True)
        return
    fits = entity.kind in _NAME_TYPES
    if joined.type is IdentifierType.NAME_DOB:
        fits = entity.kind == INDIVIDUAL
    if not fits:
        yield Unread(joined.type.name, "its bearer is not of a kind that has one")
        return
    yield Found(joined.type, (entity.name, joined.value))
    for alias in aliases:
        yield Found(joined.type, (alias.name, joined.value), derived=True, alias=True)
