"""Mapping files: from TOML to a mapping.

A mapping file is the partner's own and holds no identifiers, so its column names may be shown.
"""

from __future__ import annotations

import re
import sys
from datetime import date
from typing import TYPE_CHECKING

from partner_sdk.sources.date_formats import verify_pattern
from partner_sdk.sources.formats import Format
from partner_sdk.sources.mapping import DATE_COLUMNS, ColumnMapping, IdentifierColumns
from partner_sdk.sources.mapping_rules import verify_mapping
from partner_sdk.sources.rows import COLUMNS, parse_type
from partner_sdk.sources.texts import parse_encoding
from rongan_share.wire.malformed import MalformedError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

_TABLES = ("columns", "constants", "values", "dates")
_TOP = ("format", "encoding", "empty", "identifiers", *_TABLES)
_CONSTANTS = tuple(name for name in COLUMNS if name not in {"reference", "value"})
"""One reference for all rows would make one subject of all; one value is no list."""
_TRANSLATED = _CONSTANTS
_PLACE = re.compile(r"\(at [^()]*\)\Z")


def load_mapping(path: Path) -> ColumnMapping:
    """Reads a mapping file.

    Raises:
        MalformedError: It is no mapping; the field names table and key.
        OSError: It cannot be read.
    """
    try:
        document = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise MalformedError("mapping", "not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        where = f" {place[0]}" if place else ""
        raise MalformedError("mapping", f"not well-formed TOML{where}") from None
    return parse_mapping(document)


def parse_mapping(document: Mapping[str, object]) -> ColumnMapping:
    """Checks what the TOML parser made of a mapping file.

    Raises:
        MalformedError: A key is unknown, or a value does not fit it.
    """
    _verify_keys("mapping", document, _TOP)
    tables = {name: _table(name, document.get(name, {})) for name in _TABLES}
    mapping = ColumnMapping(
        format=_format(document["format"]) if "format" in document else None,
        encoding=parse_encoding(_text("encoding", document.get("encoding", "utf-8"))),
        columns=_columns(tables["columns"]),
        constants=_constants(tables["constants"]),
        values={
            column: _translations(f"values.{column}", table)
            for column, table in _allowed("values", tables["values"], _TRANSLATED)
        },
        dates={
            column: _patterns(f"dates.{column}", value)
            for column, value in _allowed("dates", tables["dates"], DATE_COLUMNS)
        },
        identifiers=_identifiers(document.get("identifiers", [])),
        empty=_texts("empty", document["empty"]) if "empty" in document else (),
    )
    verify_mapping(mapping)
    return mapping


def _verify_keys(name: str, table: Mapping[str, object], known: Collection[str]) -> None:
    for key in table:
        if key not in known:
            raise MalformedError(f"{name}.{key}", f"one of {' '.join(known)}")


def _allowed(
    name: str, table: Mapping[str, object], known: Collection[str]
) -> list[tuple[str, object]]:
    _verify_keys(name, table, known)
    return list(table.items())


def _table(name: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise MalformedError(name, "must be a table")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise MalformedError(name, "must be a text")
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    texts = tuple(_text(name, item) for item in items)
    if not texts or not all(text.strip() for text in texts):
        raise MalformedError(name, "must be a text or several, none blank")
    return texts


def _format(value: object) -> Format:
    names = [each.value for each in Format]
    if value not in names:
        raise MalformedError("format", f"one of {' '.join(names)}")
    return Format(value)


def _columns(table: dict[str, object]) -> dict[str, tuple[str, ...]]:
    columns = {}
    for column, value in _allowed("columns", table, COLUMNS):
        columns[column] = _texts(f"columns.{column}", value)
        if column != "value" and len(columns[column]) > 1:
            raise MalformedError(f"columns.{column}", "only a value has parts")
    return columns


def _constants(table: dict[str, object]) -> dict[str, str]:
    constants = {}
    for column, value in _allowed("constants", table, _CONSTANTS):
        if isinstance(value, bool) or not isinstance(value, (str, int, date)):
            raise MalformedError(f"constants.{column}", "must be a text, a number or a date")
        constants[column] = str(value).strip()
        if not constants[column]:
            raise MalformedError(f"constants.{column}", "must not be blank")
    return constants


def _translations(name: str, value: object) -> dict[str, str]:
    table = _table(name, value)
    return {text.strip(): _text(name, meaning).strip() for text, meaning in table.items()}


def _patterns(name: str, value: object) -> tuple[str, ...]:
    patterns = _texts(name, value)
    for pattern in patterns:
        verify_pattern(pattern, name)
    return patterns


def _identifiers(value: object) -> tuple[IdentifierColumns, ...]:
    if not isinstance(value, list):
        raise MalformedError("identifiers", "must be written as [[identifiers]]")
    return tuple(_identifier(_table("identifiers", item)) for item in value)


def _identifier(table: dict[str, object]) -> IdentifierColumns:
    _verify_keys("identifiers", table, ("type", "value", "prefix"))
    kind = parse_type(_text("identifiers.type", table.get("type")))
    prefix = _text("identifiers.prefix", table.get("prefix", "")).strip()
    return IdentifierColumns(kind.name, _texts("identifiers.value", table.get("value")), prefix)
