"""Rows of frames: tokens a second of StreamVerdicts, beside Redis, LMDB and the bare transport."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.calls import raw_stream
from benchmarks.listings import FIRST_EPOCH, SEED, UNLISTED, tokens_of
from benchmarks.machine import StartError
from benchmarks.peer_lmdb import gets_per_second, open_store
from benchmarks.peers import MGET_KEYS, mget_requests
from benchmarks.report import Family, Result, interleave, ratio
from benchmarks.transport_server import READ
from rongan_share.v1 import verdict_service_pb2 as pb
from rongan_share.wire.fold import SUMMARY_DTYPE
from rongan_share.wire.vocabulary import Channel, DetailLevel, Purpose, Suite

if TYPE_CHECKING:
    import grpc
    from numpy.typing import NDArray

    from benchmarks.world import World

STREAM = "/rongan_share.v1.VerdictService/StreamVerdicts"
LARGE, SMALL = 16_384, 4_096
SPARSE, LISTED = 0.001, 1.0
_SPARSE_TOKENS, _LISTED_TOKENS = 8 << 20, 4 << 20
_NONE_KEYS, _FOUND_KEYS = 2 << 20, 1 << 20
"""Keys of one run of Redis, which takes as long for fewer of them."""

_LMDB_GETS = 1 << 20
_MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Frames:
    """Requests made beforehand.

    Attributes:
        requests: Encoded messages, frames 1 to the last.
        token_count: Tokens in all of them.
        listed_count: How many of those are listed.
    """

    requests: Sequence[bytes]
    token_count: int
    listed_count: int


def make_frames(world: World, size: int, listed_share: float) -> Frames:
    """Makes seeded frames of a size."""
    total = world.scale.of((_LISTED_TOKENS if listed_share == LISTED else _SPARSE_TOKENS) // size)
    numbers = _numbers(world, total * size, listed_share)
    tokens, step = tokens_of(numbers), size * 16
    requests = [
        pb.StreamVerdictsRequest(
            frame=pb.VerdictFrame(
                frame_number=place + 1, tokens=tokens[place * step : (place + 1) * step]
            )
        ).SerializeToString()
        for place in range(total)
    ]
    return Frames(requests, numbers.size, int(np.count_nonzero(numbers < UNLISTED)))


def tokens_per_second(channel: grpc.Channel, frames: Frames) -> float:
    """Streams frames and reads the answers as columns.

    Raises:
        StartError: An answer is wrong; then its speed is worth nothing.
    """
    call = raw_stream(channel, STREAM)
    listed = 0
    began = time.perf_counter()
    for raw in call(iter([_open(), *frames.requests])):
        answer = pb.StreamVerdictsResponse.FromString(raw)
        index = np.frombuffer(answer.listed_index, "<u4")
        summary = np.frombuffer(answer.listed_summary, SUMMARY_DTYPE)
        listed += min(index.size, summary.size)
    seconds = time.perf_counter() - began
    if listed != frames.listed_count:
        raise StartError(f"{listed} of {frames.listed_count} listed tokens were found")
    return frames.token_count / seconds


def opening_message() -> pb.VerdictOpen:
    """Makes what opens a stream."""
    return pb.VerdictOpen(
        purpose=int(Purpose.ANTI_FRAUD),  # type: ignore[arg-type]
        channel=int(Channel.BATCH),  # type: ignore[arg-type]
        suite=int(Suite.HMAC_SHA256),  # type: ignore[arg-type]
        epoch=FIRST_EPOCH,
        detail_level=int(DetailLevel.PROVENANCE),  # type: ignore[arg-type]
        batch_id=secrets.token_bytes(16),
    )


def _open() -> bytes:
    return pb.StreamVerdictsRequest(open=opening_message()).SerializeToString()


def _numbers(world: World, count: int, listed_share: float) -> NDArray[np.uint64]:
    """Picks token numbers of which a share is listed, evenly spread."""
    random = np.random.default_rng([SEED, count])
    numbers = random.integers(UNLISTED, UNLISTED << 1, count, dtype=np.uint64)
    listed = random.choice(count, int(count * listed_share), replace=False)
    distinct = world.population.distinct_count
    numbers[listed] = random.integers(0, distinct, listed.size, dtype=np.uint64)
    return numbers


def _against_redis(world: World, names: Sequence[str], *, size: int, share: float) -> list[Result]:
    """Measures tokens a second, and what they cost the server where a second row is named."""
    redis, found = world.redis, share == LISTED
    frames = make_frames(world, size, share)
    count = world.scale.of((_FOUND_KEYS if found else _NONE_KEYS) // MGET_KEYS) * MGET_KEYS
    requests = mget_requests(_numbers(world, count, LISTED if found else 0.0))
    costs: tuple[list[float], list[float]] = ([], [])
    with world.asker.channel(world.target) as channel:
        tokens_per_second(channel, frames)

        def ours() -> float:
            before = world.cpu_seconds()
            rate = tokens_per_second(channel, frames)
            costs[0].append((world.cpu_seconds() - before) / frames.token_count * _MILLION)
            return rate

        def theirs() -> float:
            before = redis.server.cpu_seconds()
            rate = redis.keys_per_second(requests, found=found)
            costs[1].append((redis.server.cpu_seconds() - before) / count * _MILLION)
            return rate

        rates = interleave(world.scale.runs, ours, theirs)
    peer = f"Redis MGET, {'all' if found else 'none'} found"
    results = [ratio(names[0], *rates, peer=peer)]
    if len(names) > 1 and min(costs[1]) > 0:
        results.append(ratio(names[1], *costs, peer=peer, unit=" CPU s per million"))
    return results


def _against_transport(world: World, name: str) -> list[Result]:
    frames = make_frames(world, LARGE, SPARSE)
    with (
        world.asker.channel(world.target) as channel,
        world.asker.channel(world.transport.target) as bare,
    ):
        ours, theirs = interleave(
            world.scale.runs,
            partial(tokens_per_second, channel, frames),
            partial(_bare_tokens_per_second, bare, frames),
        )
    return [ratio(name, ours, theirs, peer="stream handler that answers nothing")]


def _bare_tokens_per_second(channel: grpc.Channel, frames: Frames) -> float:
    call = raw_stream(channel, READ)
    began = time.perf_counter()
    for _ in call(iter(frames.requests)):
        raise StartError("the bare transport answered")
    return frames.token_count / (time.perf_counter() - began)


def _against_lmdb(world: World, name: str) -> list[Result]:
    frames = make_frames(world, LARGE, SPARSE)
    numbers = _numbers(world, world.scale.of(_LMDB_GETS), SPARSE)
    with (
        world.asker.channel(world.target) as channel,
        open_store(world.folder, world.population.distinct_count) as store,
    ):
        ours, theirs = interleave(
            world.scale.runs,
            partial(tokens_per_second, channel, frames),
            partial(gets_per_second, store, numbers),
        )
    return [ratio(name, ours, theirs, peer="py-lmdb get in its own process")]


def _redis_family(*names: str, size: int, share: float) -> Family:
    return Family(names, partial(_against_redis, names=names, size=size, share=share))


FAMILIES = (
    _redis_family("frames_16384_clear_vs_redis", "cpu_clear_vs_redis", size=LARGE, share=SPARSE),
    _redis_family("frames_16384_listed_vs_redis", size=LARGE, share=LISTED),
    _redis_family("frames_4096_clear_vs_redis", size=SMALL, share=SPARSE),
    Family(
        ("frames_16384_clear_vs_transport",),
        partial(_against_transport, name="frames_16384_clear_vs_transport"),
    ),
    Family(
        ("frames_16384_clear_vs_lmdb",),
        partial(_against_lmdb, name="frames_16384_clear_vs_lmdb"),
    ),
)
