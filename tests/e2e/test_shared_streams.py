"""Many threads ask through one client by shared streams: each gets its own verdict or an error."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from partner_sdk.client import Client
from partner_sdk.credentials import Credentials
from partner_sdk.errors import NotAllowedError, QuotaExceededError, UnavailableError
from partner_sdk.questions import Origin
from partner_sdk.shared.lanes import MOST_LANES
from partner_sdk.verdicts import Verdict
from rongan_share.audit.entry import Entry
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.v1.agreement_pb2 import Quota
from rongan_share.wire.canonical import commitment, encode_bytes, encode_message
from rongan_share.wire.identifiers import aliases_of, parse_identifier
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.reasons import Reason
from rongan_share.wire.vocabulary import Channel, DetailLevel, IdentifierType, Purpose, State
from tests.support.hub import HubUnderTest, running_hub
from tests.support.processes import PROMPT, write_credentials
from tests.support.proxy import Proxy, Way, proxy_to
from tests.walk.asking import Row, contribute

Identifiers = Sequence[tuple[IdentifierType, str]]
THREADS = 64
SHORT, LONG = 0.3, 30.0
FEW = {"rate_per_second": 1, "burst_count": 50, "day_count": 1_000, "month_count": 1_000}


@pytest.fixture(scope="module", name="hub")
def listing_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub on which every third number is listed; each test asks as a partner of its own."""
    with running_hub(tmp_path_factory.mktemp("shared") / "home") as running:
        with client_of(running, tmp_path_factory.mktemp("giver") / "bank-giver") as giver:
            make = giver.tokenizer().token
            texts = [parse_identifier(*phone(place)).text for place in range(0, 600, 3)]
        rows = [
            Row(token=make(text), reference=make(text), type=IdentifierType.MSISDN)
            for text in texts
        ]
        [ack] = contribute(running.partner("bank-lists"), rows)
        with client_of(running, tmp_path_factory.mktemp("first") / "bank-first") as first:
            check(first, [phone(0)], at_least_sequence=ack.sequence)
        yield running


def phone(place: int) -> tuple[IdentifierType, str]:
    """Names a number; every third of the first 600 is listed."""
    return IdentifierType.MSISDN, str(13_800_000_000 + place)


def listed(*places: int) -> State:
    """What is true of a subject with these numbers."""
    return State.LISTED if any(place % 3 == 0 for place in places) else State.NOT_LISTED


def check(client: Client, identifiers: Identifiers, **terms: object) -> Verdict:
    """Asks one question."""
    asked: dict[str, Any] = {"purpose": Purpose.SANCTIONS, "channel": Channel.MOBILE}
    return client.check(identifiers, **(asked | terms))


def client_of(
    hub: HubUnderTest, folder: Path, target: str = "", *, timeout: float = LONG, **terms: object
) -> Client:
    """Makes a partner, named as its folder, and its client."""
    hub.create_partner(folder.name)
    minted = hub.pki.partner(folder.name)
    hub.register(minted)
    hub.agree(folder.name, **terms)
    write_credentials(folder, minted, hub.pki.hub_roots_pem)
    credentials = Credentials.from_directory(folder)
    return Client(
        target or hub.target,
        credentials,
        retry=PROMPT,
        stream_retry=PROMPT,
        timeout_seconds=timeout,
    )


def entries(hub: HubUnderTest, partner: str, kind: str = "") -> list[Entry]:
    """Reads what was entered of a partner's frames."""
    return [
        entry
        for entry in hub.entries()
        if entry.caller_id == partner
        and entry.method.endswith("StreamVerdicts")
        and entry.kind.startswith(kind)
    ]


def charged(hub: HubUnderTest, partner: str) -> int:
    """Counts the tokens that a partner was charged for."""
    return sum(entry.counts.get("charged", 0) for entry in entries(hub, partner))


def threads_of_lanes() -> list[threading.Thread]:
    """Lists threads of shared streams that live."""
    return [thread for thread in threading.enumerate() if thread.name == "verdicts"]


@contextmanager
def stalled(proxy: Proxy) -> Iterator[None]:
    """Holds back whatever the hub says next until the block ends."""
    gate = threading.Event()
    proxy.arm(Way.DOWN, 0, gate.wait)
    try:
        yield
    finally:
        proxy.disarm()
        gate.set()


