"""Rows of contributions: durable rows a second, beside PostgreSQL's COPY of the same rows."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc
import numpy as np

from benchmarks.calls import raw_stream
from benchmarks.listings import FIRST_EPOCH, columns_of
from benchmarks.machine import StartError
from benchmarks.peer_postgres import Postgres, encode_copy, start_postgres
from benchmarks.peers import PeerMissingError
from benchmarks.report import Family, Result, interleave, ratio
from benchmarks.world import CONTRIBUTORS
from rongan_share.v1 import contribution_service_pb2 as pb
from rongan_share.wire.vocabulary import Suite

if TYPE_CHECKING:
    from benchmarks.world import World

CONTRIBUTE = "/rongan_share.v1.ContributionService/Contribute"
FRAME_ROWS = 10_000
_FRAMES = 20
_MOST_WAITS = 100
_RATE, _COMPARED = "contribute_rows_per_s", "contribute_vs_pgcopy"
_FIRST_NUMBER = 1 << 50
"""Numbers of contributed tokens and references: neither loaded nor asked for elsewhere."""


@dataclass
class _Batches:
    """Makes batches of rows that no batch had before.

    Attributes:
        world: Where they go.
        made: Rows made so far.
    """

    world: World
    made: int = field(default=0)

    def columns(self) -> list[dict[str, bytes]]:
        """Returns the frames of a batch as columns."""
        return [self._frame() for _ in range(self.world.scale.of(_FRAMES))]

    def _frame(self) -> dict[str, bytes]:
        first = _FIRST_NUMBER + self.made
        self.made += FRAME_ROWS
        numbers = np.arange(first, first + FRAME_ROWS, dtype=np.uint64)
        return columns_of(numbers, numbers, self.world.population.day)


def rows_per_second(
    channel: grpc.Channel, frames: list[dict[str, bytes]], waits: list[str]
) -> float:
    """Contributes frames over one stream; returns rows a second until the last is durable.

    Goes on behind the last acknowledged frame where the hub asks to try again, as partners do.

    Args:
        channel: The contributor's connection.
        frames: Columns of new rows.
        waits: Gets what the hub said each time it asked to try again.

    Raises:
        StartError: Not every row made a listing.
    """
    opening, *requests = _encode(frames)
    call = raw_stream(channel, CONTRIBUTE)
    acknowledged = added = 0
    began = time.perf_counter()
    while acknowledged < len(requests):
        try:
            for raw in call(iter([opening, *requests[acknowledged:]])):
                answer = pb.ContributeResponse.FromString(raw)
                acknowledged = answer.frame_number
                added += answer.added_count
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE or len(waits) > _MOST_WAITS:
                raise
            waits.append(error.details() or "")
    seconds = time.perf_counter() - began
    if added != len(frames) * FRAME_ROWS:
        raise StartError(f"{added} of {len(frames) * FRAME_ROWS} rows were added")
    return added / seconds


def _encode(frames: list[dict[str, bytes]]) -> Iterator[bytes]:
    opening = pb.ContributeOpen(
        stream_id=secrets.token_bytes(16),
        suite=int(Suite.HMAC_SHA256),  # type: ignore[arg-type]
        epoch=FIRST_EPOCH,
    )
    yield pb.ContributeRequest(open=opening).SerializeToString()
    for number, columns in enumerate(frames, start=1):
        frame = pb.ContributeFrame(frame_number=number, **columns)
        yield pb.ContributeRequest(frame=frame).SerializeToString()


def _contribute(world: World) -> list[Result]:
    batches, runs = _Batches(world), world.scale.runs
    waits: list[str] = []
    with world.partners[CONTRIBUTORS[0]].channel(world.target) as channel:
        try:
            postgres = start_postgres(world)
        except PeerMissingError as missing:
            own = [rows_per_second(channel, batches.columns(), waits) for _ in range(runs)]
            note = f"peer missing: {missing}"
            compared = Result(name=_COMPARED, value=None, unit="ratio", note=note)
        else:
            own, peer = interleave(
                runs,
                lambda: rows_per_second(channel, batches.columns(), waits),
                lambda: _copy_rate(postgres, batches.columns()),
            )
            compared = ratio(_COMPARED, own, peer, peer="PostgreSQL COPY, two indexes")
    note = f"frames of {FRAME_ROWS:,} rows, {_rows(world):,} a run, one stream"
    if waits:
        note += f"; asked {len(waits)} times to try again: {waits[0]}"
    value = statistics.median(own)
    return [
        Result(name=_RATE, value=value, unit="rows/s", runs=runs, note=note),
        compared,
    ]


def _copy_rate(postgres: Postgres, frames: list[dict[str, bytes]]) -> float:
    copies = [encode_copy(columns, contributor=1) for columns in frames]
    return postgres.rows_per_second(copies, len(frames) * FRAME_ROWS)


def _rows(world: World) -> int:
    return world.scale.of(_FRAMES) * FRAME_ROWS


FAMILIES = (Family((_RATE, _COMPARED), _contribute),)
