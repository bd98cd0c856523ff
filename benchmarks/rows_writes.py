"""Rows of questions while contributions stream in from another process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import grpc

from benchmarks.calls import raw_unary
from benchmarks.contributor import start_contributor, stop_contributor
from benchmarks.report import Family, Result, median_of, ratio, short
from benchmarks.rows_contribution import FRAME_ROWS, Batches, rows_per_second
from benchmarks.rows_frames import LARGE, SPARSE, make_frames, tokens_per_second
from benchmarks.rows_unary import CHECK, check_requests
from benchmarks.world import CONTRIBUTORS

if TYPE_CHECKING:
    from benchmarks.world import World

_CALLS, _CALLS_PER_SECOND = 2_500, 500
_TAIL_FRAMES = 100
_ROWS_PER_SECOND = 50_000
_FRAME_RUNS = 3
_P99 = 98
_REFUSED_MILLISECONDS = 1_000.0
_TOO_MANY = grpc.StatusCode.RESOURCE_EXHAUSTED
_SETTLE_SECONDS = 3.0
"""Merges of what has just been contributed are over after it."""


def _frames_under_writes(world: World) -> list[Result]:
    world.refreeze()
    frames = make_frames(world, LARGE, SPARSE)
    runs = min(_FRAME_RUNS, world.scale.runs)
    with world.asker.channel(world.target) as channel:
        rate = partial(tokens_per_second, channel, frames)
        rate()
        idle = [rate() for _ in range(runs)]
        tail_rows = _fill_tail(world)
        kept = world.keeper_seconds()
        contributor = start_contributor(world, rows_per_second=_ROWS_PER_SECOND)
        busy = [rate() for _ in range(runs)]
        written = stop_contributor(contributor)
    kept = world.keeper_seconds() - kept
    note = f"{tail_rows:,} rows in the tail, {short(written)} rows/s; keeper busy for {kept:.1f} s"
    return [ratio("frames_under_writes", busy, idle, peer="the same, idle", note=note)]


def _fill_tail(world: World) -> int:
    frames = Batches(world).columns(_TAIL_FRAMES)
    with world.partners[CONTRIBUTORS[0]].channel(world.target) as channel:
        rows_per_second(channel, frames, [])
    time.sleep(_SETTLE_SECONDS * world.scale.share)
    return len(frames) * FRAME_ROWS


def _check_under_contribution(world: World) -> list[Result]:
    world.refreeze()
    percentiles: list[float] = []
    medians: list[float] = []
    rates: list[float] = []
    kept = world.keeper_seconds()
    refused = 0
    with ExitStack() as stack:
        # More than one asks, for each may only have so many calls under way at once.
        channels = [
            stack.enter_context(partner.channel(world.target))
            for partner in world.partners.values()
        ]
        for _ in range(min(_FRAME_RUNS, world.scale.runs)):
            contributor = start_contributor(world, rows_per_second=0)
            requests = check_requests(world, world.scale.of(_CALLS))
            milliseconds = _open_loop(channels, requests)
            refused += milliseconds.count(_REFUSED_MILLISECONDS)
            rates.append(stop_contributor(contributor))
            percentiles.append(statistics.quantiles(milliseconds, n=100, method="inclusive")[_P99])
            medians.append(statistics.median(milliseconds))
    note = (
        f"p50 {statistics.median(medians):.1f} ms; {_CALLS_PER_SECOND} calls/s, each timed from"
        f" when it was due; {short(statistics.median(rates))} rows/s beside them; keeper busy for"
        f" {world.keeper_seconds() - kept:.1f} s"
    )
    if refused:
        note += f"; {refused} calls refused for being too many, counted as a second each"
    return [median_of("check_p99_ms_under_contribution", percentiles, unit="ms", note=note)]


def _open_loop(channels: Sequence[grpc.Channel], requests: Sequence[bytes]) -> list[float]:
    """Asks at fixed times, however long answers take; returns milliseconds from those times."""
    calls = [raw_unary(channel, CHECK) for channel in channels]
    for call, request in zip(calls, requests, strict=False):
        call(request)
    milliseconds: list[float] = []

    def note(due: float, future: grpc.Future[bytes]) -> None:
        refused = future.exception() is not None
        seconds = time.perf_counter() - due
        milliseconds.append(_REFUSED_MILLISECONDS if refused else seconds * 1e3)

    began = time.perf_counter()
    futures = []
    for place, request in enumerate(requests[len(calls) :]):
        due = began + place / _CALLS_PER_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
        future = calls[place % len(calls)].future(request)
        future.add_done_callback(partial(note, due))
        futures.append(future)
    for future in futures:
        error = future.exception()
        if isinstance(error, grpc.RpcError) and error.code() is not _TOO_MANY:
            raise error
    return milliseconds


FAMILIES = (
    Family(("frames_under_writes",), _frames_under_writes),
    Family(("check_p99_ms_under_contribution",), _check_under_contribution),
)
