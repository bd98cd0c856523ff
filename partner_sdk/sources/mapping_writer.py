"""A mapping as TOML, with remarks for whoever checks it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from partner_sdk.sources.formats import Format

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from partner_sdk.sources.mapping import ColumnMapping


def mapping_toml(mapping: ColumnMapping, remarks: Mapping[str, str]) -> str:
    """Writes a mapping as TOML that reads back as the same mapping.

    Args:
        mapping: The mapping.
        remarks: Comments of one line, by column of ours or name of an identifier type.
    """
    sections = (
        _head(mapping),
        _section("columns", _columns(mapping, remarks)),
        _section("constants", _texts(mapping.constants)),
        _section("dates", (f"{name} = {_list(each)}" for name, each in mapping.dates.items())),
        *(
            _section(f"values.{column}", (f"{_quoted(a)} = {_quoted(b)}" for a, b in pairs.items()))
            for column, pairs in mapping.values.items()
        ),
        _identifiers(mapping, remarks),
    )
    return "\n".join(line for section in sections for line in section) + "\n"


def _head(mapping: ColumnMapping) -> Iterator[str]:
    if mapping.format is not None:
        yield f"format = {_quoted(mapping.format.value)}"
    if mapping.format is not Format.PARQUET:
        yield f"encoding = {_quoted(mapping.encoding.value)}"
    if mapping.empty:
        yield f"empty = {_list(mapping.empty)}"


def _section(name: str, lines: Iterator[str]) -> Iterator[str]:
    opened = False
    for line in lines:
        if not opened:
            yield from ("", f"[{name}]")
        opened = True
        yield line


def _columns(mapping: ColumnMapping, remarks: Mapping[str, str]) -> Iterator[str]:
    for column, names in mapping.columns.items():
        yield f"{column} = {_list(names)}{_comment(remarks.get(column))}"


def _texts(texts: Mapping[str, str]) -> Iterator[str]:
    return (f"{column} = {_quoted(text)}" for column, text in texts.items())


def _identifiers(mapping: ColumnMapping, remarks: Mapping[str, str]) -> Iterator[str]:
    for each in mapping.identifiers:
        yield from ("", "[[identifiers]]", f"type = {_quoted(each.type)}")
        if each.prefix:
            yield f"prefix = {_quoted(each.prefix)}"
        yield f"value = {_list(each.columns)}{_comment(remarks.get(each.type))}"


def _quoted(text: str) -> str:
    # A JSON string is a TOML string, but for one control character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(texts: tuple[str, ...]) -> str:
    quoted = [_quoted(text) for text in texts]
    return quoted[0] if len(quoted) == 1 else f"[{', '.join(quoted)}]"


def _comment(remark: str | None) -> str:
    return f"  # {remark}" if remark else ""
