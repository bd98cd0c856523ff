"""``rongan doctor`` against a real hub: each cause of a refusal has its name (trust: D2, D5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from partner_sdk.cli.main import run
from partner_sdk.clock import utc_now
from partner_sdk.doctor import Finding, State, examine
from partner_sdk.doctor.examine import CHECKS
from rongan_share.ca import Holder, ProfileName, generate_private_key, load_profile
from rongan_share.ca import issue_intermediate as make_intermediate
from rongan_share.ca.issue import Issuer
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.days import shanghai_day
from tests.e2e.test_roots import publish, root_of, signed
from tests.support.clock import FakeClock, last_noon
from tests.support.hub import HubUnderTest, running_hub
from tests.support.pki import TRUST_DOMAIN, Minted, TestPki, _leaf_below
from tests.support.processes import free_port, write_credentials

Make = Callable[[TestPki, str], Minted]
SAY = pytest.CaptureFixture[str]


@pytest.fixture(scope="module", name="hub")
def one_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub that each test makes a partner of its own at."""
    with running_hub(tmp_path_factory.mktemp("doctor") / "home") as running:
        yield running


def partner(
    hub: HubUnderTest, folder: Path, *, make: Make = TestPki.partner, registered: bool = True
) -> Path:
    """Makes a partner, named as the folder, with an agreement and a certificate."""
    hub.create_partner(folder.name)
    hub.agree(folder.name)
    minted = make(hub.pki, folder.name)
    if registered:
        hub.register(minted)
    write_credentials(folder, minted, hub.pki.hub_roots_pem)
    return folder


def examined(hub: HubUnderTest, folder: Path, target: str = "") -> dict[str, Finding]:
    """Examines; each step is found once, in order."""
    findings = list(examine(target or hub.target, folder))
    assert tuple(finding.check for finding in findings) == CHECKS
    return {finding.check: finding for finding in findings}


def causes(findings: dict[str, Finding]) -> list[str]:
    """Lists what failed."""
    return [finding.cause for finding in findings.values() if finding.fails]


def test_all_well(hub: HubUnderTest, tmp_path: Path, capsys: SAY) -> None:
    """Nothing is wrong: every step says so, and the command ends with 0."""
    folder = partner(hub, tmp_path / "dr-well")
    assert {finding.state for finding in examined(hub, folder).values()} == {
        State.OK,
        State.WARNING,
    }
    words = ["--hub", hub.target, "--credentials", str(folder), "doctor"]
    assert run([*words, "--json"]) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert facts["fit"]
    assert [check["check"] for check in facts["checks"]] == list(CHECKS)
    assert run(words) == 0
    assert "who we are to the hub: spiffe://rongan.test/partner/dr-well" in capsys.readouterr().out


