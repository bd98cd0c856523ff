"""Roots are replaced by newer ones that a trusted one signed, and by no others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from partner_sdk import Client, Credentials, enroll
from partner_sdk.calls import Connections
from partner_sdk.clock import utc_now
from partner_sdk.renewal import refresh_roots
from partner_sdk.renewer import RenewalTiming, Renewer
from partner_sdk.retry import CALL_POLICY
from partner_sdk.trust import newer_roots
from rongan_share.ca import Hierarchy, Issuer
from rongan_share.ca.bundles import make_bundle
from rongan_share.v1 import certificate_service_pb2 as pb
from tests.e2e.test_enroll import string_for
from tests.support.hub import HubUnderTest, running_hub
from tests.support.pki import TRUST_DOMAIN, TestPki


@pytest.fixture(name="hub")
def one_hub(tmp_path: Path) -> Iterator[HubUnderTest]:
    """A hub whose root is rolled."""
    with running_hub(tmp_path / "home") as running:
        yield running


@pytest.fixture(name="newer")
def newer_root(tmp_path: Path) -> Issuer:
    """The root that is to come."""
    return TestPki.create(tmp_path / "newer", now=utc_now()).hierarchy.root.load()


@pytest.fixture(name="folder")
def enrolled(hub: HubUnderTest, tmp_path: Path) -> Path:
    """A partner's credentials."""
    enroll(tmp_path / "bank", hub.enrolment_target, string_for(hub, "bank").format())
    return tmp_path / "bank"


def root_of(hub: HubUnderTest) -> Issuer:
    """The root that the hub began with."""
    return Hierarchy(hub.home).root.load()


def signed(
    roots: list[Issuer], by: list[Issuer], version: int, *, trust_domain: str = TRUST_DOMAIN
) -> pb.SignedTrustBundle:
    """Makes a bundle."""
    certificates = [root.certificate for root in roots]
    return make_bundle(
        certificates, signed_by=by, trust_domain=trust_domain, version=version, now=utc_now()
    )


def publish(hub: HubUnderTest, bundle: pb.SignedTrustBundle) -> None:
    """Lets the hub give a bundle out."""
    hub.settings.tls.trust_bundle.write_bytes(bundle.SerializeToString())


def roots_in(folder: Path) -> list[x509.Certificate]:
    """Reads the roots of a directory."""
    return x509.load_pem_x509_certificates((folder / "roots.pem").read_bytes())


def test_root_is_rolled(
    hub: HubUnderTest, newer: Issuer, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The second root comes to a running client, which goes on; the first stays while needed."""
    old = root_of(hub)
    credentials = Credentials.from_directory(folder)
    connections = Connections.dial(hub.target, credentials, count=2, policy=CALL_POLICY)
    timing = RenewalTiming(random=lambda: 0.0)
    with Client.over(connections) as client:
        client.usage()
        renewer = Renewer(connections, credentials, hub.target, count=2, timing=timing)
        before = connections.channels
        publish(hub, signed([old, newer], [old], 2))
        renewer.step()
        assert roots_in(folder) == [old.certificate, newer.certificate]
        assert connections.channels is not before
        assert before.retired
        client.usage()
    assert not refresh_roots(folder, hub.target)
    # Signed by one that is trusted, but by the newer root alone the hub is not recognised yet.
    publish(hub, signed([newer], [newer], 3))
    with caplog.at_level(logging.WARNING):
        assert not refresh_roots(folder, hub.target)
    assert "not recognised by its newer roots" in caplog.text
    assert roots_in(folder) == [old.certificate, newer.certificate]


def test_refused_bundles(
    hub: HubUnderTest, newer: Issuer, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A stranger's, an older one, another of the same version, another hub's: none is taken."""
    old = root_of(hub)
    publish(hub, signed([old, newer], [old], 5))
    assert refresh_roots(folder, hub.target)
    held = Credentials.from_directory(folder)
    stranger = signed([newer], [newer], 6)
    del stranger.signatures[:]
    refused = {
        "no root that is trusted": stranger,
        "older": signed([old], [old], 4),
        "two bundles of this version": signed([old], [old], 5),
        "another trust domain": signed([old], [old], 6, trust_domain="elsewhere.test"),
        "version": pb.SignedTrustBundle(),
    }
    for text, bundle in refused.items():
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert not newer_roots(held, folder, bundle)
        assert text in caplog.text
    assert newer_roots(held, folder, signed([newer], [newer], 6))


def test_first_bundle_of_handed_roots(hub: HubUnderTest, newer: Issuer, folder: Path) -> None:
    """Who was handed files takes the first bundle if one of his roots signed it."""
    old = root_of(hub)
    (folder / "trust-bundle.pb").unlink()
    assert not newer_roots(Credentials.from_directory(folder), folder, signed([newer], [newer], 1))
    assert refresh_roots(folder, hub.target)
    assert roots_in(folder) == [old.certificate]
    assert (folder / "trust-bundle.pb").exists()
