"""What a mapping must keep as a whole; each rule is a mistake that would share something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from partner_sdk.sources.date_formats import verify_patterns
from partner_sdk.sources.rows import verify_word
from rongan_share.wire.identifiers import PART_SEPARATOR, SPECS
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.vocabulary import IdentifierType

if TYPE_CHECKING:
    from partner_sdk.sources.mapping import ColumnMapping, IdentifierColumns


def verify_mapping(mapping: ColumnMapping) -> None:
    """Checks the tables of a mapping against each other and against our vocabularies.

    Raises:
        MalformedError: With table and key.
    """
    _verify_given_once(mapping)
    _verify_translations(mapping)
    _verify_source_columns(mapping)
    _verify_parts(mapping)
    for column, patterns in mapping.dates.items():
        verify_patterns(patterns, f"dates.{column}")


def _verify_given_once(mapping: ColumnMapping) -> None:
    for column in mapping.constants:
        if column in mapping.columns:
            raise MalformedError(f"constants.{column}", "a column gives it already")
    if mapping.identifiers and {"type", "value"} & {*mapping.columns, *mapping.constants}:
        raise MalformedError("identifiers", "type and value stand here or in columns, not in both")
    for name, table in (("dates", mapping.dates), ("values", mapping.values)):
        for column in table:
            if column not in mapping.columns:
                raise MalformedError(f"{name}.{column}", "no column gives it")


def _verify_translations(mapping: ColumnMapping) -> None:
    for column, text in mapping.constants.items():
        _verify_word("constants", column, text)
    for column, meanings in mapping.values.items():
        for text in filter(None, meanings.values()):
            _verify_word("values", column, text)


def _verify_word(table: str, column: str, text: str) -> None:
    try:
        verify_word(column, text)
    except MalformedError as error:
        raise MalformedError(f"{table}.{column}", error.rule) from None


def _verify_source_columns(mapping: ColumnMapping) -> None:
    """Refuses a column of the source that would be read twice.

    Types with parts may share one with others: the document of a NAME_ID is also a CN_RID.
    """
    seen: set[str] = set()
    for column, names in mapping.columns.items():
        _verify_unseen(names, seen, f"columns.{column}")
    alone: set[str] = set()
    entries: set[IdentifierColumns] = set()
    for each in mapping.identifiers:
        if each in entries:
            raise MalformedError("identifiers.value", "two entries are the same")
        entries.add(each)
        _verify_unseen(each.columns, set(seen), "identifiers.value")
        if len(each.columns) == 1:
            _verify_unseen(each.columns, alone, "identifiers.value")


def _verify_unseen(names: tuple[str, ...], seen: set[str], field: str) -> None:
    for name in names:
        if name in seen:
            raise MalformedError(field, "one column of the source is used twice")
        seen.add(name)


def _verify_parts(mapping: ColumnMapping) -> None:
    for each in mapping.identifiers:
        _verify_prefix(each)
        count = len(each.columns) + bool(each.prefix)
        _verify_part_count(each.type, count, "identifiers.value")
    kind = mapping.constants.get("type")
    if kind and "value" in mapping.columns:
        _verify_part_count(kind, len(mapping.columns["value"]), "columns.value")


def _verify_prefix(identifier: IdentifierColumns) -> None:
    if PART_SEPARATOR in identifier.prefix:
        raise MalformedError("identifiers.prefix", "one part only")
    # A type of one part would take the prefix for the whole and the column for a second.
    if identifier.prefix and len(SPECS[IdentifierType[identifier.type]].parts) == 1:
        raise MalformedError("identifiers.prefix", f"{identifier.type} has one part only")


def _verify_part_count(kind: str, count: int, field: str) -> None:
    # A single column may hold all parts, joined.
    spec = SPECS[IdentifierType[kind.strip().upper()]]
    least = len(spec.parts) - spec.first_optional
    if count != 1 and not least <= count <= len(spec.parts):
        raise MalformedError(field, f"{spec.type.name} has the parts: {', '.join(spec.parts)}")
