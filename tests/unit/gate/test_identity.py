from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.errors import Reason, RonganError
from rongan_share.gate.identity import MAX_LIFETIME, claim_of, parse_claim, verify_claim
from rongan_share.model.caller import ClaimedCaller
from rongan_share.model.epoch import Epoch, EpochState
from rongan_share.model.hub_key import HubKey
from rongan_share.model.partner import (
    Certificate,
    CertificateState,
    HolderKind,
    Operator,
    Partner,
    PartnerState,
)
from rongan_share.model.registry import Registry
from rongan_share.wire.vocabulary import Suite
from tests.support.pki import TRUST_DOMAIN, Minted, TestPki
from tests.support.resigned import of_version_1, over_sha1

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
LONGEST = "a" * 64


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    """Authorities of one hub."""
    folder: Path = tmp_path_factory.mktemp("identity") / "hub"
    return TestPki.create(folder, now=NOW)


def refused(minted: Minted) -> str:
    """Gives the rule that a certificate breaks; it must be refused as unreadable."""
    with pytest.raises(RonganError) as caught:
        parse_claim(minted.certificate_chain_pem, TRUST_DOMAIN)
    assert caught.value.reason is Reason.IDENTITY_UNREADABLE
    assert set(caught.value.metadata) == {"rule"}
    return caught.value.metadata["rule"]


@pytest.mark.parametrize("caller_id", ["a", "0", "bank-1", "a--b", LONGEST])
@pytest.mark.parametrize("kind", [HolderKind.PARTNER, HolderKind.OPERATOR])
def test_good_names_are_read(pki: TestPki, kind: HolderKind, caller_id: str) -> None:
    """A name of the one form is read as kind and id, whatever the common name says."""
    uri = f"spiffe://{TRUST_DOMAIN}/{kind.name.lower()}/{caller_id}"
    minted = pki.with_uri(uri, common_name="somebody-else")
    claim = parse_claim(minted.certificate_chain_pem, TRUST_DOMAIN)
    assert (claim.kind, claim.caller_id) == (kind, caller_id)
    assert claim.serial_hex == f"{minted.certificate.serial_number:x}"
    assert claim == claim_of(minted.certificate, TRUST_DOMAIN)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "spiffe://",
        f"spiffe://{TRUST_DOMAIN}",
        f"spiffe://{TRUST_DOMAIN}/",
        f"spiffe://{TRUST_DOMAIN}/partner",
        f"spiffe://{TRUST_DOMAIN}/partner/",
        f"spiffe://{TRUST_DOMAIN}//bank",
        f"spiffe://{TRUST_DOMAIN}/partner//bank",
        f"spiffe://{TRUST_DOMAIN}/partner/bank/",
        f"spiffe://{TRUST_DOMAIN}/partner/bank/x",
        f"spiffe://{TRUST_DOMAIN}/partner/./bank",
        f"spiffe://{TRUST_DOMAIN}/partner/../operator/alice",
        f"spiffe://{TRUST_DOMAIN}/partner/%62ank",
        f"spiffe://{TRUST_DOMAIN}/partner/bank%00",
        f"spiffe://{TRUST_DOMAIN}/partner/bank\x00",
        f"spiffe://{TRUST_DOMAIN}/partner/bank\n",
        f"spiffe://{TRUST_DOMAIN}/partner/ bank",
        f"spiffe://{TRUST_DOMAIN}/partner/bank ",
        f"spiffe://{TRUST_DOMAIN}/partner/bank?x=1",
        f"spiffe://{TRUST_DOMAIN}/partner/bank#x",
        f"spiffe://{TRUST_DOMAIN}/partner/Bank",
        f"spiffe://{TRUST_DOMAIN}/partner/-bank",
        f"spiffe://{TRUST_DOMAIN}/partner/bank-",
        f"spiffe://{TRUST_DOMAIN}/partner/bank_1",
        f"spiffe://{TRUST_DOMAIN}/partner/bank.1",
        f"spiffe://{TRUST_DOMAIN}/partner/{LONGEST}a",
        f"spiffe://{TRUST_DOMAIN}/Partner/bank",
        f"spiffe://{TRUST_DOMAIN}/hub/bank",
        f"spiffe://{TRUST_DOMAIN}/partners/bank",
        f"SPIFFE://{TRUST_DOMAIN}/partner/bank",
        f"Spiffe://{TRUST_DOMAIN}/partner/bank",
        f"spiffe:/{TRUST_DOMAIN}/partner/bank",
        f"https://{TRUST_DOMAIN}/partner/bank",
        f" spiffe://{TRUST_DOMAIN}/partner/bank",
        f"spiffe://{TRUST_DOMAIN.upper()}/partner/bank",
        f"spiffe://{TRUST_DOMAIN}./partner/bank",
        f"spiffe://{TRUST_DOMAIN}:443/partner/bank",
        f"spiffe://x@{TRUST_DOMAIN}/partner/bank",
        f"spiffe://x.{TRUST_DOMAIN}/partner/bank",
        f"spiffe://{TRUST_DOMAIN}.x/partner/bank",
        "spiffe:///partner/bank",
        f"urn:{TRUST_DOMAIN}/partner/bank",
    ],
)
def test_odd_names_are_refused(pki: TestPki, uri: str) -> None:
    """No second spelling of a name exists: whatever is not the one form is refused."""
    rule = refused(pki.with_uri(uri, common_name="bank"))
    assert rule in {"a name in this hub's trust domain", "/partner/<id> or /operator/<id>"}