def test_everyone_gets_his_own_verdict(hub: HubUnderTest, tmp_path: Path) -> None:
    """64 threads with subjects of one to four tokens: each learns what is true of its own."""
    company = (IdentifierType.ORG_NAME, "北京某某科技有限公司")
    aliases = len(aliases_of(parse_identifier(*company)))

    def run(client: Client, thread: int) -> int:
        tokens = 0
        for turn in range(6):
            first = thread * 6 + turn
            places = [first + step for step in range(1 + first % 3)]
            asked = [phone(place) for place in places]
            tokens += len(asked)
            if thread % 8 == 0:
                asked.append(company)
                tokens += 1 + aliases
            verdict = check(client, asked)
            assert verdict.state is listed(*places)
            assert verdict.token_states[: len(places)] == tuple(map(listed, places))
            assert len(verdict.token_states) == len(asked)
            assert (verdict.summary is None) == (verdict.state is not State.LISTED)
        return tokens

    with client_of(hub, tmp_path / "bank-mixed") as client:
        check(client, [phone(1)])
        with ThreadPoolExecutor(THREADS) as pool:
            tokens = sum(pool.map(lambda thread: run(client, thread), range(THREADS)))
    frames = entries(hub, "bank-mixed")
    assert len(frames) < THREADS * 6 / 2, "questions did not share frames"
    assert charged(hub, "bank-mixed") == tokens + 1


def test_same_verdict_as_a_call_of_its_own(hub: HubUnderTest, tmp_path: Path) -> None:
    """The shared way says what CheckSubject says, less the listings."""
    with client_of(hub, tmp_path / "bank-same") as client:
        for level in DetailLevel:
            for asked in ([phone(3)], [phone(4)], [phone(6), phone(7), phone(9)]):
                shared = check(client, asked, level=level)
                alone = check(client, asked, level=level, detail=True)
                for name in ("state", "token_states", "summary", "matched_count", "coverage"):
                    assert getattr(shared, name) == getattr(alone, name), name
                assert shared.listings == ()
                assert (shared.frame is None, alone.frame is None) == (False, True)
        assert check(client, [phone(3)], detail=DetailLevel.CATEGORY).listings


def test_nonce_opens_the_entry_of_the_frame(hub: HubUnderTest, tmp_path: Path) -> None:
    """What a verdict of a shared frame carries proves it: the entry commits to that frame."""
    with client_of(hub, tmp_path / "bank-proof") as client:
        verdict = check(client, [phone(3)], business_ref=b"case 0123456789.")
    entry = hub.entries()[verdict.entry_index]
    frame = verdict.frame
    assert frame is not None
    asked = encode_bytes(1, encode_message(frame.opening))
    asked += encode_bytes(2, encode_message(frame.asked))
    answered = encode_message(frame.answered, skip=("quota_left", "entry_index", "nonce"))
    assert frame.asked.business_ref == b"case 0123456789."
    assert frame.frame_number == frame.asked.frame_number
    assert frame.batch_id == frame.opening.batch_id
    assert entry.request_commitment == commitment(verdict.nonce, asked)
    assert entry.answer_commitment == commitment(verdict.nonce, answered)


