"""What several workers must agree on: quota to the last token, and what is listed within 1 s."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

import grpc
import pytest

from rongan_share.model.quota import Meter
from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.v1.agreement_service_pb2 import GetTokenEpochRequest
from rongan_share.v1.vocabulary_pb2 import State, Suite
from rongan_share.wire.frames import TOKEN_BYTES
from tests.crash.traffic import rows_of, terms, token_of
from tests.support.books import read_books
from tests.support.hub import AMPLE, Stubs, refusal
from tests.support.kernel import sockets_of
from tests.support.processes import HubProcess, hub_process

WORKERS = 4
MOST_CONNECTIONS = 200
LIMIT, BEYOND = 300, 500
UNDER_WAY = 60
"""Calls at once, fewer than one caller may have under way in one worker."""
SEEN_SECONDS = 1.0
LISTED = State.STATE_LISTED


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """One hub of four workers."""
    with hub_process(tmp_path_factory.mktemp("over") / "home", WORKERS) as running:
        yield running


def sockets_by_worker(hub: HubProcess) -> dict[str, int]:
    """Counts the sockets of each worker."""
    return {name: sockets_of(pid) for name, pid in hub.children().items() if "worker" in name}


def connect_to_all(hub: HubProcess, partner: str) -> list[Stubs]:
    """Opens connections until every worker has one of them."""
    before, minted = sockets_by_worker(hub), hub.rejoin(hub.home.parent / partner)
    stubs: list[Stubs] = []
    for _ in range(MOST_CONNECTIONS):
        stubs.append(hub.connect(minted))
        stubs[-1].agreements.GetTokenEpoch(GetTokenEpochRequest(), timeout=10)
        after = sockets_by_worker(hub)
        if all(after[name] > before[name] for name in before):
            return stubs
    pytest.fail(f"no connection reached one of {sorted(after)}")


def question(token: bytes, **terms_too: int) -> verdict_pb.CheckSubjectRequest:
    """Asks about one token."""
    asked = terms(1) | terms_too
    return verdict_pb.CheckSubjectRequest(
        **asked, request_id=random.randbytes(TOKEN_BYTES), tokens=token
    )


def outcome_of(future: grpc.Future) -> tuple[str, str]:
    """Waits for a call; returns its status and reason."""
    error = future.exception(60)
    if error is None:
        return "OK", ""
    assert isinstance(error, grpc.RpcError)
    return refusal(error)[:2]


def test_quota_is_exact(hub: HubProcess) -> None:
    """Of far more calls than the day allows, many at once over all workers, so many pass."""
    partner = "bank-q"
    hub.credentials(partner, query_quota={**AMPLE, "day_count": LIMIT})
    stubs = connect_to_all(hub, partner)
    places = threading.Semaphore(UNDER_WAY)
    futures = []
    for place in range(LIMIT + BEYOND):
        places.acquire()
        futures.append(
            stubs[place % len(stubs)].verdicts.CheckSubject.future(
                question(random.randbytes(TOKEN_BYTES)), timeout=60
            )
        )
        futures[-1].add_done_callback(lambda _: places.release())
    assert Counter(map(outcome_of, futures)) == {
        ("OK", ""): LIMIT,
        ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"): BEYOND,
    }
    books = read_books(hub)
    assert books.spent[partner, Meter.QUERY] == books.charged[partner, Meter.QUERY] == LIMIT


def share(stubs: Stubs, stream_id: bytes, number: int) -> contribution_pb.ContributeResponse:
    """Shares one frame over a connection."""
    opening = contribution_pb.ContributeOpen(
        stream_id=stream_id, suite=Suite.SUITE_HMAC_SHA256, epoch=1
    )
    requests = (
        contribution_pb.ContributeRequest(open=opening),
        contribution_pb.ContributeRequest(frame=rows_of(stream_id, number)),
    )
    (acknowledged,) = stubs.contributions.Contribute(iter(requests), timeout=10)
    return acknowledged


def test_every_worker_sees_what_one_accepted(hub: HubProcess) -> None:
    """What one worker acknowledged is seen by all within 1 s, and at once by who asks for it."""
    hub.credentials("bank-s")
    stubs = connect_to_all(hub, "bank-s")
    waiting, patient = bytes([1] * TOKEN_BYTES), bytes([2] * TOKEN_BYTES)
    shared = time.monotonic()
    first = share(stubs[0], waiting, 1)
    for each in stubs:
        while each.verdicts.CheckSubject(question(token_of(waiting, 1, 0))).state != LISTED:
            assert time.monotonic() - shared < SEEN_SECONDS
    second = share(stubs[0], patient, 1)
    assert second.sequence == first.sequence + 1
    for each in stubs:
        asked = question(token_of(patient, 1, 0), at_least_sequence=second.sequence)
        answer = each.verdicts.CheckSubject(asked)
        assert answer.state == LISTED
        assert answer.list_sequence >= second.sequence


def test_stream_goes_on_at_any_worker(hub: HubProcess) -> None:
    """Frames of one stream that reach now this worker, now that one, are one stream."""
    hub.credentials("bank-w")
    stubs = connect_to_all(hub, "bank-w")
    stream_id = bytes([3] * TOKEN_BYTES)
    sequences = [share(each, stream_id, at).sequence for at, each in enumerate(stubs, start=1)]
    assert sequences == list(range(sequences[0], sequences[0] + len(stubs)))
    again = share(stubs[-1], stream_id, 1)
    assert (again.repeated, again.sequence) == (True, sequences[0])
    read_books(hub).verify()
