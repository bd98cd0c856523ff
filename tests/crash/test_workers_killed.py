"""Workers killed one after another under load: every call ends well and counts exactly once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import grpc

from partner_sdk.columns import Frame
from partner_sdk.contributions import Ack, RowFrame
from partner_sdk.sources.rows import Row, parse_row
from rongan_share.model.quota import Meter
from rongan_share.v1.verdict_service_pb2 import CheckSubjectRequest
from rongan_share.v1.verdict_service_pb2_grpc import VerdictServiceStub
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.identifiers import parse_identifier
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose, State
from tests.crash.traffic import terms
from tests.support.books import fault_of_log, read_books
from tests.support.processes import PROMPT, HubProcess, days_ahead, hub_process

CONTRIBUTOR, ASKER = "bank-a", "bank-b"
KILLED = ("worker-1", "keeper-1", "worker-2")
FRAME_ROWS, FRAME_TOKENS = 20, 256
PATIENT = replace(PROMPT, tries=30)
PURPOSE, CHANNEL = Purpose.ANTI_FRAUD, Channel.BATCH


@dataclass(slots=True)
class Load:
    """Partners at work until they are told to stop, and what they got.

    Attributes:
        over: Set when they should come to an end.
        answered: Woken at every answer.
        acks: Acknowledgements, in order.
        tokens: How many tokens were answered.
        faults: What ended a partner's work early; there should be none.
    """

    over: threading.Event = field(default_factory=threading.Event)
    answered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    acks: list[Ack] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)
    faults: list[Exception] = field(default_factory=list)

    def contribute(self, hub: HubProcess) -> None:
        """Shares frame after frame."""
        with hub.dial(hub.home.parent / CONTRIBUTOR, policy=PATIENT) as client:
            for ack in client.contribute(self._until_over(row_frame), stream_id=bytes(16)):
                self.acks.append(ack)
                self.answered.release()

    def ask_frames(self, hub: HubProcess) -> None:
        """Asks about frame after frame of tokens that nobody listed."""
        rng = random.Random(1)
        frames = self._until_over(lambda _: Frame(rng.randbytes(FRAME_TOKENS * TOKEN_BYTES)))
        with hub.dial(hub.home.parent / ASKER, policy=PATIENT) as client:
            for answer in client.stream_verdicts(frames, purpose=PURPOSE, channel=CHANNEL):
                assert answer.not_listed_count == FRAME_TOKENS
                self._count("frames", FRAME_TOKENS)

    def ask_singly(self, hub: HubProcess) -> None:
        """Asks about one token after another."""
        rng = random.Random(2)
        with hub.dial(hub.home.parent / ASKER, policy=PATIENT) as client:
            for tokens in self._until_over(lambda _: [rng.randbytes(TOKEN_BYTES)]):
                assert (
                    client.check_tokens(tokens, purpose=PURPOSE, channel=CHANNEL).state
                    is State.NOT_LISTED
                )
                self._count("single", 1)

    def _count(self, kind: str, tokens: int) -> None:
        self.tokens[kind] = self.tokens.get(kind, 0) + tokens
        self.answered.release()

    def _until_over(self, make: Callable[[int], object]) -> Iterator:
        number = 0
        while not self.over.is_set():
            number += 1
            yield make(number)


def row_frame(number: int) -> RowFrame:
    """Makes a frame of new listings, each about a site of its own."""
    rows = (
        Row(
            line=1,
            op="ADD",
            reference=site_of(number, place),
            type="DOMAIN",
            value=site_of(number, place),
            category="G2",
            severity="2",
            evidence="VERIFIED",
            source_class="PEER_DOMESTIC",
            legal_basis="ANTI_TELECOM_FRAUD_LAW",
            expiry_date=days_ahead(30),
        )
        for place in range(FRAME_ROWS)
    )
    return RowFrame(tuple(parse_row(row, packaged_taxonomy()) for row in rows))


def site_of(number: int, place: int) -> str:
    """Names the site of a row."""
    return f"site-{number}-{place}.example"


@contextmanager
def at_work(hub: HubProcess, load: Load) -> Iterator[None]:
    """Has partners work for a block; fails if one of them could not go on to its end."""

    def run(work: Callable[[HubProcess], None]) -> None:
        try:
            work(hub)
        except Exception as error:  # noqa: BLE001 - shown by the test's own thread
            load.faults.append(error)

    works = (load.contribute, load.ask_frames, load.ask_singly)
    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        load.over.set()
        for thread in threads:
            thread.join(60)
    assert load.faults == []
    assert not any(thread.is_alive() for thread in threads)


def verify_listed(hub: HubProcess, acks: list[Ack]) -> None:
    """Fails unless every acknowledged row is listed."""
    sites = (site_of(ack.frame_number, place) for ack in acks for place in range(FRAME_ROWS))
    with hub.dial(hub.home.parent / ASKER, policy=PATIENT) as client:
        canonicals = [parse_identifier(IdentifierType.DOMAIN, site).text for site in sites]
        answers = client.stream_verdicts(
            [Frame(client.tokenizer().tokens(canonicals))],
            at_least_sequence=acks[-1].sequence,
            purpose=PURPOSE,
            channel=CHANNEL,
        )
        assert next(answers).not_listed_count == 0


def test_killed_under_load(tmp_path: Path) -> None:
    """Partners notice no kill but by the time; sequence and quota are those of an unbroken run."""
    load = Load()
    with hub_process(tmp_path / "home", workers=2) as hub:
        hub.credentials(CONTRIBUTOR)
        hub.credentials(ASKER)
        with at_work(hub, load):
            for name in KILLED:
                for _ in range(150):
                    assert load.answered.acquire(timeout=20)
                hub.await_child(name, hub.kill_child(name))
        assert [ack.frame_number for ack in load.acks] == list(range(1, len(load.acks) + 1))
        assert [ack.sequence for ack in load.acks] == list(range(1, len(load.acks) + 1))
        verify_books(hub, load)
        verify_listed(hub, load.acks)


def test_stopped_under_load(tmp_path: Path) -> None:
    """A hub told to stop loses no answer that it gave; whom it refuses is told to come again."""
    entered: list[int] = []
    refused: list[grpc.StatusCode] = []
    answered = threading.Semaphore(0)

    def ask(asker: VerdictServiceStub, rng: random.Random) -> None:
        try:
            while True:
                tokens, request_id = rng.randbytes(TOKEN_BYTES), rng.randbytes(TOKEN_BYTES)
                asked = CheckSubjectRequest(**terms(1), tokens=tokens, request_id=request_id)
                entered.append(asker.CheckSubject(asked, timeout=30).entry_index)
                answered.release()
        except grpc.RpcError as error:
            refused.append(error.code())

    with hub_process(tmp_path / "home", workers=2) as hub:
        hub.credentials(ASKER)
        askers = [hub.connect(hub.rejoin(tmp_path / ASKER)).verdicts for _ in range(4)]
        threads = [
            threading.Thread(target=ask, args=(asker, random.Random(place)))
            for place, asker in enumerate(askers)
        ]
        for thread in threads:
            thread.start()
        for _ in range(200):
            assert answered.acquire(timeout=20)
        assert hub.process is not None
        hub.process.terminate()
        assert hub.await_end() == 0
        for thread in threads:
            thread.join(30)
        # gRPC says CANCELLED to a call that has arrived but was not begun when it stops.
        assert len(refused) == len(askers)
        assert set(refused) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        entries = hub.entries()
        assert entries[-1].method == "hub/stop"
        assert {entries[index].method for index in entered} == {"VerdictService/CheckSubject"}
        assert len(set(entered)) == len(entered)
        books = read_books(hub)
        books.verify()
        # What was decided as the line was cut may be entered and charged, and was not told.
        assert 0 <= books.spent[ASKER, Meter.QUERY] - len(entered) <= len(askers)


def verify_books(hub: HubProcess, load: Load) -> None:
    """Fails unless everything that was answered is there once and was paid for once."""
    books = read_books(hub)
    books.verify()
    assert books.list_sequence == len(load.acks)
    assert books.spent[CONTRIBUTOR, Meter.CONTRIBUTION] == len(load.acks) * FRAME_ROWS
    assert books.spent[ASKER, Meter.QUERY] == sum(load.tokens.values())
    assert fault_of_log(hub) is None