ODD: dict[str, tuple[Callable[[TestPki], Minted], str]] = {
    "two names": (lambda pki: pki.two_uri_names("a", "b"), "exactly one URI name"),
    "no name": (lambda pki: pki.common_name_only("a"), "exactly one URI name"),
    "foreign": (lambda pki: pki.foreign_trust_domain("a"), "a name in this hub's trust domain"),
    "server": (
        lambda pki: pki.server_usage_only("a"),
        "usages allow client authentication and signatures",
    ),
    "any usage": (
        lambda pki: pki.any_usage("a"),
        "usages allow client authentication and signatures",
    ),
    "no usage": (lambda pki: pki.no_usage("a"), "key usages are present"),
    "ed25519": (
        lambda pki: pki.with_key("a", ed25519.Ed25519PrivateKey.generate()),
        "a P-256, P-384 or RSA key of at least 2048 bits",
    ),
    "p521": (
        lambda pki: pki.with_key("a", ec.generate_private_key(ec.SECP521R1())),
        "a P-256, P-384 or RSA key of at least 2048 bits",
    ),
    "rsa 1024": (
        lambda pki: pki.with_key("a", rsa.generate_private_key(65_537, 1024)),
        "a P-256, P-384 or RSA key of at least 2048 bits",
    ),
    "version 1": (
        lambda pki: of_version_1(pki.partner("a"), pki.hierarchy.client_authority.load()),
        "version 3",
    ),
    "sha-1": (
        lambda pki: over_sha1(pki.partner("a"), pki.hierarchy.client_authority.load()),
        "signed over SHA-256, SHA-384 or SHA-512",
    ),
    "long life": (
        lambda pki: pki.living("a", MAX_LIFETIME + timedelta(seconds=1)),
        "a lifetime of at most 398 days",
    ),
    "authority": (
        lambda pki: Minted(pki.hierarchy.client_authority.certificate.read_bytes(), b""),
        "no CA certificate",
    ),
}


def test_longest_life(pki: TestPki) -> None:
    """A life of exactly 398 days is let in."""
    minted = pki.living("bank", MAX_LIFETIME)
    assert parse_claim(minted.certificate_chain_pem, TRUST_DOMAIN).caller_id == "bank"


@pytest.mark.parametrize("name", ODD)
def test_odd_certificates_are_refused(pki: TestPki, name: str) -> None:
    """Each odd certificate is refused by the rule that it breaks."""
    make, rule = ODD[name]
    assert refused(make(pki)) == rule


def test_other_kinds_of_names_do_not_count(pki: TestPki) -> None:
    """A DNS name beside the URI name names nobody."""
    minted = pki.other_id_in_dns_name("bank", "other")
    assert parse_claim(minted.certificate_chain_pem, TRUST_DOMAIN).caller_id == "bank"