def test_order_of_arrival(hub: HubUnderTest, tmp_path: Path) -> None:
    """Questions that gathered while the hub was silent are asked in order of arrival."""
    with (
        proxy_to(hub.hub.port) as proxy,
        client_of(hub, tmp_path / "bank-order", proxy.target) as client,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        check(client, [phone(1)])
        (lane,) = client._lanes._lanes.values()
        calls = []
        with stalled(proxy):
            for place in range(40):
                before = len(lane._line) + sum(len(s.asks) for s in lane._line.unanswered)
                calls.append(pool.submit(check, client, [phone(place)]))
                while len(lane._line) + sum(len(s.asks) for s in lane._line.unanswered) == before:
                    pass
        verdicts = [call.result() for call in calls]
        tokens = [client.tokenizer().token(parse_identifier(*phone(at))) for at in range(40)]
    frames = {verdict.frame.frame_number: verdict.frame for verdict in verdicts if verdict.frame}
    sent = b"".join(frames[number].asked.tokens for number in sorted(frames))
    assert sent == b"".join(tokens)
    assert len(frames) < 10


def test_deadline_of_each_call(hub: HubUnderTest, tmp_path: Path) -> None:
    """A call ends with an error at its own deadline; who has more time gets his answer."""
    with (
        proxy_to(hub.hub.port) as proxy,
        client_of(hub, tmp_path / "bank-late", proxy.target) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        check(client, [phone(1)])
        with stalled(proxy):
            short = [
                pool.submit(check, client, [phone(at)], timeout_seconds=SHORT) for at in range(4)
            ]
            patient = [pool.submit(check, client, [phone(at)]) for at in range(4)]
            for call in short:
                error = call.exception()
                assert isinstance(error, UnavailableError)
                assert error.code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert [call.result().state for call in patient] == [listed(at) for at in range(4)]
        assert check(client, [phone(3)]).state is State.LISTED


def test_quota_edge(hub: HubUnderTest, tmp_path: Path) -> None:
    """With a burst of 50, of 64 who ask at once exactly 50 are answered and the rest refused."""
    with client_of(hub, tmp_path / "bank-edge", query_quota=Quota(**FEW)) as client:
        client.token_epoch()
        client.taxonomy()
        ready = threading.Barrier(THREADS)

        def run(place: int) -> State | Reason | None:
            ready.wait()
            try:
                return check(client, [phone(place)]).state
            except QuotaExceededError as error:
                return error.reason

        with ThreadPoolExecutor(THREADS) as pool:
            said = list(pool.map(run, range(THREADS)))
    assert said.count(Reason.QUOTA_EXCEEDED) == THREADS - 50
    assert all(state in (listed(place), Reason.QUOTA_EXCEEDED) for place, state in enumerate(said))
    assert charged(hub, "bank-edge") == 50


def test_quota_splits_a_frame(hub: HubUnderTest, tmp_path: Path) -> None:
    """A frame that cannot be paid whole is asked in parts; only the excess is refused."""
    with (
        proxy_to(hub.hub.port) as proxy,
        client_of(hub, tmp_path / "bank-split", proxy.target, query_quota=Quota(**FEW)) as client,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        check(client, [phone(1)])
        with stalled(proxy):
            calls = [
                pool.submit(check, client, [phone(at), phone(at + 1)]) for at in range(THREADS)
            ]
        said = [call.exception() for call in calls]
    assert sum(error is None for error in said) == 24
    assert all(error is None or isinstance(error, QuotaExceededError) for error in said)
    assert charged(hub, "bank-split") == 49


def test_suspended_and_resumed(hub: HubUnderTest, tmp_path: Path) -> None:
    """A suspended partner's questions are refused with the reason, later ones answered again."""
    with client_of(hub, tmp_path / "bank-halt") as client, ThreadPoolExecutor(8) as pool:
        check(client, [phone(1)])
        hub.alice.operators.SuspendPartner(
            operator_pb.SuspendPartnerRequest(partner_id="bank-halt", reason="key stolen")
        )
        for call in [pool.submit(check, client, [phone(at)]) for at in range(8)]:
            error = call.exception()
            assert isinstance(error, NotAllowedError)
            assert error.reason is Reason.PARTNER_SUSPENDED
        hub.alice.operators.ResumePartner(
            operator_pb.ResumePartnerRequest(partner_id="bank-halt", reason="new key")
        )
        assert check(client, [phone(3)]).state is State.LISTED


def test_bad_caller_joins_no_frame(hub: HubUnderTest, tmp_path: Path) -> None:
    """What is malformed is refused before anything is sent, and nobody else notices."""
    with client_of(hub, tmp_path / "bank-form") as client:
        assert check(client, [phone(3)]).state is State.LISTED
        for asked, terms in (
            ([(IdentifierType.CN_RID, "12345")], {}),
            ([phone(1)], {"business_ref": b"short"}),
            ([phone(1)], {"categories": ["Z9"]}),
            ([], {}),
            ([phone(at) for at in range(17)], {}),
        ):
            with pytest.raises(MalformedError):
                check(client, asked, **terms)
        assert check(client, [phone(6)]).state is State.LISTED
    assert len(entries(hub, "bank-form")) == 2


def test_hub_restarted_in_the_middle(tmp_path: Path) -> None:
    """A hub that stops and comes back elsewhere: every call is answered, paid for once."""
    with running_hub(tmp_path / "home") as hub, proxy_to(hub.hub.port) as proxy:
        with client_of(hub, tmp_path / "bank-long", proxy.target) as client:
            check(client, [phone(1)])
            half = threading.Barrier(17)

            def run(thread: int) -> list[State]:
                said = []
                for turn in range(20):
                    if turn == 10:
                        half.wait()
                    said.append(check(client, [phone(thread * 20 + turn)]).state)
                return said

            with ThreadPoolExecutor(16) as pool:
                calls = [pool.submit(run, thread) for thread in range(16)]
                half.wait()
                hub.restart()
                proxy.lead_to(hub.hub.port)
                assert {state for call in calls for state in call.result()} == {State.NOT_LISTED}
        assert charged(hub, "bank-long") == 16 * 20 + 1


def test_cut_connections(hub: HubUnderTest, tmp_path: Path) -> None:
    """Connections that break at any byte cost nobody his verdict, and nothing is paid twice."""
    with (
        proxy_to(hub.hub.port) as proxy,
        client_of(hub, tmp_path / "bank-cut", proxy.target) as client,
        ThreadPoolExecutor(16) as pool,
    ):
        check(client, [phone(1)])
        for count in (0, 40, 300, 700):
            proxy.arm(Way.DOWN, count, proxy.cut)
            states = pool.map(lambda at: check(client, [phone(at)]).state, range(48))
            assert list(states) == [listed(at) for at in range(48)]
        proxy.disarm()
    assert charged(hub, "bank-cut") == 4 * 48 + 1


def test_closing_fails_whoever_waits(hub: HubUnderTest, tmp_path: Path) -> None:
    """A closed client leaves nobody waiting and no thread; later calls are refused."""
    with proxy_to(hub.hub.port) as proxy, ThreadPoolExecutor(THREADS) as pool:
        client = client_of(hub, tmp_path / "bank-shut", proxy.target)
        check(client, [phone(1)])
        with stalled(proxy):
            calls = [pool.submit(check, client, [phone(at)]) for at in range(THREADS)]
            (lane,) = client._lanes._lanes.values()
            while not lane._line.unanswered:
                pass
            client.close()
            errors = [call.exception(LONG) for call in calls]
    assert all(isinstance(error, UnavailableError) for error in errors)
    assert not threads_of_lanes()
    with pytest.raises(UnavailableError):
        check(client, [phone(1)])


def test_idle_streams_end(hub: HubUnderTest, tmp_path: Path) -> None:
    """A stream that nobody needs ends with its thread, and the next question opens another."""
    with client_of(hub, tmp_path / "bank-idle") as client:
        client._lanes._idle_seconds = 0.05
        check(client, [phone(1)])
        for thread in threads_of_lanes():
            thread.join(LONG)
        assert not threads_of_lanes()
        assert check(client, [phone(3)]).state is State.LISTED


def test_ways_of_asking_are_bounded(hub: HubUnderTest, tmp_path: Path) -> None:
    """More ways of asking than streams: idle ones make room, and all are answered."""
    with client_of(hub, tmp_path / "bank-ways") as client:
        for number in range(MOST_LANES + 8):
            origin = Origin(branch_code=f"{number:04}")
            assert check(client, [phone(3)], origin=origin).state is State.LISTED
        assert len(threads_of_lanes()) <= MOST_LANES


def test_silent_hub_holds_nobody_longer(tmp_path: Path) -> None:
    """Of many first questions to a hub that never answers none waits for the others' time too."""
    with running_hub(tmp_path / "home") as hub, socket.create_server(("127.0.0.1", 0)) as silent:
        target = f"localhost:{silent.getsockname()[1]}"
        with (
            client_of(hub, tmp_path / "bank-mute", target, timeout=SHORT) as client,
            ThreadPoolExecutor(16) as pool,
        ):
            began = time.monotonic()
            calls = [pool.submit(check, client, [phone(at)]) for at in range(16)]
            assert all(isinstance(call.exception(), UnavailableError) for call in calls)
            assert time.monotonic() - began < 8 * SHORT
