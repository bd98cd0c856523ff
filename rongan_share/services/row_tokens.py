"""Tokens of the epoch that is opening: which rows carry them, and what RETOKEN rows look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rongan_share.wire.vocabulary import RowOperation

if TYPE_CHECKING:
    from rongan_share.services.frames import ContributionFrame
    from rongan_share.services.row_terms import Rule

_NO_TOKEN = b""
_RETOKEN_ZERO = (
    "type",
    "flags",
    "severity",
    "evidence",
    "source_class",
    "original_source",
    "legal_basis",
    "event_day",
    "expiry_day",
)


def retoken_rules(frame: ContributionFrame) -> list[Rule]:
    """Returns the rules of next tokens and of RETOKEN rows, and the rows that break them."""
    columns, operation = frame.columns, frame.columns["operation"]
    retokening = operation == RowOperation.RETOKEN
    rules: list[Rule] = []
    if not frame.next_epoch:
        if retokening.any():
            rules.append(("operation", "RETOKEN with open.next_epoch", retokening))
        return rules
    unnamed = columns["next_token"] == _NO_TOKEN
    both = retokening | (operation == RowOperation.ADD)
    rules.append(("next_token", "not zero in ADD and RETOKEN", both & unnamed))
    rules.append(("next_token", "0 in AMEND and WITHDRAW", ~both & ~unnamed))
    if retokening.any():
        rules.append(("token", "not zero in RETOKEN", retokening & (columns["token"] == _NO_TOKEN)))
        rules += [
            (name, "0 in RETOKEN", retokening & (columns[name] != 0)) for name in _RETOKEN_ZERO
        ]
    return rules


def needs_next(frame: ContributionFrame) -> bool:
    """Tells whether a frame has rows that carry tokens of the epoch that is opening."""
    operation = frame.columns["operation"]
    return bool(np.isin(operation, (RowOperation.ADD, RowOperation.RETOKEN)).any())
