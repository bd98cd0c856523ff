"""The SDK renews by itself, from two thirds of a certificate's life on (trust: T9)."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import repeat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from partner_sdk import (
    Client,
    Credentials,
    FailedPreconditionError,
    UnauthenticatedError,
    enroll,
    renew,
)
from partner_sdk.calls import Connections
from partner_sdk.clock import utc_now
from partner_sdk.enrolment import make_key
from partner_sdk.renewal import due_time
from partner_sdk.renewer import RenewalTiming, Renewer
from partner_sdk.retry import CALL_POLICY
from rongan_share.wire.reasons import Reason
from tests.e2e.test_enroll import string_for
from tests.support.clock import FakeClock, last_noon
from tests.support.hub import HubUnderTest, running_hub
from tests.support.pki import Minted
from tests.support.processes import free_port
from tests.walk.enrolling import minted
from tests.walk.enrolling import renew as renew_by_hand
from tests.walk.test_renewal import serial, states

AHEAD = timedelta(days=70)
DAY = timedelta(days=1)


@pytest.fixture(scope="module", name="hub")
def due_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub whose clock is set back while it enrols, so that what it gave is due by now."""
    clock = FakeClock(last_noon() - AHEAD)
    with running_hub(tmp_path_factory.mktemp("renew") / "home", clock) as running:
        clock.advance(AHEAD)
        yield running


def due(hub: HubUnderTest, folder: Path) -> Credentials:
    """Enrols a partner, named as the folder, whose certificate is due."""
    assert isinstance(hub.clock, FakeClock)
    string = string_for(hub, folder.name)
    hub.clock.advance(-AHEAD)
    try:
        return enroll(folder, hub.enrolment_target, string.format())
    finally:
        hub.clock.advance(AHEAD)


def pair_of(folder: Path) -> Minted:
    """Reads the pair in a folder."""
    return Minted((folder / "certificate.pem").read_bytes(), (folder / "key.pem").read_bytes())


def serial_of(folder: Path) -> str:
    """Reads the serial number of the certificate in a folder."""
    return f"{pair_of(folder).certificate.serial_number:x}"


def test_new_pair_takes_the_place(hub: HubUnderTest, tmp_path: Path) -> None:
    """After a renewal the new pair is in place and in use, and the one before is kept."""
    folder = tmp_path / "re-place"
    old = due(hub, folder)
    kept = serial_of(folder)
    new = renew(folder, hub.target)
    assert new == Credentials.from_directory(folder)
    assert new.expiry_time > old.expiry_time
    assert serial_of(folder / "previous") == kept
    assert (folder / "previous/key.pem").stat().st_mode & 0o777 == 0o600
    assert states(hub, "re-place") == {kept: "RETIRING", serial_of(folder): "ACTIVE"}
    assert not (folder / "next").exists()
    with Client(hub.target, old, renew=False) as client:
        client.usage()


def test_not_due(hub: HubUnderTest, tmp_path: Path) -> None:
    """Sooner the hub refuses and says from when on; nothing is left of the attempt."""
    enroll(tmp_path, hub.enrolment_target, string_for(hub, "re-soon").format())
    with pytest.raises(FailedPreconditionError) as caught:
        renew(tmp_path, hub.target)
    assert caught.value.reason is Reason.RENEWAL_NOT_DUE
    told = datetime.fromisoformat(caught.value.metadata["dueTime"])
    assert abs(told - due_time(Credentials.from_directory(tmp_path))) < timedelta(seconds=1)
    assert not (tmp_path / "next").exists()


