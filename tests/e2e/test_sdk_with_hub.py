"""The SDK against a real hub: errors are typed, waits are bounded, load is carried."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from partner_sdk.client import Client
from partner_sdk.columns import Frame
from partner_sdk.credentials import Credentials
from partner_sdk.errors import NotAllowedError, QuotaExceededError, UnavailableError
from partner_sdk.verdicts import Verdict
from rongan_share.audit.entry import GRANTED
from rongan_share.clock import SystemClock
from rongan_share.model.quota import Meter
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.v1.agreement_pb2 import Quota
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.identifiers import parse_identifier
from rongan_share.wire.reasons import Reason
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose, State, Suite
from tests.support.books import read_books
from tests.support.clock import FakeClock
from tests.support.hub import HubUnderTest, running_hub
from tests.support.processes import (
    PROMPT,
    HubProcess,
    free_port,
    hub_process,
    write_credentials,
)
from tests.support.proxy import proxy_to
from tests.walk.asking import Row, contribute

QUESTION = [(IdentifierType.MSISDN, "138 0013 8000")]
SLOW = {"rate_per_second": 2, "burst_count": 1, "day_count": 1_000, "month_count": 1_000}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """One hub; each test asks as a partner of its own."""
    with hub_process(tmp_path_factory.mktemp("sdk") / "home") as running:
        yield running


def ask(client: Client) -> Verdict:
    """Asks one question by a call of its own."""
    return client.check(QUESTION, purpose=Purpose.ANTI_FRAUD, channel=Channel.MOBILE, detail=True)


def decisions(hub: HubProcess, partner: str, method: str) -> list[str]:
    """Reads from the log how a partner's calls were decided."""
    entries = [entry for entry in hub.entries() if entry.caller_id == partner]
    return [entry.decision for entry in entries if entry.method == f"VerdictService/{method}"]


def test_quota_exceeded_waits_once(hub: HubProcess) -> None:
    """A used-up burst is waited for as long as the hub says, once, and then answered."""
    folder = hub.credentials("bank-wait", query_quota=Quota(**SLOW))
    with hub.dial(folder) as client:
        assert ask(client).state is State.NOT_LISTED
        began = time.monotonic()
        assert ask(client).state is State.NOT_LISTED
        assert 0.2 < time.monotonic() - began < 3
    told = decisions(hub, "bank-wait", "CheckSubject")
    assert told == [GRANTED, Reason.QUOTA_EXCEEDED.name, GRANTED]
    assert read_books(hub).spent["bank-wait", Meter.QUERY] == 2


def test_quota_exceeded_again_is_raised(tmp_path: Path) -> None:
    """A burst that is still used up after that one wait is the caller's to know, with the time."""
    clock = FakeClock(SystemClock().now())
    with running_hub(tmp_path / "home", clock) as frozen:
        with client_of(frozen, tmp_path / "bank-wait", query_quota=Quota(**SLOW)) as client:
            ask(client)
            with pytest.raises(QuotaExceededError) as refused:
                ask(client)
        told = [entry.decision for entry in frozen.entries() if entry.kind == "REFUSAL"]
    assert told == [Reason.QUOTA_EXCEEDED.name] * 2
    assert refused.value.retry_seconds == pytest.approx(0.5, abs=0.01)
    assert refused.value.metadata["limit"] == "query.burst"


