"""Reading one table of a TOML file: every value either fits its column or the column is named.

The refusal never repeats the value, so it may be logged and shown.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, TypeVar

from rongan_share.wire.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Collection

_Member = TypeVar("_Member", bound=IntEnum)


class TomlTable:
    """A table with exactly the columns that it should have.

    Args:
        name: What refusals call the table, such as ``E4``.
        value: What the TOML parser made of it.
        columns: All columns; none may be missing and no other may be there.

    Raises:
        MalformedError: Here and in every method; ``field`` is ``name.column``.
    """

    def __init__(self, name: str, value: object, columns: Collection[str]) -> None:
        if not isinstance(value, dict):
            raise MalformedError(name, "must be a table")
        self._name = name
        self._values: dict[str, object] = value
        for column in columns:
            self.require(column, "is missing", holds=column in value)
        for column in value:
            self.require(column, "is not a column", holds=column in columns)

    def require(self, column: str, rule: str, *, holds: bool) -> None:
        """Refuses the column unless the rule holds."""
        if not holds:
            raise self._refusal(column, rule)

    def value(self, column: str) -> object:
        """The unchecked value."""
        return self._values[column]

    def integer(self, column: str, lowest: int, highest: int) -> int:
        """A whole number, both bounds included."""
        value = self._values[column]
        # To Python true is an int, to TOML it is not.
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise self._refusal(column, f"must be a whole number from {lowest} to {highest}")
        return value

    def flag(self, column: str) -> bool:
        """A truth value."""
        value = self._values[column]
        if not isinstance(value, bool):
            raise self._refusal(column, "must be true or false")
        return value

    def text(self, column: str) -> str:
        """A text that is not blank."""
        value = self._values[column]
        if not isinstance(value, str) or not value.strip():
            raise self._refusal(column, "must be a text that is not blank")
        return value

    def items(self, column: str) -> list[object]:
        """A list that is not empty."""
        value = self._values[column]
        if not isinstance(value, list) or not value:
            raise self._refusal(column, "must be a list that is not empty")
        return value

    def member(self, column: str, kind: type[_Member]) -> _Member:
        """The member of an enumeration that the column names."""
        return self._member_named(column, self._values[column], kind)

    def members(self, column: str, kind: type[_Member]) -> frozenset[_Member]:
        """The members of an enumeration that the column lists, each once."""
        found = [self._member_named(column, name, kind) for name in self.items(column)]
        self.require(column, "must not repeat a name", holds=len(set(found)) == len(found))
        return frozenset(found)

    def _member_named(self, column: str, name: object, kind: type[_Member]) -> _Member:
        if not isinstance(name, str) or name not in kind.__members__:
            raise self._refusal(column, "holds an unknown name")
        return kind[name]

    def _refusal(self, column: str, rule: str) -> MalformedError:
        return MalformedError(f"{self._name}.{column}", rule)