def test_goes_on_after_a_break(hub: HubUnderTest, tmp_path: Path) -> None:
    """Cut before it heard, it gets the same certificate; cut before it moved, it moves it."""
    folder = tmp_path / "re-cut"
    due(hub, folder)
    (folder / "next").mkdir()
    key = folder / "next/key.pem"
    key.touch(mode=0o600)
    key.write_bytes(make_key())
    loaded = load_pem_private_key(key.read_bytes(), password=None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    lost = renew_by_hand(hub.connect(pair_of(folder)), loaded)
    shutil.copytree(folder, tmp_path / "asked")
    renew(folder, hub.target)
    assert serial_of(folder) == serial(lost)
    # And where the certificate had come already, nobody is asked for it again.
    folder = tmp_path / "asked"
    answered = minted(lost, loaded)
    (folder / "next/certificate.pem").write_bytes(answered.certificate_chain_pem)
    size = len(hub.entries())
    renew(folder, hub.target)
    assert serial_of(folder) == serial(lost)
    assert not [each for each in hub.entries()[size:] if each.kind == "ISSUANCE"]


def test_next_that_was_revoked_is_dropped(hub: HubUnderTest, tmp_path: Path) -> None:
    """A pair that the hub does not let in never takes the place of one that it does."""
    folder = tmp_path / "re-gone"
    due(hub, folder)
    old = serial_of(folder)
    (folder / "next").mkdir()
    spare = hub.pki.partner("re-gone")
    (folder / "next/certificate.pem").write_bytes(spare.certificate_chain_pem)
    (folder / "next/key.pem").touch(mode=0o600)
    (folder / "next/key.pem").write_bytes(spare.key_pem)
    with pytest.raises(UnauthenticatedError):
        renew(folder, hub.target)
    assert serial_of(folder) == old
    renew(folder, hub.target)
    assert states(hub, "re-gone")[serial_of(folder)] == "ACTIVE"


def test_client_renews_by_itself(hub: HubUnderTest, tmp_path: Path) -> None:
    """A client that lives but a moment renews what is due, and a switched-off one does not."""
    folder = tmp_path / "re-self"
    credentials = due(hub, folder)
    old = serial_of(folder)
    with Client(hub.target, credentials, renew=False) as client:
        client.usage()
    assert serial_of(folder) == old
    with Client(hub.target, credentials) as client:
        client.usage()
    assert serial_of(folder) != old
    assert states(hub, "re-self")[serial_of(folder)] == "ACTIVE"


def renewer_of(hub: HubUnderTest, credentials: Credentials, now: datetime) -> Renewer:
    """Makes a renewer without a thread, and a clock that stands."""
    connections = Connections.dial(hub.target, credentials, count=1, policy=CALL_POLICY)
    timing = RenewalTiming(now=lambda: now, random=lambda: 0.0)
    return Renewer(connections, credentials, hub.target, count=1, timing=timing)


def test_processes_renew_once(hub: HubUnderTest, tmp_path: Path) -> None:
    """Six that share a directory get one certificate among them, and all go on with it."""
    folder = tmp_path / "re-many"
    credentials = due(hub, folder)
    renewers = [renewer_of(hub, credentials, utc_now()) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        waits = list(pool.map(Renewer.step, renewers))
    assert len(states(hub, "re-many")) == 2
    # Who found another at it comes back soon.
    assert {wait for wait in waits if wait <= 30} | {1800.0} >= set(waits)
    for renewer in renewers:
        renewer.step()
        assert renewer._used == Credentials.from_directory(folder)
        renewer._connections.close()


def test_spread(hub: HubUnderTest, tmp_path: Path) -> None:
    """What is due is renewed at a time of each client's own, within three days of ninety."""
    credentials = due(hub, tmp_path / "re-spread")
    moments = []
    for share in (0.0, 0.999):
        connections = Connections.dial(hub.target, credentials, count=1, policy=CALL_POLICY)
        timing = RenewalTiming(random=repeat(share).__next__)
        renewer = Renewer(connections, credentials, hub.target, count=1, timing=timing)
        moments.append(renewer._due())
        connections.close()
    assert moments[0] == due_time(credentials)
    assert timedelta(days=2.9) < moments[1] - moments[0] < timedelta(days=3.1)


def test_alarms(hub: HubUnderTest, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A renewal that does not work is told at 30, 14, 7 and 1 days left, once each."""
    credentials = due(hub, tmp_path / "re-alarm")
    moment = [utc_now()]
    connections = Connections.dial(hub.target, credentials, count=1, policy=CALL_POLICY)
    renewer = Renewer(
        connections,
        credentials,
        f"localhost:{free_port()}",
        count=1,
        timing=RenewalTiming(now=lambda: moment[0], random=lambda: 0.0),
    )
    renewer._roots_due += 99 * DAY
    told = []
    for left in (29.9, 28.0, 13.5, 6.5, 0.5):
        moment[0] = credentials.expiry_time - left * DAY
        caplog.clear()
        renewer.step()
        told += [(left, each.levelno) for each in caplog.records if "ends in" in each.message]
    assert told == [
        (29.9, logging.WARNING),
        (13.5, logging.WARNING),
        (6.5, logging.ERROR),
        (0.5, logging.ERROR),
    ]
    moment[0] = credentials.expiry_time + DAY
    renewer.step()
    assert "has expired" in caplog.text
    assert "PRIVATE" not in caplog.text
    connections.close()