def test_exit_codes_and_languages(
    hub: HubUnderTest, tmp_path: Path, capsys: SAY, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 with a cause, 3 if nobody was reached; in Chinese as well."""
    folder = partner(hub, tmp_path / "dr-exit", registered=False)
    words = ["--credentials", str(folder), "doctor"]
    assert run(["--hub", hub.target, *words]) == 1
    assert "FAILED" in (shown := capsys.readouterr().out)
    assert "CERTIFICATE_NOT_REGISTERED" in shown
    assert " -> " in shown
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert run(["--hub", f"localhost:{free_port()}", *words]) == 3
    assert "无服务监听" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (TestPki.expired, ["own_ended", "refused_in_tls_as_above"]),
        (TestPki.future, ["own_not_begun", "refused_in_tls_as_above"]),
        (TestPki.self_signed, ["own_self_signed", "refused_in_tls_as_above"]),
        (TestPki.other_authority_same_name, ["own_other_authority", "refused_in_tls_as_above"]),
        (TestPki.server_usage_only, ["own_no_client", "refused_in_tls_as_above"]),
    ],
    ids=["expired", "future", "self-signed", "other-authority", "usage"],
)
def test_refused_in_the_handshake(
    hub: HubUnderTest, tmp_path: Path, make: Make, expected: list[str]
) -> None:
    """The hub just closes, and what is wrong is found here."""
    folder = tmp_path / f"dr-{expected[0].replace('_', '-')}"
    partner(hub, folder, make=make, registered=False)
    assert causes(examined(hub, folder)) == expected


def test_authority_that_the_hub_left(hub: HubUnderTest, tmp_path: Path) -> None:
    """A certificate that is right by all that is known here, and refused all the same."""
    root = root_of(hub)
    profile = load_profile(ProfileName.CLIENT_INTERMEDIATE)
    key = generate_private_key(profile)
    made = make_intermediate(
        root, key, holder=Holder(TRUST_DOMAIN), profile=profile, now=last_noon()
    )

    def make(pki: TestPki, name: str) -> Minted:
        return _leaf_below(
            Issuer(made.certificate, made.private_key),
            Holder(TRUST_DOMAIN, name),
            name=ProfileName.PARTNER,
            now=pki._now,
        )

    folder = partner(hub, tmp_path / "dr-left", make=make, registered=False)
    found = examined(hub, folder)
    assert found["authority"].cause == "own_authority_ok"
    assert causes(found) == ["refused_in_tls"]


def test_refused_by_the_hub(hub: HubUnderTest, tmp_path: Path) -> None:
    """What only the hub can know, it says, and so does the doctor."""
    assert isinstance(hub.clock, FakeClock)
    folder = partner(hub, tmp_path / "dr-told")
    assert causes(examined(hub, folder)) == []
    hub.clock.advance(timedelta(days=100))
    try:
        assert causes(examined(hub, folder)) == ["refused.CERTIFICATE_EXPIRED"]
    finally:
        hub.clock.advance(timedelta(days=-100))
    operators = hub.alice.operators
    operators.SuspendPartner(operator_pb.SuspendPartnerRequest(partner_id="dr-told", reason="x"))
    assert causes(examined(hub, folder)) == ["refused.PARTNER_SUSPENDED"]
    [known] = operators.ListCertificates(
        operator_pb.ListCertificatesRequest(holder_id="dr-told")
    ).certificates
    operators.RevokeCertificate(
        operator_pb.RevokeCertificateRequest(serial_hex=known.serial_hex, reason="stolen")
    )
    assert causes(examined(hub, folder)) == ["refused.CERTIFICATE_REVOKED"]


def test_agreement(hub: HubUnderTest, tmp_path: Path) -> None:
    """No agreement, one that is over, one that is to come."""
    today = shanghai_day(last_noon())
    for name, terms, cause in (
        ("dr-none", None, "NO_AGREEMENT"),
        ("dr-over", {"start_day": today - 9, "end_day": today - 2}, "AGREEMENT_EXPIRED"),
        ("dr-come", {"start_day": today + 9, "end_day": today + 20}, "AGREEMENT_NOT_STARTED"),
    ):
        hub.create_partner(name)
        if terms is not None:
            hub.agree(name, **terms)
        minted = hub.pki.partner(name)
        hub.register(minted)
        write_credentials(tmp_path / name, minted, hub.pki.hub_roots_pem)
        found = examined(hub, tmp_path / name)
        assert causes(found) == [f"refused.{cause}"]
        assert found["identity"].state is State.OK


def test_wrong_door(hub: HubUnderTest, tmp_path: Path) -> None:
    """The port where a hub enrols, and the certificate of an operator."""
    folder = partner(hub, tmp_path / "dr-door")
    assert causes(examined(hub, folder, hub.enrolment_target)) == ["no_partner_port"]
    operator = hub.pki.hierarchy.operator("alice").certificate.parent
    assert causes(examined(hub, operator)) == ["refused.CALLER_KIND_REFUSED"]


def test_name_and_roots(hub: HubUnderTest, tmp_path: Path) -> None:
    """A name that the hub does not bear, and roots that are another hub's."""
    folder = partner(hub, tmp_path / "dr-name")
    # Another way to write 127.0.0.1, which is no name of the hub.
    found = examined(hub, folder, f"127.1:{hub.target.rpartition(':')[2]}")
    assert causes(found) == ["hub_other_name"]
    assert found["hub_certificate"].values["names"] == "localhost, 127.0.0.1"
    stranger = TestPki.create(tmp_path / "stranger", now=utc_now())
    (folder / "roots.pem").write_bytes(stranger.hub_roots_pem)
    assert causes(examined(hub, folder)) == ["own_other_authority", "hub_other_root"]


@pytest.mark.parametrize("name", ["missing", "open", "encrypted", "mismatch", "roots"])
def test_files(hub: HubUnderTest, tmp_path: Path, name: str) -> None:
    """Each fault of the files is named, no key is shown, and the network is looked at as well."""
    folder = partner(hub, tmp_path / f"dr-file-{name}")
    key = folder / "key.pem"
    if name == "missing":
        key.unlink()
    elif name == "open":
        key.chmod(0o644)
    elif name == "encrypted":
        loaded = load_pem_private_key(key.read_bytes(), password=None)
        locked = BestAvailableEncryption(b"secret")
        key.write_bytes(loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    elif name == "mismatch":
        key.write_bytes(hub.pki.partner("x").key_pem)
    else:
        (folder / "roots.pem").write_bytes(b"none")
    found = examined(hub, folder)
    expected = {
        "missing": "files.FILE_MISSING",
        "open": "files.KEY_OPEN_TO_OTHERS",
        "encrypted": "files.KEY_ENCRYPTED",
        "mismatch": "files.KEY_MISMATCH",
        "roots": "files.ROOTS_MALFORMED",
    }
    assert causes(found) == [expected[name]]
    assert found["tls"].state is State.OK
    assert "PRIVATE" not in repr(found)


def test_newer_roots(hub: HubUnderTest, tmp_path: Path) -> None:
    """Roots that the hub has a newer list of are a warning."""
    folder = partner(hub, tmp_path / "dr-roots")
    publish(hub, signed([root_of(hub)], [root_of(hub)], 7))
    found = examined(hub, folder)
    assert found["roots"].cause == "roots_newer"
    assert causes(found) == []
