"""Rows of CheckSubject: how many calls a second beside an empty handler, and how long one takes."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.calls import raw_unary
from benchmarks.http2_load import Load, UnaryConnection
from benchmarks.listings import FIRST_EPOCH, SEED, UNLISTED, tokens_of
from benchmarks.report import Family, Result, interleave, ratio
from benchmarks.transport_server import EMPTY
from rongan_share.v1 import verdict_service_pb2 as pb
from rongan_share.wire.vocabulary import Channel, DetailLevel, Purpose, Suite

if TYPE_CHECKING:
    from benchmarks.world import World

CHECK = "/rongan_share.v1.VerdictService/CheckSubject"
IN_FLIGHT = 32
_SATURATED = 0.9
_CALLS = 8_000
_LATENCY_CALLS = 2_000
_LISTED_SHARE = 0.001


def check_requests(world: World, count: int) -> list[bytes]:
    """Makes encoded questions of one token each; no two have the same id."""
    random = np.random.default_rng([SEED, count])
    numbers = random.integers(UNLISTED, UNLISTED << 1, count, dtype=np.uint64)
    listed = random.random(count) < _LISTED_SHARE
    numbers[listed] %= np.uint64(world.population.distinct_count)
    tokens = tokens_of(numbers)
    return [encode_check(tokens[at : at + 16]) for at in range(0, len(tokens), 16)]


def encode_check(token: bytes) -> bytes:
    """Encodes a question about one token, under an id of its own."""
    return pb.CheckSubjectRequest(
        purpose=int(Purpose.ANTI_FRAUD),  # type: ignore[arg-type]
        channel=int(Channel.MOBILE),  # type: ignore[arg-type]
        suite=int(Suite.HMAC_SHA256),  # type: ignore[arg-type]
        epoch=FIRST_EPOCH,
        detail_level=int(DetailLevel.PROVENANCE),  # type: ignore[arg-type]
        request_id=secrets.token_bytes(16),
        tokens=token,
    ).SerializeToString()


def _check_vs_empty(world: World) -> list[Result]:
    count = world.scale.of(_CALLS)
    shares: list[tuple[float, float]] = []
    with (
        UnaryConnection(world.port, world.tls_context(), CHECK) as ours,
        UnaryConnection(world.transport.port, world.tls_context(), EMPTY) as bare,
    ):
        for connection in (ours, bare):
            connection.run(check_requests(world, IN_FLIGHT), in_flight=IN_FLIGHT)
        own, peer = interleave(
            world.scale.runs,
            lambda: _rate(world.cpu_seconds, ours, check_requests(world, count), shares=shares),
            lambda: _rate(
                world.transport.server.cpu_seconds,
                bare,
                check_requests(world, count),
                shares=shares,
            ),
        )
    server = min(share for share, _ in shares)
    client = max(share for _, share in shares)
    note = f"servers' core busy from {server:.0%}, client's up to {client:.0%}"
    result = ratio("check_vs_empty_handler", own, peer, peer="empty handler", note=note)
    if server < _SATURATED <= client:
        void = f"void: the client was saturated before the server; {result.note}"
        return [Result(name=result.name, value=None, unit=result.unit, note=void)]
    return [result]


def _rate(
    cpu: Callable[[], float],
    connection: UnaryConnection,
    requests: list[bytes],
    *,
    shares: list[tuple[float, float]],
) -> float:
    before = cpu()
    load: Load = connection.run(requests, in_flight=IN_FLIGHT)
    shares.append(((cpu() - before) / load.seconds, load.busy))
    return load.rate


def _latency(world: World) -> list[Result]:
    requests = check_requests(world, world.scale.of(_LATENCY_CALLS))
    milliseconds: list[float] = []
    with world.asker.channel(world.target) as channel:
        call = raw_unary(channel, CHECK)
        for request in requests:
            began = time.perf_counter()
            pb.CheckSubjectResponse.FromString(call(request))
            milliseconds.append((time.perf_counter() - began) * 1e3)
    percentiles = statistics.quantiles(milliseconds, n=100, method="inclusive")
    make = partial(Result, unit="ms", runs=1, note=f"{len(requests)} calls, one at a time")
    return [
        make(name="check_p50_ms", value=percentiles[49]),
        make(name="check_p99_ms", value=percentiles[98]),
    ]


FAMILIES = (
    Family(("check_vs_empty_handler",), _check_vs_empty),
    Family(("check_p50_ms", "check_p99_ms"), _latency),
)
