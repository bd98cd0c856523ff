"""A hub of several processes: one hub to its log, its port and its store; what dies comes back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from rongan_share.audit.entry import Entry
from rongan_share.v1.agreement_service_pb2 import GetTokenEpochRequest
from rongan_share.v1.contribution_service_pb2 import ContributeOpen, ContributeRequest
from rongan_share.v1.operator_service_pb2 import GetHubStatusRequest
from rongan_share.v1.vocabulary_pb2 import Suite
from tests.crash.traffic import rows_of
from tests.support.books import fault_of_log, read_books
from tests.support.hub import Stubs
from tests.support.kernel import listeners_on, lives
from tests.support.processes import HubProcess, hub_process, run_hub_command
from tests.walk.enrolling import REFUSED, enroll, minted, new_key, secret_for, told

WORKERS = 2
STREAM = bytes(range(16))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """One hub of two workers, of which these tests kill this and that."""
    with hub_process(tmp_path_factory.mktemp("workers") / "home", WORKERS) as running:
        yield running


def notes(hub: HubProcess) -> list[Entry]:
    """Lists what the hub noted of itself."""
    return [entry for entry in hub.entries() if entry.kind == "HUB"]


def verify_answers(hub: HubProcess) -> None:
    """Fails unless every new connection is answered, whichever worker takes it."""
    for _ in range(8):
        hub.operator("alice").operators.GetHubStatus(GetHubStatusRequest(), timeout=5)


def test_one_hub(hub: HubProcess) -> None:
    """Workers share one port, and their start stands in the log once."""
    assert sorted(hub.children()) == ["keeper-1", "signer-1", "worker-1", "worker-2"]
    assert listeners_on(hub.port) == WORKERS
    assert [note.method for note in notes(hub)] == ["hub/init", "hub/start"]
    assert notes(hub)[-1].facts["workers"] == "2"
    verify_answers(hub)


def test_workers_enrol_together(hub: HubProcess) -> None:
    """All workers enrol on one port of its own, and a secret gets one certificate from them all."""
    assert listeners_on(hub.enrolment_port) == WORKERS
    hub.create_partner("enrols")
    hub.agree("enrols")
    secret, key = secret_for(hub, "enrols"), new_key()
    answers = [enroll(hub, "enrols", secret, key=key) for _ in range(6)]
    assert len({tuple(answer.chain_der) for answer in answers}) == 1
    assert told(lambda: enroll(hub, "enrols", secret, key=new_key())) == REFUSED
    caller = hub.connect(minted(answers[0], key))
    assert caller.agreements.GetTokenEpoch(GetTokenEpochRequest(), timeout=5).key


def test_second_hub_is_refused(hub: HubProcess, tmp_path: Path) -> None:
    """Neither the store nor the port of workers can be taken by another hub."""
    second = run_hub_command(hub.home, "serve", "--workers", "2")
    assert (second.code, second.out) == (1, "")
    assert "another hub holds" in second.err
    words = ("--trust-domain", "rongan.test", "--address", f"127.0.0.1:{hub.port}")
    assert run_hub_command(tmp_path / "home", "init", *words).code == 0
    other = run_hub_command(tmp_path / "home", "serve")
    assert (other.code, other.out) == (1, "")
    assert f"cannot listen on 127.0.0.1:{hub.port}; is another hub there?" in other.err
    assert listeners_on(hub.port) == WORKERS


@pytest.mark.parametrize("name", ["worker-2", "keeper-1", "signer-1"])
def test_killed_process_comes_back(hub: HubProcess, name: str) -> None:
    """A killed process is started again beside the others, which go on, and it is entered."""
    before = hub.children()
    hub.await_child(name, hub.kill_child(name))
    after = hub.children()
    assert after.keys() == before.keys()
    assert {each for each in before if before[each] != after[each]} == {name}
    verify_answers(hub)
    last = notes(hub)[-1]
    assert last.method == f"hub/{name.partition('-')[0]}_restarted"
    assert last.facts == {"process": name, "ended": "signal 9"}


def test_supervisor_killed(hub: HubProcess) -> None:
    """All processes end with their supervisor, and the next hub starts at once in its place."""
    children = hub.children()
    hub.kill_supervisor()
    hub.revive()
    assert not any(map(lives, children.values()))
    verify_answers(hub)
    assert notes(hub)[-1].method == "hub/start"


def test_stopped_in_order(hub: HubProcess) -> None:
    """A stop ends every process with 0 and stands in the log once, as its last entry."""
    stops = [note.method for note in notes(hub)].count("hub/stop")
    children = hub.children()
    hub.stop()
    assert not any(map(lives, children.values()))
    assert [note.method for note in notes(hub)].count("hub/stop") == stops + 1
    last = hub.entries()[-1]
    assert (last.method, last.facts) == ("hub/stop", {})
    assert fault_of_log(hub) is None
    assert "Traceback" not in hub.said()


def test_stopped_while_starting(hub: HubProcess) -> None:
    """A hub that is told to stop before it serves ends in order and notes nothing of itself."""
    hub.stop()
    size = len(hub.entries())
    launched = hub.launch()
    while not hub.children():
        assert launched.poll() is None
    hub.stop()
    assert len(hub.entries()) == size


def test_dying_again_and_again_ends_the_hub(tmp_path: Path) -> None:
    """A worker that dies three times in a row before it served for long takes the hub with it."""
    with hub_process(tmp_path / "home") as hub:
        for _ in range(2):
            hub.await_child("worker-1", hub.kill_child("worker-1"))
        hub.kill_child("worker-1")
        assert hub.await_end() == 1
        text = "the hub stopped: worker-1 died 3 times: signal 9"
        assert text in hub.said()
        assert notes(hub)[-1].facts == {"cause": text.partition(": ")[2]}
        hub.start()


def test_refused_restart_ends_the_hub(tmp_path: Path) -> None:
    """A worker that may not serve is not tried again: the hub stops and says why."""
    with hub_process(tmp_path / "home") as hub:
        key = hub.settings.keys.hub_keys / "hub-1.key"
        key.chmod(0o644)
        hub.kill_child("worker-1")
        assert hub.await_end() == 1
        assert "may be read by others" in hub.said()
        assert [note.method for note in notes(hub)][-2:] == ["hub/start", "hub/stop"]


def test_number_of_workers_is_checked(tmp_path: Path) -> None:
    """No worker, or more than any machine has use for, is refused wherever it is asked for."""
    home = tmp_path / "home"
    assert run_hub_command(home, "init", "--trust-domain", "rongan.test").code == 0
    asked = run_hub_command(home, "serve", "--workers", "0")
    assert (asked.code, asked.out) == (2, "")
    file = home / "hub.toml"
    text = file.read_text()
    assert "workers = 1\n" in text
    file.write_text(text.replace("workers = 1\n", "workers = 65\n"))
    told = run_hub_command(home, "serve")
    assert (told.code, told.out) == (1, "")
    assert "workers" in told.err


def test_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """While a stop waits for a call, a second signal ends every process, and nothing is torn."""
    with hub_process(tmp_path / "home", WORKERS) as hub:
        hub.credentials("bank-a")
        partner = hub.connect(hub.rejoin(tmp_path / "bank-a"))
        health = health_of(partner).Watch(HealthCheckRequest(), timeout=60)
        assert next(health).status == HealthCheckResponse.SERVING
        sent: SimpleQueue[ContributeRequest] = SimpleQueue()
        sent.put(ContributeRequest(open=opening(partner)))
        sent.put(ContributeRequest(frame=rows_of(STREAM, 1)))
        stream = partner.contributions.Contribute(iter(sent.get, None), timeout=60)
        acknowledged = next(stream)
        assert hub.process is not None
        hub.process.terminate()
        assert next(health).status == HealthCheckResponse.NOT_SERVING
        hub.process.terminate()
        assert hub.await_end() == -signal.SIGTERM
        hub.await_family()
        with pytest.raises(grpc.RpcError):
            next(stream)
        assert fault_of_log(hub) is None
        assert read_books(hub).list_sequence == acknowledged.sequence == 1


def health_of(caller: Stubs) -> Any:  # noqa: ANN401  its published types name no method
    """Asks over the channel of a caller."""
    return health_pb2_grpc.HealthStub(caller.channel)


def opening(partner: Stubs) -> ContributeOpen:
    """Opens a stream of contributions."""
    epoch = partner.agreements.GetTokenEpoch(GetTokenEpochRequest(), timeout=5).epoch
    return ContributeOpen(stream_id=STREAM, suite=Suite.SUITE_HMAC_SHA256, epoch=epoch)
