"""A hub killed at any moment loses nothing that it acknowledged, and counts everything once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rongan_share.audit.entry import GRANTED, parse_entry
from rongan_share.ledger.entries import find_entry, find_nonce
from rongan_share.ledger.environment import Transaction
from rongan_share.ledger.hub_keys import HubKeys
from rongan_share.ledger.side_keys import SideKeys
from rongan_share.ledger.streams import StreamKey, find_frame, get_highest_frame
from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.v1.agreement_service_pb2 import GetTokenEpochRequest
from rongan_share.wire.canonical import commitment
from rongan_share.wire.frames import TOKEN_BYTES
from tests.crash.traffic import ROWS, Said, Traffic, terms, token_of
from tests.support.books import fault_of_log, listings_shown, read_books
from tests.support.hub import Stubs
from tests.support.processes import HubProcess, first_line, hub_process
from tests.support.proxy import Way, proxy_to

ROUNDS = 14
STARTS = 4
CONTRIBUTOR, ASKER = "bank-a", "bank-b"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """One hub, killed over and over by both tests."""
    with hub_process(tmp_path_factory.mktemp("killed") / "home") as running:
        running.credentials(CONTRIBUTOR)
        running.credentials(ASKER)
        yield running


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    """What was acknowledged so far."""
    return Traffic(random.Random(7).randbytes(TOKEN_BYTES))


def stubs(hub: HubProcess, partner: str) -> Stubs:
    """Connects as a partner."""
    return hub.connect(hub.rejoin(hub.home.parent / partner))


def stir_and_kill(hub: HubProcess, traffic: Traffic, rng: random.Random) -> None:
    """Kills the hub some answers and some milliseconds after the partners began."""
    with partners_at_work(traffic, stubs(hub, CONTRIBUTOR), stubs(hub, ASKER), rng=rng):
        for _ in range(rng.choice((1, 2, 10, 50, 150))):
            assert traffic.answered.acquire(timeout=20)
        time.sleep(rng.uniform(0.0, 0.02))
        hub.kill()


def stir_and_kill_unheard(hub: HubProcess, traffic: Traffic, rng: random.Random) -> None:
    """Kills the hub while an acknowledgement is on its way, of which the partner hears nothing."""
    killed = threading.Event()
    with proxy_to(hub.port) as proxy:

        def kill() -> None:
            hub.kill()
            proxy.cut()
            killed.set()

        # A handshake takes less; the rest is acknowledgements of some hundred bytes.
        proxy.arm(Way.DOWN, rng.randrange(4_000, 8_000), kill)
        contributor = hub.connect_at(proxy.target, hub.rejoin(hub.home.parent / CONTRIBUTOR))
        with partners_at_work(traffic, contributor, stubs(hub, ASKER), rng=rng):
            assert killed.wait(20)


@contextmanager
def partners_at_work(
    traffic: Traffic, contributor: Stubs, asker: Stubs, *, rng: random.Random
) -> Iterator[None]:
    """Has partners keep the hub busy; in the block it must die, which ends them."""
    threads = traffic.begin(contributor, asker, rng)
    yield
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert traffic.faults == []


def verify_ledger(hub: HubProcess, traffic: Traffic) -> None:
    """Fails unless the dead hub's ledger holds everything that was answered, once."""
    books = read_books(hub)
    books.verify()
    assert fault_of_log(hub) is None
    settings = hub.settings
    with hub.ledger() as ledger, ledger.read() as txn:
        side_keys = HubKeys.of(settings, ledger).side_keys(1)
        stream = StreamKey(books.numbers[CONTRIBUTOR], traffic.stream_id)
        highest = get_highest_frame(txn, stream)
        assert highest >= traffic.last_frame
        assert books.rows[CONTRIBUTOR] == highest * ROWS
        for ack in traffic.acks.values():
            kept = find_frame(txn, stream, ack.frame_number)
            assert kept is not None
            assert (kept.sequence, kept.entry_index) == (ack.sequence, ack.entry_index)
        for said in traffic.said:
            verify_said(txn, said, side_keys)


def verify_said(txn: Transaction, said: Said, side_keys: SideKeys) -> None:
    """Fails unless the log binds the very question and answer that the partner has."""
    raw = find_entry(txn, said.entry_index)
    assert raw is not None
    entry = parse_entry(raw)
    assert (entry.decision, entry.caller_id) == (GRANTED, ASKER)
    sealed = find_nonce(txn, said.entry_index)
    assert sealed is not None
    assert side_keys.open_nonce(sealed) == said.nonce
    assert entry.request_commitment == commitment(said.nonce, said.request)
    assert entry.answer_commitment == commitment(said.nonce, said.answer)


def verify_answers(hub: HubProcess, traffic: Traffic, rng: random.Random) -> None:
    """Fails unless the revived hub lists every acknowledged row under its own sequence."""
    contributor, asker = stubs(hub, CONTRIBUTOR), stubs(hub, ASKER)
    state = contributor.contributions.GetContributionState(
        contribution_pb.GetContributionStateRequest(stream_id=traffic.stream_id), timeout=20
    )
    assert state.frame_number >= traffic.last_frame
    epoch = asker.agreements.GetTokenEpoch(GetTokenEpochRequest(), timeout=20).epoch
    opening = verdict_pb.VerdictOpen(**terms(epoch), batch_id=rng.randbytes(TOKEN_BYTES))
    acked = sorted(traffic.acks)
    frames = [acked[at : at + 1_600] for at in range(0, len(acked), 1_600)]
    requests = [verdict_pb.StreamVerdictsRequest(open=opening)]
    for place, numbers in enumerate(frames, start=1):
        tokens = (token_of(traffic.stream_id, n, row) for n in numbers for row in range(ROWS))
        frame = verdict_pb.VerdictFrame(frame_number=place, tokens=b"".join(tokens))
        requests.append(verdict_pb.StreamVerdictsRequest(frame=frame))
    answers = list(asker.verdicts.StreamVerdicts(iter(requests), timeout=20))
    for numbers, answer in zip(frames, answers, strict=True):
        assert len(answer.listed_index) == 4 * ROWS * len(numbers)
        expected = {(traffic.acks[n].sequence, row) for n in numbers for row in range(ROWS)}
        assert listings_shown(hub, answer.entry_index) == expected


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_hub_killed_under_traffic(hub: HubProcess, traffic: Traffic, seed: int) -> None:
    """Whatever was answered before the kill is in the ledger, whole, once, and answered again."""
    stir = stir_and_kill_unheard if seed % 3 == 2 else stir_and_kill
    rng = random.Random(seed)
    stir(hub, traffic, rng)
    verify_ledger(hub, traffic)
    hub.revive()
    verify_answers(hub, traffic, rng)


@pytest.mark.parametrize("seed", range(STARTS))
def test_hub_killed_while_starting(hub: HubProcess, traffic: Traffic, seed: int) -> None:
    """A hub that dies before it serves leaves a ledger that the next one serves."""
    rng = random.Random(ROUNDS + seed)
    hub.stop()
    process = hub.launch()
    if seed:
        time.sleep(rng.uniform(0.2, 0.7))
    else:
        first_line(process)
    hub.kill()
    verify_ledger(hub, traffic)
    hub.revive()
    verify_answers(hub, traffic, rng)


def test_log_verifies_at_the_end(hub: HubProcess, traffic: Traffic) -> None:
    """The operator's own command finds the log whole, and the contributor can go on."""
    rounds = len({ack.sequence for ack in traffic.acks.values()})
    assert rounds == traffic.last_frame > ROUNDS
    verified = hub.command("--json", "audit", "verify").facts
    assert verified["verified"] is True
