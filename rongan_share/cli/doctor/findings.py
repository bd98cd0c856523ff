"""What a check found: one line, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rongan_share.cli.messages import say


class Level(str, Enum):
    """How bad it is; the words stand in JSON."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line.

    Attributes:
        check: What was looked at, a stable word for JSON.
        level: How bad it is.
        text: What was found.
        remedy: What to do; empty if nothing.
    """

    check: str
    level: Level
    text: str
    remedy: str = ""

    def facts(self) -> dict[str, str]:
        """Returns it for JSON."""
        return {
            "check": self.check,
            "state": self.level.value,
            "text": self.text,
            "remedy": self.remedy,
        }

    def line(self) -> tuple[str, str]:
        """Returns it for people: the key of its label, and what to say beside it."""
        text = say("doctor.with_remedy", text=self.text, remedy=self.remedy)
        return f"doctor.{self.level.value}", text if self.remedy else self.text


def good(check: str, key: str, **values: object) -> Finding:
    """Makes a finding that needs nothing done."""
    return Finding(check, Level.OK, say(f"doctor.{key}", **values))


def warned(check: str, key: str, **values: object) -> Finding:
    """Makes a finding that should be seen to; its remedy has a text of its own."""
    return Finding(check, Level.WARNING, *_said(key, values))


def failed(check: str, key: str, **values: object) -> Finding:
    """Makes a finding that keeps the hub or the caller from its work."""
    return Finding(check, Level.FAILED, *_said(key, values))


def _said(key: str, values: dict[str, object]) -> tuple[str, str]:
    return say(f"doctor.{key}", **values), say(f"doctor.{key}.remedy", **values)
