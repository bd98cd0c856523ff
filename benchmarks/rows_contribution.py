"""Rows of contributions: durable rows a second, beside PostgreSQL's COPY of the same rows."""

from __future__ import annotations

import secrets
import statistics
import time
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


class Batches:
    """Makes batches of rows that no batch had before.

    Args:
        world: Where they go.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._next = world.fresh_numbers()

    def columns(self, frame_count: int = _FRAMES) -> list[dict[str, bytes]]:
        """Returns the frames of a batch as columns."""
        return [self._frame() for _ in range(self._world.scale.of(frame_count))]

    def _frame(self) -> dict[str, bytes]:
        first = self._next
        self._next += FRAME_ROWS
        numbers = np.arange(first, first + FRAME_ROWS, dtype=np.uint64)
        return columns_of(numbers, numbers, self._world.population.day)


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
    opening = encode_opening(secrets.token_bytes(16))
    requests = [encode_frame(number, columns) for number, columns in enumerate(frames, start=1)]
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


def encode_opening(stream_id: bytes) -> bytes:
    """Encodes the first message of a stream."""
    opening = pb.ContributeOpen(
        stream_id=stream_id,
        suite=int(Suite.HMAC_SHA256),  # type: ignore[arg-type]
        epoch=FIRST_EPOCH,
    )
    return pb.ContributeRequest(open=opening).SerializeToString()


def encode_frame(number: int, columns: dict[str, bytes]) -> bytes:
    """Encodes a frame."""
    frame = pb.ContributeFrame(frame_number=number, **columns)
    return pb.ContributeRequest(frame=frame).SerializeToString()


def _contribute(world: World) -> list[Result]:
    world.refreeze()
    batches, runs = Batches(world), world.scale.runs
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
