"""The one exception of the wire package: something does not have the form that the wire demands."""

from __future__ import annotations


class MalformedError(ValueError):
    """Says what broke which rule, never the value itself.

    Attributes:
        field: The type, field or column that is malformed, in the words of the protos.
        rule: The rule that it breaks, a fixed text.
        position: Index of the character or byte where it breaks, or None.
    """

    def __init__(self, field: str, rule: str, position: int | None = None) -> None:
        at = "" if position is None else f" at position {position}"
        super().__init__(f"{field}: {rule}{at}")
        self.field = field
        self.rule = rule
        self.position = position
