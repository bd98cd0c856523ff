"""Changes of the hub key by a test, and what stands under which key in a store."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from rongan_share.columns import followers
from rongan_share.ledger.cipher import write_key
from rongan_share.ledger.environment import Table, Transaction
from rongan_share.ledger.hub_keys import HubKeys
from rongan_share.ledger.values import HEADER_BYTES, glance
from rongan_share.processes import keeper
from rongan_share.processes.rekeying import Rekeying
from rongan_share.v1 import operator_service_pb2 as pb
from tests.support.freezing import sets_of
from tests.support.hub import HubUnderTest, Stubs
from tests.walk.asking import LISTED, NOT_LISTED, Row, check, contribute, fresh, stream

NONE, BUILDING, REWRITING, REWRITTEN = 1, 2, 3, 4
PATIENCE = 20.0


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keeper looks more often, and sets that are left are not followed for long."""
    monkeypatch.setattr(keeper, "REKEY_SECONDS", 0.05)
    monkeypatch.setattr(followers, "KEPT_SECONDS", 0.3)
    monkeypatch.setattr(followers, "LOOK_SECONDS", 0.05)


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keeper leaves a change alone: whoever tests takes it further."""
    monkeypatch.setattr(keeper, "REKEY_SECONDS", 3_600.0)
    monkeypatch.setattr(followers, "KEPT_SECONDS", 0.1)
    monkeypatch.setattr(followers, "LOOK_SECONDS", 0.05)


def chore(hub: HubUnderTest) -> Rekeying:
    """Makes the keeper's chore."""
    hub_keys = HubKeys.of(hub.settings, hub.hub.ledger)
    data = hub.settings.data_directory
    return Rekeying(hub.hub.ledger, hub_keys, sets_of(hub), data_directory=data, clock=hub.clock)


def take_to(hub: HubUnderTest, phase: int) -> None:
    """Does the chore until a change has come to a phase."""
    done = chore(hub)

    def there() -> bool:
        if rekey(hub).phase < phase:
            done.round(Event())
        return rekey(hub).phase >= phase

    until(there)


def hub_key_path(hub: HubUnderTest, key_id: int) -> Path:
    """The file of a hub key."""
    return hub.settings.keys.hub_keys / f"hub-{key_id}.key"


def make_key(hub: HubUnderTest, key_id: int) -> bytes:
    """Writes a hub key; returns what it is known by."""
    key = hashlib.sha256(b"hub key %d" % key_id).digest()
    if not hub_key_path(hub, key_id).exists():
        write_key(hub_key_path(hub, key_id), key)
    return hashlib.sha256(key).digest()


def start(hub: HubUnderTest, key_id: int = 2) -> pb.Rekey:
    """Begins to change the hub key."""
    request = pb.StartRekeyRequest(key_id=key_id, key_digest=make_key(hub, key_id))
    return hub.alice.operators.StartRekey(request).rekey


def rekey(hub: HubUnderTest) -> pb.Rekey:
    """Asks how far the change is."""
    return hub.alice.operators.GetRekey(pb.GetRekeyRequest()).rekey


def finish(hub: HubUnderTest, key_id: int = 2) -> pb.Rekey:
    """Ends the change."""
    return hub.alice.operators.FinishRekey(pb.FinishRekeyRequest(key_id=key_id)).rekey


def until(done: Callable[[], bool]) -> None:
    """Waits until something has happened."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def await_phase(hub: HubUnderTest, phase: int) -> None:
    """Waits until the change has come to a phase."""
    until(lambda: rekey(hub).phase >= phase)


def key_ids(txn: Transaction) -> set[int]:
    """Returns which keys journal values and parts of imports stand under."""
    return {
        glance(head).key_id
        for table in (Table.JOURNAL, Table.PARTS)
        for _, head, _ in txn.heads(table, b"", HEADER_BYTES)
    }


class Asker:
    """Contributes and asks without a pause; counts what is answered wrongly or not at all."""

    def __init__(self, partner: Stubs, listed: list[Row]) -> None:
        self._partner = partner
        self.listed = listed
        self.faults: list[str] = []
        self.count = 0

    def run(self, stopping: Event) -> None:
        """Goes on until it is told to stop."""
        while not stopping.is_set():
            try:
                self._once()
            except Exception as error:  # noqa: BLE001 - a call that failed is what is counted
                self.faults.append(repr(error))
                return

    def _once(self) -> None:
        row = Row(token=fresh(), reference=fresh())
        contribute(self._partner, [row])
        self.listed.append(row)
        for known in (row, self.listed[self.count % len(self.listed)]):
            if check(self._partner, known.token).state != LISTED:
                self.faults.append(f"lost {known.token.hex()} at {self.count}")
        tokens = b"".join(known.token for known in self.listed)
        found = len(stream(self._partner, tokens)[0].listed_index) // 4
        if found != len(self.listed):
            self.faults.append(f"{len(self.listed) - found} lost of a frame at {self.count}")
        if check(self._partner, fresh()).state != NOT_LISTED:
            self.faults.append("something that nobody contributed is listed")
        self.count += 1


@contextmanager
def asked(partner: Stubs, listed: list[Row]) -> Iterator[Asker]:
    """Asks a hub all the while; nothing may fail."""
    asker, stopping = Asker(partner, listed), Event()
    thread = Thread(target=asker.run, args=(stopping,))
    thread.start()
    try:
        yield asker
    finally:
        stopping.set()
        thread.join()
    assert asker.faults == []
