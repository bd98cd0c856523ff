from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.ca import Holder, Issuer, ProfileName, generate_private_key, issue_root
from rongan_share.ca.bundles import make_bundle
from rongan_share.model.profiles import load_profile
from rongan_share.v1 import certificate_service_pb2 as pb
from rongan_share.wire.trust_bundle import (
    TrustBundleError,
    digest_of,
    parse_bundle,
    roots_pem,
    signed_bytes,
    verify_pinned,
    verify_successor,
)

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
DOMAIN = "hub.example"


def root() -> Issuer:
    """A new root."""
    profile = load_profile(ProfileName.ROOT)
    return issue_root(
        generate_private_key(profile), holder=Holder(DOMAIN), profile=profile, now=NOW
    )


OLD, NEW = root(), root()


def der(issuer: Issuer) -> bytes:
    """Its DER."""
    return issuer.certificate.public_bytes(Encoding.DER)


def bundle(
    *roots: Issuer, by: Issuer = OLD, version: int = 1, domain: str = DOMAIN
) -> pb.SignedTrustBundle:
    """A bundle of some roots, signed by one."""
    return make_bundle(
        [each.certificate for each in roots],
        signed_by=[by],
        trust_domain=domain,
        version=version,
        now=NOW,
    )


def test_roll_over() -> None:
    """Old root, both, new root: each takes the next, and the roots are those of the bundle."""
    first = verify_pinned(bundle(OLD), digest_of(der(OLD)))
    both = verify_successor(bundle(OLD, NEW, version=2), first)
    last = verify_successor(bundle(NEW, by=NEW, version=3), both)
    assert list(last.root_der) == [der(NEW)]
    assert roots_pem(both) == OLD.certificate.public_bytes(
        Encoding.PEM
    ) + NEW.certificate.public_bytes(Encoding.PEM)
    assert verify_successor(bundle(NEW, by=NEW, version=3), last) == last


def test_file_is_read_back() -> None:
    """What is written is what is read."""
    signed = bundle(OLD)
    assert parse_bundle(signed.SerializeToString()) == signed


def test_signed_bytes_are_fixed() -> None:
    """Text, zero byte, canonical bytes: another language can check a signature."""
    small = pb.TrustBundle(trust_domain="a", version=2)
    canonical = b"\x01\x00\x01\x00\x00\x00a" + b"\x02\x00\x08\x00\x00\x00" + b"\x02" + bytes(7)
    assert signed_bytes(small) == b"rongan-share trust bundle\x00" + canonical


@pytest.mark.parametrize(
    ("offered", "rule"),
    [
        (lambda: bundle(NEW, by=NEW, version=2), "no root that is trusted"),
        (lambda: bundle(OLD, NEW, by=NEW, version=2), "no root that is trusted"),
        (lambda: bundle(OLD, version=2, domain="other.example"), "another trust domain"),
        (lambda: bundle(OLD, NEW), "two bundles of this version"),
        (lambda: altered(bundle(OLD, NEW, version=2)), "no root that is trusted"),
        (pb.SignedTrustBundle, "needs a version"),
        (lambda: empty(bundle(OLD, version=2)), "holds 1 to 8 roots"),
    ],
)
def test_bundle_that_is_not_taken(offered: Callable[[], pb.SignedTrustBundle], rule: str) -> None:
    """Whatever no root of the bundle that is held has signed, or is of another hub."""
    with pytest.raises(TrustBundleError, match=rule):
        verify_successor(offered(), bundle(OLD).bundle)


def test_older_bundle_is_not_taken() -> None:
    """An attacker who kept an old bundle cannot bring a dropped root back."""
    with pytest.raises(TrustBundleError, match="older"):
        verify_successor(bundle(OLD), bundle(OLD, NEW, version=2).bundle)


def test_pinned_root_must_sign() -> None:
    """A first bundle must hold the root of the enrolment string, and be signed by that one."""
    for signed in (bundle(NEW, by=NEW), bundle(OLD, NEW, by=NEW)):
        with pytest.raises(TrustBundleError, match="no root that is trusted"):
            verify_pinned(signed, digest_of(der(OLD)))


def test_unreadable_bundle() -> None:
    """Bytes that are no bundle, and a root that is no certificate."""
    with pytest.raises(TrustBundleError, match="not a trust bundle"):
        parse_bundle(b"\xff\xff")
    odd = bundle(OLD)
    odd.bundle.root_der.append(b"nothing")
    with pytest.raises(TrustBundleError, match="no readable authority"):
        parse_bundle(odd.SerializeToString())


def altered(signed: pb.SignedTrustBundle) -> pb.SignedTrustBundle:
    """Changes what was signed."""
    signed.bundle.version += 1
    return signed


def empty(signed: pb.SignedTrustBundle) -> pb.SignedTrustBundle:
    """Takes all roots out."""
    del signed.bundle.root_der[:]
    return signed
