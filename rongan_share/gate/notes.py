"""What the hub itself notes in the audit log: that it started, stopped, was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rongan_share.audit.entry import GRANTED, Entry
from rongan_share.ledger.committer import Committer, Placement, Proposal, time_ns

if TYPE_CHECKING:
    from collections.abc import Callable


def note(committer: Committer, method: str, facts: Mapping[str, str]) -> None:
    """Enters a note and waits until it is durable.

    Raises:
        RonganError: It could not be committed.
    """
    committer.submit(Proposal(make_entry=note_maker(method, facts))).result()


def note_maker(method: str, facts: Mapping[str, str]) -> Callable[[Placement], bytes]:
    """Prepares the entry of a note."""

    def make(placement: Placement) -> bytes:
        return Entry(
            time_ns=time_ns(placement),
            kind="HUB",
            method=method,
            caller_kind="hub",
            decision=GRANTED,
            facts=facts,
        ).encode()

    return make
