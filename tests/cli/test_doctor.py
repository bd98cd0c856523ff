"""``rongan-hub doctor`` names what is wrong with a home, a running hub, or a certificate."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.ca import Hierarchy
from rongan_share.cli.commands import run
from rongan_share.cli.doctor.texts import DOCTOR
from rongan_share.cli.founding import Plan, found_hub
from rongan_share.clock import SystemClock
from rongan_share.config import load_settings
from rongan_share.ledger.environment import Ledger, Table
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.days import shanghai_day
from tests.support.hub import HubUnderTest
from tests.support.pki import TRUST_DOMAIN, Minted, TestPki, encode_key
from tests.support.processes import hub_process
from tests.support.tls_server import context_for, tls_server

Found = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home without fault."""
    home = tmp_path_factory.mktemp("doctor") / "home"
    found_hub(home, Plan(trust_domain=TRUST_DOMAIN, address="127.0.0.1:0"), SystemClock())
    return home


@pytest.fixture
def home(founded: Path, tmp_path: Path) -> Path:
    """A home of its own, to be spoiled."""
    return Path(shutil.copytree(founded, tmp_path / "home"))


def examined(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> tuple[int, Found]:
    """Runs the command; returns its code and what it found, by check."""
    code = run(["--home", str(home), "--json", *words])
    told = json.loads(capsys.readouterr().out)
    assert told["fit"] == (code == 0)
    found: Found = {}
    for each in told["checks"]:
        assert (each["state"] == "ok") == (not each["remedy"])
        found.setdefault(each["check"], []).append(each)
    return code, found


def failures(found: Found) -> list[str]:
    """Names the checks that failed."""
    return [name for name, all_ in found.items() if any(each["state"] == "failed" for each in all_)]


def test_home_without_fault(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new home is fit, but for the root key that lies beside it; all of its dates are told."""
    code, found = examined(capsys, home, "doctor")
    assert (code, failures(found)) == (0, [])
    warned = [name for name, all_ in found.items() if any(e["state"] == "warning" for e in all_)]
    assert warned == ["root_key"]
    names = " ".join(each["text"] for each in found["dates"])
    for subject in ("root", "hub CA", "client CA", "rongan-share hub,", "alice", "bob"):
        assert subject in names


def other_hub_key(home: Path) -> None:
    """Puts another key in the hub key's place."""
    (load_settings(home).keys.hub_keys / "hub-1.key").write_text("5a" * 32 + "\n")


def other_epoch_key(home: Path) -> None:
    """Puts another key in the epoch's place."""
    (load_settings(home).keys.epoch_keys / "epoch-1.key").write_text("5a" * 32 + "\n")


def open_key(home: Path) -> None:
    """Lets others read an operator's key."""
    (home / "operators" / "bob" / "key.pem").chmod(0o640)


def open_folder(home: Path) -> None:
    """Lets others write into the folder of keys."""
    (home / "keys").chmod(0o777)


def rsa_listener(home: Path) -> None:
    """Gives the listener an RSA key."""
    key = rsa.generate_private_key(65_537, 2_048)
    load_settings(home).tls.private_key.write_bytes(encode_key(key))


def expired_operator(home: Path) -> None:
    """Puts a certificate that ended in an operator's place."""
    minted = pki_of(home).expired("alice")
    (home / "operators" / "alice" / "certificate.pem").write_bytes(minted.certificate_chain_pem)


def other_root(home: Path) -> None:
    """Puts another root where partners get theirs from."""
    pki = pki_of(home)
    pki.hierarchy.hub_roots.write_bytes(pki.client_roots_pem)


def other_issuer(home: Path) -> None:
    """Trusts another authority than the one that signs."""
    roots = load_settings(home).tls.client_roots
    roots.write_bytes(pki_of(home).next_clients().client_authority_pem)


def no_store(home: Path) -> None:
    """Takes the store away."""
    shutil.rmtree(home / "data")


def damaged_store(home: Path) -> None:
    """Flips a bit of the registry."""
    with Ledger(home / "data") as ledger, ledger.write() as txn:
        database = txn._databases[Table.OBJECTS]
        cursor = txn._txn.cursor(db=database)
        assert cursor.first()
        value = bytearray(cursor.value())
        value[0] ^= 1
        txn._txn.put(bytes(cursor.key()), bytes(value), db=database)


def set_back(home: Path) -> None:
    """Sets the hub's clock back behind its own log."""
    path = home / "hub.toml"
    path.write_text(path.read_text().replace("offset_seconds = 0", "offset_seconds = -3600"))


def no_configuration(home: Path) -> None:
    """Breaks the configuration."""
    (home / "hub.toml").write_text("trust_domain = 1\n")


SPOILT: dict[Callable[[Path], None], set[str]] = {
    other_hub_key: {"hub_key"},
    other_epoch_key: {"epoch_keys"},
    open_key: {"key_modes"},
    open_folder: {"folders"},
    rsa_listener: {"listener_files"},
    expired_operator: {"dates"},
    other_root: {"authorities"},
    other_issuer: {"authorities"},
    no_store: {"folders", "store"},
    damaged_store: {"store"},
    set_back: {"clock"},
    no_configuration: {"configuration"},
}


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda each: each.__name__)
def test_fault_is_named(
    home: Path, spoil: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each fault fails the check that is about it, and no other, and says what to do."""
    spoil(home)
    code, found = examined(capsys, home, "doctor")
    assert code == 1
    assert set(failures(found)) == SPOILT[spoil]


@contextmanager
def stranger() -> Iterator[int]:
    """Listens at a port, speaks no TLS, and ends two connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def take() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                connection.close()

        taking = threading.Thread(target=take)
        taking.start()
        yield server.getsockname()[1]
        taking.join()


def test_port_of_somebody_else(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who listens at the hub's port without being the hub is named. trust: P14."""
    with stranger() as port:
        _, found = examined(capsys, home, "--hub", f"127.0.0.1:{port}", "doctor")
    assert failures(found) == ["handshake"]
    assert Path("/proc/self/comm").read_text().strip() in found["port"][0]["text"]
    code, found = examined(capsys, home, "--hub", f"127.0.0.1:{port}", "doctor")
    assert code == 0
    assert "does not run" in found["port"][0]["text"]


def test_certificate_of_another_host(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hub whose certificate does not bear the host that is dialled is not called well."""
    minted = pki_of(home).next_hub(hosts=("hub.example", "192.0.2.10"))
    with tls_server(context_for(tmp_path, minted)) as server:
        for host in ("localhost", "127.0.0.1"):
            code, found = examined(capsys, home, "--hub", f"{host}:{server.port}", "doctor")
            assert (code, failures(found)) == (1, ["handshake"])
            [told] = found["handshake"]
            assert f"does not bear {host}, but hub.example, 192.0.2.10" in told["text"]
            assert (
                f"cert rotate --hub-name hub.example --hub-name 192.0.2.10 --hub-name {host}"
                in (told["remedy"])
            )


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub that runs."""
    # In a process of its own: no process may open a store twice.
    with hub_process(tmp_path_factory.mktemp("doctor") / "home") as running:
        yield running


def test_running_hub(hub: HubUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
    """A real handshake, health and the listener's files are looked at; an unfit file is told."""
    words = ("--as", "alice", "--hub", hub.target, "doctor")
    code, found = examined(capsys, hub.home, *words)
    assert code == 0
    assert "TLSv1.3" in found["handshake"][0]["text"]
    assert {"serving", "taken_up", "port"} <= set(found)
    key = hub.settings.tls.private_key
    key.chmod(0o644)
    try:
        code, found = examined(capsys, hub.home, *words)
        assert "taken_up" in failures(found)
    finally:
        key.chmod(0o600)
    tls, good = hub.settings.tls, hub.pki.hub
    other = hub.pki.next_hub()
    tls.certificate_chain.write_bytes(other.certificate_chain_pem)
    try:
        _, found = examined(capsys, hub.home, *words)
        assert found["handshake"][0]["state"] == "warning"
    finally:
        tls.certificate_chain.write_bytes(good.certificate_chain_pem)


def pki_of(home: Path) -> TestPki:
    """Mints below the authorities of a home."""
    return TestPki(Hierarchy(home), now=SystemClock().now())


def explained(
    capsys: pytest.CaptureFixture[str], hub: HubUnderTest, minted: Minted, *words: str
) -> tuple[int, list[str]]:
    """Asks what the hub would say; returns the code and the texts of what failed."""
    path = hub.home.parent / "asked.pem"
    path.write_bytes(minted.certificate_chain_pem)
    code, found = examined(capsys, hub.home, "doctor", "--certificate", str(path), *words)
    return code, [each["text"] for all_ in found.values() for each in all_ if each["state"] != "ok"]


REFUSED: dict[str, tuple[Callable[[TestPki], Minted], str]] = {
    "other authority": (lambda pki: pki.signed_by_root("d-good"), "not among the client roots"),
    "stranger of the same name": (
        lambda pki: pki.other_authority_same_name("d-good"),
        "another authority of the name",
    ),
    "expired": (lambda pki: pki.expired("d-good"), "expired on"),
    "future": (lambda pki: pki.future("d-good"), "valid only from"),
    "server": (lambda pki: pki.server_usage_only("d-good"), "may not be used by a client"),
    "Ed25519": (
        lambda pki: pki.with_key("d-good", ed25519.Ed25519PrivateKey.generate()),
        "none that the listener can verify",
    ),
    "below an authority that may have none": (
        lambda pki: pki.path_length_broken("d-good"),
        "CERTIFICATE_NOT_REGISTERED",
    ),
    "signed by a leaf": (lambda pki: pki.leaf_signed("d-good"), "not among the client roots"),
    "thirty years": (lambda pki: pki.lifetime_over_policy("d-good"), "IDENTITY_UNREADABLE"),
    "two names": (lambda pki: pki.two_uri_names("d-good", "d-other"), "exactly one URI name"),
    "unknown partner": (lambda pki: pki.partner("d-nobody"), "CALLER_UNKNOWN"),
    "not registered": (lambda pki: pki.partner("d-good"), "CERTIFICATE_NOT_REGISTERED"),
}


def test_certificates_that_are_refused(
    hub: HubUnderTest, capsys: pytest.CaptureFixture[str]
) -> None:
    """Why a certificate is refused is told without any call of its holder. trust: D2."""
    hub.partner("d-good")
    for name, (mint, said) in REFUSED.items():
        code, texts = explained(capsys, hub, mint(hub.pki))
        assert code == 1, name
        assert len(texts) == 1, name
        assert said in texts[0], name


def test_certificate_through_its_life(
    hub: HubUnderTest, capsys: pytest.CaptureFixture[str]
) -> None:
    """A good certificate, its partner suspended, its agreement over, its end, its revocation."""
    hub.create_partner("d-life")
    minted = hub.pki.partner("d-life")
    hub.register(minted)
    assert explained(capsys, hub, minted)[1] == [
        "PERMISSION_DENIED NO_AGREEMENT: " + en("NO_AGREEMENT") + " (ACTIVE)"
    ]
    today = shanghai_day(hub.clock.now())
    hub.agree("d-life", end_day=today + 10)
    assert explained(capsys, hub, minted) == (0, [])
    later = (hub.clock.now() + timedelta(days=20)).date().isoformat()
    assert "AGREEMENT_EXPIRED" in explained(capsys, hub, minted, "--at", later)[1][0]
    last = minted.certificate.not_valid_after_utc + timedelta(days=1)
    assert "expired on" in explained(capsys, hub, minted, "--at", last.isoformat())[1][0]
    hub.alice.operators.SuspendPartner(
        operator_pb.SuspendPartnerRequest(partner_id="d-life", reason="audit")
    )
    assert "PARTNER_SUSPENDED" in explained(capsys, hub, minted)[1][0]
    serial = f"{minted.certificate.serial_number:x}"
    hub.alice.operators.RevokeCertificate(
        operator_pb.RevokeCertificateRequest(serial_hex=serial, reason="lost")
    )
    (text,) = explained(capsys, hub, minted)[1]
    assert text.startswith("UNAUTHENTICATED CERTIFICATE_REVOKED")
    assert text.endswith("(REVOKED: lost)")
    assert minted.certificate.public_bytes(Encoding.PEM)


def en(reason: str) -> str:
    """Gives the English text of a refusal."""
    return DOCTOR[f"doctor.refused.{reason}"][0]


def test_command_without_json(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """People get one line for each check, in their language, and usage errors end with 2."""
    assert run(["--home", str(home), "doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("ok ", "warning ")) for line in lines)
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert run(["--home", str(home), "doctor"]) == 0
    assert all(line.startswith(("正常", "注意")) for line in capsys.readouterr().out.splitlines())
    assert run(["--home", str(home), "doctor", "--at", "2027-01-01"]) == 2
    words = ["--home", str(home), "doctor", "--certificate", "x.pem", "--at", "noon"]
    assert run(words) == 2


def test_every_finding_has_its_remedy() -> None:
    """What may fail or warn has a remedy beside it, in both languages."""
    for key, texts in DOCTOR.items():
        if key.endswith(".remedy"):
            assert key.removesuffix(".remedy") in DOCTOR
        assert all(texts)
