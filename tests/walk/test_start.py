"""A hub that may not serve says why in one line, and leaves no thread and no lock behind."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from rongan_share.cli.founding import Plan, found_hub
from rongan_share.config import load_settings
from rongan_share.errors import RonganError, StartRefusedError
from rongan_share.ledger.environment import Ledger, Table, Transaction
from rongan_share.processes.hub import Hub
from rongan_share.wire.reasons import Reason
from tests.support.clock import FakeClock
from tests.support.hub import running_hub
from tests.support.pki import TRUST_DOMAIN, encode_key
from tests.support.processes import run_hub_command
from tests.walk.asking import Row, contribute, fresh

OWN_THREADS = {
    "followers",
    "follower",
    "tidier",
    "committer",
    "refusals",
    "sweeper",
    "keeper",
}

Spoil = Callable[[Path], None]


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a hub that holds a contribution."""
    home = tmp_path_factory.mktemp("founded") / "home"
    found_hub(home, Plan(trust_domain=TRUST_DOMAIN, address="127.0.0.1:0"), FakeClock())
    with running_hub(home) as hub:
        contribute(hub.partner("s-source"), [Row(token=fresh())])
    return home


@pytest.fixture
def home(founded: Path, tmp_path: Path) -> Path:
    """A home of its own for each test, to be spoiled."""
    return Path(shutil.copytree(founded, tmp_path / "home"))


def serve(home: Path) -> None:
    """Serves for a moment."""
    with Hub(load_settings(home), clock=FakeClock()):
        pass


def own_threads() -> list[str]:
    """Lists the threads that a hub owns."""
    return [thread.name for thread in threading.enumerate() if thread.name in OWN_THREADS]


def set_value(name: str, value: str) -> Spoil:
    """Puts another value into the configuration."""

    def spoil(home: Path) -> None:
        path = home / "hub.toml"
        text, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", path.read_text())
        assert count == 1
        path.write_text(text)

    return spoil


def limit_streams(home: Path) -> None:
    """Allows fewer streams than none."""
    path = home / "hub.toml"
    text = re.sub(r"(?m)^max_streams.*\n", "", path.read_text())
    path.write_text(text.replace("[listen]\n", "[listen]\nmax_streams = -1\n"))


def other_hub_key(home: Path) -> None:
    """Puts another good key in the place of the hub key."""
    (load_settings(home).keys.hub_keys / "hub-1.key").write_text("5a" * 32 + "\n")


def other_epoch_key(home: Path) -> None:
    """Puts another good key in the place of the epoch's."""
    (load_settings(home).keys.epoch_keys / "epoch-1.key").write_text("5a" * 32 + "\n")


def rsa_listener(home: Path) -> None:
    """Gives the listener an RSA key, with which TLS 1.2 would come in."""
    key = rsa.generate_private_key(65_537, 2_048)
    load_settings(home).tls.private_key.write_bytes(encode_key(key))


def open_hub_key(home: Path) -> None:
    """Lets everybody read the hub key."""
    (load_settings(home).keys.hub_keys / "hub-1.key").chmod(0o644)


def open_listener_key(home: Path) -> None:
    """Lets everybody read the listener's key."""
    load_settings(home).tls.private_key.chmod(0o644)


REFUSED: dict[str, tuple[Spoil, str]] = {
    "hub_keys elsewhere": (set_value("hub_keys", '"pki"'), r"hub-1\.key cannot be read as a key"),
    "hub_keys inside the data": (set_value("hub_keys", '"data"'), r"lies inside the data dir"),
    "max_streams -1": (limit_streams, r"max_streams"),
    "wrong hub key": (other_hub_key, r"is not key 1 of this store"),
    "wrong epoch key": (other_epoch_key, r"epoch-1\.key is not the key of this epoch"),
    "RSA listener key": (rsa_listener, r"is no elliptic-curve key"),
    "hub key of mode 0644": (open_hub_key, r"may be read by others; set its mode to 0600"),
    "listener key of mode 0644": (open_listener_key, r"may be read by others; set its mode"),
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_start_is_refused(home: Path, case: str) -> None:
    """What would make a hub answer wrongly or unsafely refuses its start, and nothing stays."""
    spoil, fault = REFUSED[case]
    spoil(home)
    with pytest.raises(StartRefusedError, match=fault) as refused:
        serve(home)
    assert "\n" not in str(refused.value)
    assert "5a5a" not in str(refused.value)
    assert own_threads() == []
    Ledger(home / "data").close()


@pytest.mark.parametrize("case", ["hub_keys elsewhere", "max_streams -1", "wrong hub key"])
def test_command_says_it_in_one_line(home: Path, case: str) -> None:
    """The operators' command ends with 1 and one line that names the fault."""
    spoil, fault = REFUSED[case]
    spoil(home)
    done = run_hub_command(home, "serve")
    assert (done.code, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1
    assert re.search(fault, done.err)


def flip(txn: Transaction, table: Table, key: bytes) -> None:
    """Flips a bit of a stored value, past its seal."""
    database = txn._databases[table]
    found = txn._txn.get(key, db=database)
    assert found is not None
    value = bytearray(found)
    value[len(value) // 2] ^= 1
    txn._txn.put(key, bytes(value), db=database)


def flip_journal(txn: Transaction) -> None:
    """Damages the frame that was contributed."""
    flip(txn, Table.JOURNAL, (1).to_bytes(8, "big"))


def flip_log(txn: Transaction) -> None:
    """Damages what the next entry is written after, such as the note of the start."""
    flip(txn, Table.META, b"frontier")


@pytest.mark.parametrize("damage", [flip_journal, flip_log], ids=["journal", "log"])
def test_failed_start_leaves_nothing(home: Path, damage: Callable[[Transaction], None]) -> None:
    """A hub whose start fails half-way ends the threads it began and lets its store go."""
    with Ledger(home / "data") as ledger, ledger.write() as txn:
        damage(txn)
    hub = Hub(load_settings(home), clock=FakeClock())
    with pytest.raises(RonganError) as failed:
        hub.start()
    assert failed.value.reason is Reason.STORE_CORRUPT
    assert own_threads() == []
    Ledger(home / "data").close()


def test_stopped_hub_leaves_nothing(home: Path) -> None:
    """A hub that served and stopped leaves none of its threads, and another may take the store."""
    for _ in range(2):
        with Hub(load_settings(home), clock=FakeClock()):
            assert set(own_threads()) == OWN_THREADS
        assert own_threads() == []
