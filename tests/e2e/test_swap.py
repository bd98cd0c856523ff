"""Credentials are swapped under a running client, and no call notices."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from partner_sdk.calls import Connections
from partner_sdk.channels import ChannelSet, dial_channels
from partner_sdk.client import Client
from partner_sdk.columns import Frame
from partner_sdk.credentials import Credentials
from partner_sdk.retry import RetryPolicy
from rongan_share.v1.agreement_service_pb2 import GetUsageRequest
from rongan_share.v1.agreement_service_pb2_grpc import AgreementServiceStub
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose, State
from tests.support.hub import HubUnderTest, running_hub
from tests.support.processes import write_credentials

ONCE = RetryPolicy(tries=1)
"""A call that fails once has failed: nothing is covered up by another try."""

SWAPS = 20


@pytest.fixture(scope="module", name="hub")
def one_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub that lists nothing."""
    with running_hub(tmp_path_factory.mktemp("swap") / "home") as running:
        yield running


@pytest.fixture(name="pairs")
def two_pairs(hub: HubUnderTest, tmp_path: Path) -> tuple[Credentials, Credentials]:
    """Two certificates of one partner, each with a key of its own, both registered."""
    partner = f"bank-{len(hub.entries())}"
    hub.create_partner(partner)
    hub.agree(partner)
    pairs = []
    for name in ("one", "two"):
        minted = hub.pki.partner(partner)
        hub.register(minted)
        write_credentials(tmp_path / name, minted, hub.pki.hub_roots_pem)
        pairs.append(Credentials.from_directory(tmp_path / name))
    return pairs[0], pairs[1]


def ask(client: Client, *, alone: bool) -> State:
    """Asks about a number, by a call of its own or over a shared stream."""
    return client.check(
        [(IdentifierType.MSISDN, "13800000000")],
        purpose=Purpose.SANCTIONS,
        channel=Channel.MOBILE,
        detail=alone,
    ).state


def await_true(condition: Callable[[], bool]) -> None:
    """Waits until something has come true."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_swaps_fail_no_call(hub: HubUnderTest, pairs: tuple[Credentials, Credentials]) -> None:
    """8 threads call, alone and shared, and a stream runs, while credentials change 20 times."""
    stop = threading.Event()
    used: list[ChannelSet] = []
    connections = Connections.dial(hub.target, pairs[0], count=2, policy=ONCE)

    def call(client: Client, thread: int) -> int:
        answers = 0
        while not stop.is_set():
            assert ask(client, alone=thread % 2 == 0) is State.NOT_LISTED
            answers += 1
        return answers

    def stream(client: Client) -> int:
        def frames() -> Iterator[Frame]:
            while not stop.is_set():
                time.sleep(0.005)
                yield Frame(tokens=bytes(range(64)))

        asked = client.stream_verdicts(frames(), purpose=Purpose.SANCTIONS, channel=Channel.BATCH)
        return sum(answer.state(3) is State.NOT_LISTED for answer in asked)

    with (
        Client.over(connections, timeout_seconds=20.0, stream_retry=ONCE) as client,
        ThreadPoolExecutor(9) as pool,
    ):
        running = [pool.submit(call, client, thread) for thread in range(8)]
        running.append(pool.submit(stream, client))
        for turn in range(1, SWAPS + 1):
            time.sleep(0.05)
            used.append(connections.channels)
            connections.swap(dial_channels(hub.target, pairs[turn % 2], count=2))
        time.sleep(0.1)
        stop.set()
        answers = [done.result(30) for done in running]
        # What was left is closed, though nobody closed the client yet.
        await_true(lambda: all(channels.closed for channels in used))
        assert not connections.channels.closed
    assert min(answers) > SWAPS
    assert len({e.serial_hex for e in hub.entries() if e.caller_id.startswith("bank-")}) == 2


def test_swap_of_a_closed_client(hub: HubUnderTest, pairs: tuple[Credentials, Credentials]) -> None:
    """Channels that come after the end are closed at once."""
    connections = Connections.dial(hub.target, pairs[0], count=1, policy=ONCE)
    connections.close()
    channels = dial_channels(hub.target, pairs[1], count=1)
    connections.swap(channels)
    stub = AgreementServiceStub(channels[0])
    with pytest.raises(ValueError, match="closed"):
        stub.GetUsage(GetUsageRequest())