@pytest.mark.parametrize("pem", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\n", b"\xff" * 100])
def test_unreadable_bytes_are_refused(pem: bytes) -> None:
    """What is no certificate names nobody, and does not break the hub."""
    assert refused(Minted(pem, b"")) == "a readable X.509 certificate"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (bytes.fromhex("a003020102"), bytes.fromhex("a003020105")),  # the version
        (
            bytes.fromhex("06072a8648ce3d0201"),
            bytes.fromhex("06072a8648ce3d0299"),
        ),  # the key's kind
        (bytes.fromhex("0603551d11"), bytes.fromhex("0603551d13")),  # names read as constraints
        (b"spiffe:", b"spiff\xff:"),  # a name that is no ASCII
    ],
    ids=["version", "key", "extension", "name"],
)
def test_mangled_certificates_are_refused(pki: TestPki, old: bytes, new: bytes) -> None:
    """A certificate that cannot be understood in some part is refused, never half read."""
    der = pki.partner("bank").certificate.public_bytes(Encoding.DER)
    assert old in der
    mangled = der.replace(old, new, 1)
    # It may not even load, so its PEM is made by hand.
    body = base64.encodebytes(mangled)
    pem = b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"
    assert refused(Minted(pem, b""))


def registry_of(claim: ClaimedCaller, **changes: object) -> Registry:
    """Makes a registry in which a claim holds, but for the changes to its certificate."""
    certificate = {
        "fingerprint": claim.fingerprint,
        "serial_hex": claim.serial_hex,
        "holder_kind": claim.kind,
        "holder_id": claim.caller_id,
        "not_after_ns": 0,
        "state": CertificateState.ACTIVE,
        "version": 1,
    }
    partners = {
        name: Partner(
            partner_id=name, number=2, state=PartnerState.ACTIVE, version=1, display_name=name
        )
        for name in ("bank", "other")
    }
    stored = Certificate(**(certificate | changes))  # type: ignore[arg-type]
    epoch = Epoch(
        number=1, suite=Suite.HMAC_SM3, state=EpochState.CURRENT, opened_ns=0, key_digest=b""
    )
    return Registry(
        generation=1,
        partners=partners,
        agreements={},
        newest_versions={},
        certificates={stored.fingerprint: stored},
        operators={"bank": Operator(operator_id="bank")},
        epoch=epoch,
        epochs={1: epoch},
        hub_key=HubKey(key_id=1),
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fingerprint": bytes(32)}, Reason.CERTIFICATE_NOT_REGISTERED),
        ({"holder_id": "other"}, Reason.CERTIFICATE_NOT_REGISTERED),
        ({"holder_kind": HolderKind.OPERATOR}, Reason.CERTIFICATE_NOT_REGISTERED),
        ({"state": CertificateState.REVOKED}, Reason.CERTIFICATE_REVOKED),
    ],
)
def test_certificate_must_be_registered_for_its_holder(
    pki: TestPki, changes: dict[str, object], reason: Reason
) -> None:
    """The certificate itself must stand in the registry, for this holder, and not be revoked."""
    claim = parse_claim(pki.partner("bank").certificate_chain_pem, TRUST_DOMAIN)
    caller = verify_claim(claim, registry_of(claim), now=NOW)
    assert (caller.kind, caller.caller_id) == (HolderKind.PARTNER, "bank")
    with pytest.raises(RonganError) as caught:
        verify_claim(claim, registry_of(claim, **changes), now=NOW)
    assert caught.value.reason is reason


def test_unknown_holder_is_refused(pki: TestPki) -> None:
    """A name that the registry does not know is unknown, also as the other kind of caller."""
    claim = parse_claim(pki.partner("nobody").certificate_chain_pem, TRUST_DOMAIN)
    with pytest.raises(RonganError) as caught:
        verify_claim(claim, registry_of(claim), now=NOW)
    assert caught.value.reason is Reason.CALLER_UNKNOWN


def test_validity_is_inclusive(pki: TestPki) -> None:
    """A certificate holds from its first to its last second, and not a moment outside."""
    claim = parse_claim(pki.partner("bank").certificate_chain_pem, TRUST_DOMAIN)
    registry, moment = registry_of(claim), timedelta(microseconds=1)
    for instant in (claim.not_before, claim.not_after):
        verify_claim(claim, registry, now=instant)
    for instant in (claim.not_before - moment, claim.not_after + moment):
        with pytest.raises(RonganError) as caught:
            verify_claim(claim, registry, now=instant)
        assert caught.value.reason is Reason.CERTIFICATE_EXPIRED