def test_unreachable_hub(hub: HubProcess) -> None:
    """Nobody there, or somebody who never answers: UnavailableError, within the deadline."""
    credentials = Credentials.from_directory(hub.credentials("bank-far"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (free_port(), silent.getsockname()[1]):
            began = time.monotonic()
            with (
                Client(f"localhost:{port}", credentials, timeout_seconds=1.0) as client,
                pytest.raises(UnavailableError) as failed,
            ):
                client.agreement()
            assert time.monotonic() - began < 2.0
            assert failed.value.reason is None


def test_suspended_partner(hub: HubProcess) -> None:
    """A suspended partner is told so at its next call, and served again once resumed."""
    folder = hub.credentials("bank-bad")
    with hub.dial(folder) as client:
        ask(client)
        hub.alice.operators.SuspendPartner(
            operator_pb.SuspendPartnerRequest(partner_id="bank-bad", reason="key stolen")
        )
        with pytest.raises(NotAllowedError) as refused:
            ask(client)
        assert refused.value.reason is Reason.PARTNER_SUSPENDED
        hub.alice.operators.ResumePartner(
            operator_pb.ResumePartnerRequest(partner_id="bank-bad", reason="new key")
        )
        assert ask(client).state is State.NOT_LISTED


def test_parallel_checks(hub: HubProcess) -> None:
    """300 threads ask at once through one client; all are answered, entered and paid for once."""
    folder = hub.credentials("bank-many")
    with hub.dial(folder) as client, ThreadPoolExecutor(300) as pool:
        verdicts = list(pool.map(lambda _: ask(client), range(300)))
    assert {verdict.state for verdict in verdicts} == {State.NOT_LISTED}
    assert len({verdict.entry_index for verdict in verdicts}) == 300
    assert decisions(hub, "bank-many", "CheckSubject") == [GRANTED] * 300
    assert read_books(hub).spent["bank-many", Meter.QUERY] == 300


def test_hub_killed_in_a_verdict_stream(hub: HubProcess) -> None:
    """A hub killed and back between two frames: every answer comes, in order, paid for once."""
    folder = hub.credentials("bank-long")
    rng = random.Random(3)
    frames = [Frame(rng.randbytes(50 * TOKEN_BYTES)) for _ in range(12)]
    with hub.dial(folder) as client:
        answers = client.stream_verdicts(frames, purpose=Purpose.ANTI_FRAUD, channel=Channel.BATCH)
        for number, answer in enumerate(answers, start=1):
            assert (answer.frame_number, answer.not_listed_count) == (number, 50)
            if number in {3, 7}:
                hub.kill()
                hub.revive()
    assert number == len(frames)
    assert read_books(hub).spent["bank-long", Meter.QUERY] == 50 * len(frames)


def test_hub_stopped_in_a_verdict_stream(tmp_path: Path) -> None:
    """A hub stopped in order and started elsewhere ends the stream, and the SDK goes on there."""
    rng = random.Random(4)
    frames = [Frame(rng.randbytes(50 * TOKEN_BYTES)) for _ in range(8)]
    with running_hub(tmp_path / "home", SystemClock()) as hub, proxy_to(hub.hub.port) as proxy:
        with client_of(hub, tmp_path / "bank-long", proxy.target) as client:
            answers = client.stream_verdicts(
                frames, purpose=Purpose.ANTI_FRAUD, channel=Channel.BATCH
            )
            for number, answer in enumerate(answers, start=1):
                assert (answer.frame_number, answer.not_listed_count) == (number, 50)
                if number == 3:
                    hub.restart()
                    proxy.lead_to(hub.hub.port)
        charged = [entry.counts.get("charged", 0) for entry in hub.entries()]
    assert number == len(frames)
    assert sum(charged) == 50 * len(frames)


def test_token_epoch_and_tokens(tmp_path: Path) -> None:
    """The epoch is delivered once, shows no key, and its tokens are answered like identifiers."""
    kind, number = QUESTION[0]
    with running_hub(tmp_path / "home") as hub:
        with client_of(hub, tmp_path / "bank-one") as client:
            epoch = client.token_epoch()
            assert (epoch.number, epoch.suite) == (1, Suite.HMAC_SHA256)
            assert epoch.opened_time == hub.clock.now()
            assert client.token_epoch() is epoch
            assert client.tokenizer() is epoch.tokenizer
            listed, other = (
                epoch.tokenizer.token(parse_identifier(kind, each).text)
                for each in (number, "13800138001")
            )
            [ack] = contribute(hub.partner("bank-two"), [Row(token=listed, type=kind)])
            asked: dict[str, Any] = {
                "purpose": Purpose.SANCTIONS,
                "channel": Channel.MOBILE,
                "at_least_sequence": ack.sequence,
            }
            told = client.check_tokens([other, listed], **asked)
            same = client.check([(kind, number)], **asked)
            key = hub.settings.keys.epoch_keys / "epoch-1.key"
            assert key.read_text().strip() not in f"{epoch!r} {epoch.tokenizer!r}"
        delivered = [entry for entry in hub.entries() if entry.method.endswith("GetTokenEpoch")]
    assert (told.state, told.token_states) == (State.LISTED, (State.NOT_LISTED, State.LISTED))
    assert (same.state, same.summary) == (told.state, told.summary)
    assert [listing.token_index for listing in told.listings] == [1]
    assert [entry.kind for entry in delivered] == ["KEY_DELIVERY"]


def client_of(hub: HubUnderTest, folder: Path, target: str = "", **terms: object) -> Client:
    """Makes a partner, named as its folder, of a hub in this process, and its client."""
    hub.create_partner(folder.name)
    minted = hub.pki.partner(folder.name)
    hub.register(minted)
    hub.agree(folder.name, **terms)
    write_credentials(folder, minted, hub.pki.hub_roots_pem)
    credentials = Credentials.from_directory(folder)
    return Client(target or hub.target, credentials, retry=PROMPT, stream_retry=PROMPT)
