"""A partner that asks and does not read: what it holds of the hub's memory is bounded."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from rongan_share.v1 import verdict_service_pb2 as pb
from tests.crash.traffic import terms
from tests.support.hub import Stubs
from tests.support.kernel import resident_bytes
from tests.support.processes import HubProcess, hub_process
from tests.walk.asking import Row, contribute, token

STREAMS, FRAMES, TOKENS = 12, 200, 16_384
STILL_SECONDS = 1.5
"""Streams of which none took anything for so long take nothing more."""

MOST_BYTES = 4 << 20
"""What one stream may pin."""

WORKER = "worker-1"


@pytest.fixture(scope="module", name="hub")
def full_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub on which every token that is asked about is listed, so that answers are long."""
    with hub_process(tmp_path_factory.mktemp("slow") / "home") as hub:
        folder = hub.credentials("bank-a")
        rows = [Row(token=one, reference=one) for one in tokens()]
        contribute(hub.connect(hub.rejoin(folder)), rows)
        yield hub


def tokens() -> list[bytes]:
    """Lists what is listed."""
    return [token(f"slow {number}") for number in range(TOKENS)]


class Asker:
    """Sends frames as fast as they are taken, and reads no answer."""

    def __init__(self, frame: bytes, batch: int, took: threading.Event) -> None:
        self._frame, self._batch = frame, batch
        self._took = took
        self.sent = 0

    def requests(self) -> Iterator[pb.StreamVerdictsRequest]:
        """Yields the frames and tells of each that is taken."""
        opening = pb.VerdictOpen(**terms(1), batch_id=self._batch.to_bytes(16, "big"))
        yield pb.StreamVerdictsRequest(open=opening)
        for number in range(1, FRAMES + 1):
            self.sent = number
            self._took.set()
            yield pb.StreamVerdictsRequest(
                frame=pb.VerdictFrame(frame_number=number, tokens=self._frame)
            )


def read(stubs: Stubs, frame: bytes, batch: int) -> None:
    """Asks about a few frames and reads every answer."""
    requests = itertools.islice(Asker(frame, batch, threading.Event()).requests(), 6)
    answers = list(stubs.verdicts.StreamVerdicts(requests, timeout=60))
    assert [answer.token_count for answer in answers] == [TOKENS] * 5


def test_slow_readers_pin_little(hub: HubProcess) -> None:
    """Streams whose answers nobody reads come to a standstill; others are answered meanwhile."""
    slow, calm = (hub.connect(hub.rejoin(hub.credentials(name))) for name in ("bank-s", "bank-c"))
    frame = b"".join(tokens())
    # As many streams that are read leave the memory that working on them takes.
    with ThreadPoolExecutor(STREAMS) as pool:
        list(pool.map(lambda number: read(slow, frame, 100 + number), range(STREAMS)))
    before = resident_bytes(hub.children()[WORKER])
    took = threading.Event()
    askers = [Asker(frame, 2 + number, took) for number in range(STREAMS)]
    calls = [slow.verdicts.StreamVerdicts(one.requests(), timeout=60) for one in askers]
    while took.wait(STILL_SECONDS):
        took.clear()
    assert max(asker.sent for asker in askers) < FRAMES
    pinned = (resident_bytes(hub.children()[WORKER]) - before) / STREAMS
    question = pb.CheckSubjectRequest(**terms(1), request_id=bytes(16), tokens=frame[:16])
    assert calm.verdicts.CheckSubject(question, timeout=10).listing_count == 1
    for call in calls:
        call.cancel()
    assert pinned <= MOST_BYTES, f"{pinned / 2**20:.1f} MiB a stream"
    with pytest.raises(grpc.RpcError):
        next(calls[0])
