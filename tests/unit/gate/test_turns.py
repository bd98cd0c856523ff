"""Turns: a few calls of one certificate are decided at a time, whatever else it has under way."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime

from rongan_share.gate.admission import TURNS, Admission, Limits
from rongan_share.model.caller import ClaimedCaller
from rongan_share.model.partner import HolderKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def claim(number: int) -> ClaimedCaller:
    """Makes what a certificate claims."""
    return ClaimedCaller(
        kind=HolderKind.PARTNER,
        caller_id="p",
        serial_hex="1",
        fingerprint=bytes([number]),
        not_before=NOW,
        not_after=NOW,
    )


def test_turns_are_each_certificates_own() -> None:
    """One with many calls under way has a few turns; another one has its own."""
    admission = Admission(Limits(calls=16, streams=1, bytes=1))
    with ExitStack() as stack:
        turns = [stack.enter_context(admission.call(claim(1))) for _ in range(16)]
        other = stack.enter_context(admission.call(claim(2)))
        taken = [turn.acquire(blocking=False) for turn in turns]
        assert taken.count(True) == TURNS
        assert other.acquire(blocking=False)
        turns[0].release()
        assert turns[-1].acquire(blocking=False)
    with admission.call(claim(1)) as turn:
        # All of the earlier calls are over, and nothing of them is kept.
        assert turn not in turns
