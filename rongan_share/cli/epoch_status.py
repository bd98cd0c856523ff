"""What ``rongan-hub epoch status`` says."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from rongan_share.cli.messages import say
from rongan_share.cli.progress_text import progress_text
from rongan_share.model.epoch import EpochState
from rongan_share.wire.vocabulary import Suite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rongan_share.v1 import operator_service_pb2 as pb

_NAMED = 20
"""Partners that people are told the names of; with ``--json`` all are named."""


def facts_of(known: pb.ListEpochsResponse) -> dict[str, object]:
    """Returns where epochs stand, by stable English keys."""
    return {
        "epochs": [
            {
                "epoch": each.epoch,
                "suite": Suite(each.suite).name,
                "state": EpochState(each.state).name,
                "opened_time": each.opened_time.ToDatetime(tzinfo=UTC).isoformat(),
            }
            for each in known.epochs
        ],
        "listing_count": known.listing_count,
        "lacking_count": known.lacking_count,
        "lacking": [{"partner": each.partner_id, "count": each.count} for each in known.lacking],
        "ungranted": list(known.ungranted),
        "waiver_operator": known.waiver_operator,
        "waived_count": known.waived_count,
    }


def lines_of(known: pb.ListEpochsResponse) -> Iterator[tuple[str, object]]:
    """Says where epochs stand, who still has to send what, and what comes next."""
    for each in known.epochs:
        opened = each.opened_time.ToDatetime(tzinfo=UTC).isoformat()
        state = EpochState(each.state).name
        yield "epoch", f"{each.epoch}  {Suite(each.suite).name}  {state}  {opened}"
    states = {int(each.state) for each in known.epochs}
    yield "listing_count", known.listing_count
    if EpochState.OPENING in states:
        whole = known.listing_count
        done = max(whole - known.lacking_count, 0)
        yield "epoch_progress", progress_text(done, whole)
        for lacking in known.lacking:
            said = say("epoch_lacking_of", partner=lacking.partner_id, count=lacking.count)
            yield "", said
        if known.ungranted:
            yield "epoch_without_suite", names_of(known.ungranted)
        if known.waiver_operator:
            yield (
                "epoch_waiver",
                say("epoch_waived_by", operator=known.waiver_operator, count=known.waived_count),
            )
    yield "next", _next(known, states)


def names_of(partners: Sequence[str], *, whole: bool = False) -> str:
    """Counts partners and names the first of them, or all."""
    named = partners if whole else partners[:_NAMED]
    left = len(partners) - len(named)
    more = f" +{left}" if left else ""
    return f"{len(partners)}: {' '.join(named)}{more}"


def _next(known: pb.ListEpochsResponse, states: set[int]) -> str:
    if EpochState.OPENING in states:
        if known.lacking_count:
            return say("epoch_next_retoken", count=known.lacking_count)
        return say("epoch_next_promote")
    if EpochState.CLOSING in states:
        return say("epoch_next_close")
    return say("epoch_next_open")
