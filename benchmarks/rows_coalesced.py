"""Row of many threads that ask one question each: shared frames, beside a call for each."""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.calls import raw_stream
from benchmarks.listings import columns_of
from benchmarks.machine import StartError
from benchmarks.report import Family, Result, interleave, ratio
from benchmarks.rows_contribution import CONTRIBUTE, encode_frame, encode_opening
from benchmarks.world import ASKER, CONTRIBUTORS
from partner_sdk import Client, Credentials
from rongan_share.v1 import contribution_service_pb2 as pb
from rongan_share.wire.identifiers import Canonical, parse_identifier
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose, State

if TYPE_CHECKING:
    from benchmarks.world import World

NAME = "coalesced_vs_unary"
SHARED_THREADS, UNARY_THREADS = 256, 32
_SHARED_CALLS, _UNARY_CALLS = 120, 100
"""Questions of each thread in one run."""

_FIRST_NUMBER = 13_800_000_000
_LISTED_EVERY = 512


def client_of(world: World, partner: str) -> Client:
    """Makes the SDK's client of a partner."""
    files = world.partners[partner].files
    credentials = Credentials.from_files(files.certificate, files.key, files.roots)
    return Client(world.target, credentials)


def _number(place: int) -> Canonical:
    return parse_identifier(IdentifierType.MSISDN, str(_FIRST_NUMBER + place))


def _list_numbers(world: World, count: int) -> None:
    """Lists one in so many of the numbers that are asked, so that every verdict is known."""
    contributor = CONTRIBUTORS[0]
    places = range(0, count, _LISTED_EVERY)
    with client_of(world, contributor) as client:
        tokens = client.tokenizer().tokens(_number(at).text for at in places)
    numbers = np.arange(len(places), dtype=np.uint64) + np.uint64(world.fresh_numbers())
    columns = columns_of(numbers, numbers, world.population.day)
    columns |= {"token": tokens, "type": bytes([IdentifierType.MSISDN]) * len(places)}
    with world.partners[contributor].channel(world.target) as channel:
        requests = [encode_opening(secrets.token_bytes(16)), encode_frame(1, columns)]
        (raw,) = raw_stream(channel, CONTRIBUTE)(iter(requests))
        sequence = pb.ContributeResponse.FromString(raw).sequence
    with client_of(world, ASKER) as client:
        ask(client, 0, _number(0), detail=True, at_least_sequence=sequence)


def ask(
    client: Client,
    place: int,
    number: Canonical,
    *,
    detail: bool,
    at_least_sequence: int = 0,
) -> None:
    """Asks about one number, which was read beforehand.

    Raises:
        StartError: The verdict is not the one that is known; then its speed is worth nothing.
    """
    verdict = client.check(
        [number],
        purpose=Purpose.ANTI_FRAUD,
        channel=Channel.MOBILE,
        detail=detail,
        at_least_sequence=at_least_sequence,
    )
    expected = State.NOT_LISTED if place % _LISTED_EVERY else State.LISTED
    if verdict.state is not expected:
        raise StartError(f"number {place} is {verdict.state.name}")


def checks_per_second(client: Client, threads: int, calls: int, *, detail: bool) -> float:
    """Has threads ask one question after the other.

    Args:
        client: What all of them share.
        threads: How many.
        calls: Of each of them.
        detail: A call for each question instead of shared frames.

    Raises:
        StartError: A verdict was wrong or missing.
    """
    ready = threading.Barrier(threads + 1)
    failures: list[BaseException] = []

    def run(thread: int) -> None:
        first = thread * calls
        numbers = [_number(place) for place in range(first, first + calls)]
        ready.wait()
        try:
            for place, number in enumerate(numbers, start=first):
                ask(client, place, number, detail=detail)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    running = [threading.Thread(target=run, args=(place,)) for place in range(threads)]
    for thread in running:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    for thread in running:
        thread.join()
    seconds = time.perf_counter() - began
    if failures:
        raise StartError(f"{len(failures)} threads failed, first {failures[0]!r}")
    return threads * calls / seconds


def _coalesced(world: World) -> list[Result]:
    shared, unary = world.scale.of(_SHARED_CALLS), world.scale.of(_UNARY_CALLS)
    _list_numbers(world, max(SHARED_THREADS * shared, UNARY_THREADS * unary))
    with client_of(world, ASKER) as client:
        checks_per_second(client, SHARED_THREADS, 2, detail=False)
        checks_per_second(client, UNARY_THREADS, 2, detail=True)
        ours, theirs = interleave(
            world.scale.runs,
            lambda: checks_per_second(client, SHARED_THREADS, shared, detail=False),
            lambda: checks_per_second(client, UNARY_THREADS, unary, detail=True),
        )
    peer = f"a call each, {UNARY_THREADS} threads"
    return [ratio(NAME, ours, theirs, peer=peer, note=f"{SHARED_THREADS} threads")]


FAMILIES = (Family((NAME,), _coalesced),)
