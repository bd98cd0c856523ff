from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification

from rongan_share.ca import (
    CredentialFiles,
    Hierarchy,
    IssueRefusedError,
    ProfileName,
    Rule,
    create_hierarchy,
    lint_certificate,
    load_private_key,
    load_profile,
)
from tests.support.pki import TestPki

NOW = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


def create(directory: Path, **changes: object) -> Hierarchy:
    """A hierarchy of a hub on the loopback and two operators."""
    wanted: dict[str, object] = {
        "trust_domain": "bank.test",
        "hub_names": ["localhost", "127.0.0.1"],
        "operators": ["op-a", "op-b"],
        "now": NOW,
    }
    return create_hierarchy(directory, **(wanted | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def hierarchy(tmp_path_factory: pytest.TempPathFactory) -> Hierarchy:
    """A hierarchy made at NOW."""
    return create(tmp_path_factory.mktemp("hub"))


def chain(files: CredentialFiles) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """Leaf and intermediates as TLS would send them."""
    leaf, *above = x509.load_pem_x509_certificates(files.certificate.read_bytes())
    return leaf, above


def verifier(roots: Path, now: datetime = NOW) -> verification.PolicyBuilder:
    """A verifier that trusts what stands in the file."""
    anchors = x509.load_pem_x509_certificates(roots.read_bytes())
    return verification.PolicyBuilder().store(verification.Store(anchors)).time(now)


@pytest.mark.parametrize(
    "subject",
    [
        x509.DNSName("localhost"),
        x509.IPAddress(ip_address("127.0.0.1")),
    ],
)
def test_partners_verify_the_hub(
    hierarchy: Hierarchy, subject: x509.DNSName | x509.IPAddress
) -> None:
    """The hub's chain verifies to the root under each of its names."""
    server = verifier(hierarchy.hub_roots).build_server_verifier(subject)
    assert len(server.verify(*chain(hierarchy.hub))) == 3


def test_the_hub_verifies_operators(hierarchy: Hierarchy) -> None:
    """An operator's chain verifies to what the hub trusts, and to the root."""
    for roots, length in ((hierarchy.hub.roots, 2), (hierarchy.hub_roots, 3)):
        client = verifier(roots).build_client_verifier()
        verified = client.verify(*chain(hierarchy.operator("op-a")))
        uri = x509.UniformResourceIdentifier("spiffe://bank.test/operator/op-a")
        assert verified.subjects == [uri]
        assert len(verified.chain) == length


def test_the_hub_trusts_the_client_authority_only(hierarchy: Hierarchy) -> None:
    """What the hub trusts holds neither the root nor the hub authority."""
    anchors = x509.load_pem_x509_certificates(hierarchy.hub.roots.read_bytes())
    assert anchors == [hierarchy.client_authority.load().certificate]


def test_the_client_authority_cannot_make_a_hub(pki: TestPki) -> None:
    """A server certificate below the client authority does not verify for a partner."""
    leaf, *above = x509.load_pem_x509_certificates(
        pki.server_below_client_authority("localhost").certificate_chain_pem
    )
    builder = verifier(pki.hierarchy.hub_roots, datetime.now(UTC))
    server = builder.build_server_verifier(x509.DNSName("localhost"))
    with pytest.raises(verification.VerificationError, match=r"EKU|KeyUsage"):
        server.verify(leaf, above)


def test_chains_end(hierarchy: Hierarchy) -> None:
    """After its ninety days an operator's certificate no longer verifies."""
    later = verifier(hierarchy.hub.roots, NOW + timedelta(days=90)).build_client_verifier()
    with pytest.raises(verification.VerificationError):
        later.verify(*chain(hierarchy.operator("op-a")))


def test_every_certificate_is_linted(hierarchy: Hierarchy) -> None:
    """What stands on disk is what the profiles say."""
    expected = {
        ProfileName.ROOT: hierarchy.root.certificate,
        ProfileName.CLIENT_INTERMEDIATE: hierarchy.client_authority.certificate,
        ProfileName.HUB_INTERMEDIATE: hierarchy.hub_authority.certificate,
        ProfileName.HUB: hierarchy.hub.certificate,
        ProfileName.OPERATOR: hierarchy.operator("op-b").certificate,
    }
    for name, path in expected.items():
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        lint_certificate(certificate, load_profile(name))


def test_files(hierarchy: Hierarchy) -> None:
    """Exactly the promised files are there; keys are private and fit their certificates."""
    names = {
        str(path.relative_to(hierarchy.directory)) for path in hierarchy.directory.rglob("*.pem")
    }
    assert names == {
        *(
            f"pki/{each}.{kind}.pem"
            for each in ("root", "client-ca", "hub-ca", "hub")
            for kind in ("crt", "key")
        ),
        "pki/client-roots.pem",
        "pki/hub-roots.pem",
        *(
            f"operators/{each}/{file}.pem"
            for each in ("op-a", "op-b")
            for file in ("certificate", "key", "roots")
        ),
    }
    for path in hierarchy.directory.rglob("*key.pem"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for files in (hierarchy.hub, hierarchy.operator("op-a")):
        assert chain(files)[0].public_key() == load_private_key(files.key).public_key()


def test_kinds_of_key(hierarchy: Hierarchy) -> None:
    """The root is P-384, all others are P-256; none is RSA, which would bring TLS 1.2 back."""
    assert isinstance(hierarchy.root.load().private_key.curve, ec.SECP384R1)
    for files in (hierarchy.hub, hierarchy.operator("op-a"), hierarchy.client_authority):
        assert isinstance(load_private_key(files.key).curve, ec.SECP256R1)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"trust_domain": "Bank"}, Rule.TRUST_DOMAIN),
        ({"hub_names": []}, Rule.PROFILE_NAMES),
        ({"hub_names": ["*"]}, Rule.HOST_NAME),
        ({"operators": ["../a"]}, Rule.HOLDER_NAME),
        ({"operators": [""]}, Rule.PROFILE_NAMES),
        ({"operators": ["op-a", "op-a"]}, Rule.HOLDER_TWICE),
        ({"now": NOW.replace(tzinfo=None)}, Rule.CLOCK),
    ],
)
def test_a_refusal_leaves_nothing(tmp_path: Path, changes: dict[str, object], rule: Rule) -> None:
    """A malformed name is refused before the first file is written."""
    with pytest.raises(IssueRefusedError) as refusal:
        create(tmp_path / "hub", **changes)
    assert refusal.value.rule is rule
    assert not (tmp_path / "hub").exists()


def test_a_hierarchy_is_never_overwritten(tmp_path: Path) -> None:
    """A second run is refused and leaves the first one as it was."""
    first = create(tmp_path)
    before = first.root.key.read_bytes()
    with pytest.raises(FileExistsError):
        create(tmp_path)
    assert first.root.key.read_bytes() == before


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    """An issuer whose certificate file is broken is a refusal and no crash."""
    made = create(tmp_path)
    made.root.certificate.write_text("nothing")
    with pytest.raises(IssueRefusedError) as refusal:
        made.root.load()
    assert refusal.value.rule is Rule.CERTIFICATE_FILE
