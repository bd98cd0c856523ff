"""What a step found: a fixed word for programs, and what a sentence about it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(str, Enum):
    """How a step went; the words stand in JSON."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step found.

    Attributes:
        check: What was looked at, a fixed word.
        state: How it went.
        cause: What was found, a fixed word.
        values: What a sentence about it needs, by name.
        unreachable: The hub was not reached, so that nothing is said of it.
    """

    check: str
    state: State
    cause: str
    values: Mapping[str, str] = field(default_factory=dict)
    unreachable: bool = False

    @property
    def fails(self) -> bool:
        """Whether it keeps calls from being answered."""
        return self.state is State.FAILED


def good(check: str, cause: str, **values: object) -> Finding:
    """Makes a finding that needs nothing done."""
    return Finding(check, State.OK, cause, _texts(values))


def warned(check: str, cause: str, **values: object) -> Finding:
    """Makes a finding that should be seen to."""
    return Finding(check, State.WARNING, cause, _texts(values))


def failed(check: str, cause: str, **values: object) -> Finding:
    """Makes a finding that keeps calls from being answered."""
    return Finding(check, State.FAILED, cause, _texts(values))


def unreachable(check: str, cause: str, **values: object) -> Finding:
    """Makes a finding of a hub that was not reached."""
    return Finding(check, State.FAILED, cause, _texts(values), unreachable=True)


def left_out(check: str) -> Finding:
    """Makes the finding of a step that an earlier one made pointless."""
    return Finding(check, State.NOT_CHECKED, "left_out")


def _texts(values: Mapping[str, object]) -> Mapping[str, str]:
    return {name: str(value) for name, value in values.items()}
