"""The root is rolled on a hub that serves (trust: T9)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.cli.commands import run
from rongan_share.cli.founding import Plan, found_hub
from rongan_share.clock import SystemClock
from rongan_share.v1 import certificate_service_pb2 as pb
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.trust_bundle import parse_bundle, roots_pem, verify_pinned, verify_successor
from tests.cli.command_line import CommandLine
from tests.support.hub import HubUnderTest, Stubs, running_hub
from tests.support.pki import Minted
from tests.walk.asking import check, fresh
from tests.walk.enrolling import enroll, minted, new_key


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub by the machine's clock, as what commands make begins by that."""
    with running_hub(tmp_path_factory.mktemp("hub") / "home", SystemClock()) as running:
        yield running


@pytest.fixture
def shell(
    hub: HubUnderTest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """Commands against the hub, in English."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return CommandLine(hub, capsys)


def connect(hub: HubUnderTest, given: Minted, roots: bytes) -> Stubs:
    """Connects as a partner that trusts some roots."""
    credentials = grpc.ssl_channel_credentials(roots, given.key_pem, given.certificate_chain_pem)
    # Its own connection, whatever others trust.
    options = (("grpc.use_local_subchannel_pool", 1),)
    channel = grpc.secure_channel(hub.target, credentials, options)
    hub._channels.append(channel)
    return Stubs(channel)


def bundle_of(caller: Stubs) -> pb.SignedTrustBundle:
    """Asks for the trust bundle."""
    answer = caller.certificates.GetTrustBundle(pb.GetTrustBundleRequest(), timeout=20)
    return answer.trust_bundle


def enrolled(hub: HubUnderTest, partner_id: str) -> tuple[Minted, pb.TrustBundle]:
    """Makes a partner, enrols it, and takes its first bundle as it would."""
    hub.create_partner(partner_id)
    hub.agree(partner_id)
    request = operator_pb.CreateEnrolmentRequest(partner_id=partner_id)
    made, key = hub.alice.operators.CreateEnrolment(request), new_key()
    by = hub.enrolling(hub.settings.tls.hub_roots.read_bytes())
    answer = enroll(hub, partner_id, made.secret, key=key, by=by)
    return minted(answer, key), verify_pinned(answer.trust_bundle, made.root_digest)


def test_root_is_rolled(hub: HubUnderTest, shell: CommandLine, tmp_path: Path) -> None:
    """Partners go from the old root to the new one by bundles alone, and nobody is shut out."""
    pki, new = hub.home / "pki", tmp_path / "new" / "pki"
    old_roots = hub.pki.hub_roots_pem
    given, first = enrolled(hub, "ro-old")
    caller = connect(hub, given, old_roots)
    assert shell.run("cert", "bundle", "new-root", str(tmp_path / "new"))[0] == 0
    keys = (str(pki / "root.key.pem"), str(new / "root.key.pem"))
    adding = ("cert", "bundle", "add-root", "--new-root", str(new / "root.crt.pem"))
    for key in keys:
        code, _, err = shell.run(*adding, "--root-key", key)
        assert (code, "the key of every root" in err) == (1, True)
    early = shell.run("cert", "bundle", "switch", str(tmp_path / "new"))
    assert (early[0], "not in the bundle" in early[2]) == (1, True)
    facts = shell.facts(*adding, "--root-key", keys[0], "--root-key", keys[1])
    assert facts["version"] == 2
    again = shell.run(*adding, "--root-key", keys[0], "--root-key", keys[1])
    assert (again[0], "is in it already, in version 2" in again[1]) == (0, True)
    both = verify_successor(bundle_of(caller), first)
    assert both.version == 2
    assert len(both.root_der) == 2

    old_digest = x509.load_pem_x509_certificate(old_roots).fingerprint(hashes.SHA256()).hex()
    drop = ("cert", "bundle", "drop-root", old_digest[:8], "--root-key", keys[1])
    code, _, err = shell.run(*drop)
    assert (code, "rotate it first" in err) == (1, True)
    assert shell.run("cert", "bundle", "switch", str(tmp_path / "new"))[0] == 0
    assert shell.run("cert", "rotate")[0] == 0

    # The certificate of before is let in; who trusts the old root alone does not know the hub.
    assert check(connect(hub, given, roots_pem(both)), fresh()).entry_index
    with pytest.raises(grpc.RpcError):
        check(connect(hub, given, old_roots), fresh())
    late, last = enrolled(hub, "ro-new")
    assert last == both
    new_root = x509.load_pem_x509_certificate((new / "root.crt.pem").read_bytes())
    fresh_caller = connect(hub, late, new_root.public_bytes(Encoding.PEM))
    assert check(fresh_caller, fresh()).entry_index

    assert shell.facts(*drop)["version"] == 3
    assert list(verify_successor(bundle_of(fresh_caller), both).root_der) == [
        new_root.public_bytes(Encoding.DER)
    ]
    assert [path.name for path in pki.glob("*.*-ca.key.pem")]
    assert shell.facts("status")["tls_error"] == ""
    shown = shell.facts("cert", "bundle")["roots"]
    assert isinstance(shown, list)
    assert [each["signed"] for each in shown] == [True]


def test_broken_bundle_leaves_the_last_good_one(hub: HubUnderTest) -> None:
    """A file that holds nothing is not used; what it held before is served (trust: T10)."""
    path = hub.settings.tls.trust_bundle
    roots = hub.settings.tls.hub_roots.read_bytes()
    files = hub.pki.hierarchy.operator("alice")
    caller = connect(hub, Minted(files.certificate.read_bytes(), files.key.read_bytes()), roots)
    before, good = bundle_of(caller), path.read_bytes()
    for broken in (b"", b"\xff\xff", good[:-5]):
        path.write_bytes(broken)
        assert bundle_of(caller) == before
    path.unlink()
    assert bundle_of(caller) == before
    path.write_bytes(good)
    assert bundle_of(caller) == before


def test_bundle_of_an_older_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A home that has none makes its first; one that has one keeps it."""
    home = tmp_path / "home"
    found_hub(home, Plan(trust_domain="rongan.test", address="127.0.0.1:0"), SystemClock())
    command = ["--home", str(home), "cert", "bundle", "make"]
    command += ["--root-key", str(home / "pki/root.key.pem")]
    assert run(command) == 1
    (home / "pki/trust-bundle.pb").unlink()
    assert run(command) == 0
    assert "rongan.test" in capsys.readouterr().out
    assert parse_bundle((home / "pki/trust-bundle.pb").read_bytes()).bundle.version == 1
