"""The hub's own certificate, renewed by the keeper."""

from __future__ import annotations

import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from rongan_share.errors import RonganError
from rongan_share.model.partner import HolderKind
from rongan_share.processes.own_certificate import OwnCertificate, host_names
from tests.support.hub import HubUnderTest
from tests.walk.asking import advance


def hub_leaf(hub: HubUnderTest) -> x509.Certificate:
    """What the hub shows."""
    return x509.load_pem_x509_certificate(hub.settings.tls.certificate_chain.read_bytes())


def test_renewed_from_two_thirds_of_its_life_on(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a day before; with the names that it has; intended, signed and known before it serves."""
    own = OwnCertificate(hub.settings, hub.hub.ledger, hub.clock)
    before = hub_leaf(hub)
    advance(hub, days=59)
    assert not own.round(threading.Event())
    advance(hub, days=1)
    monkeypatch.setattr("rongan_share.processes.signing.PATIENCE_SECONDS", 0.1)
    hub.signer.stop()
    with pytest.raises(RonganError):
        own.round(threading.Event())
    assert hub_leaf(hub) == before
    hub.start_signer()
    assert own.round(threading.Event())
    after = hub_leaf(hub)
    key = load_pem_private_key(hub.settings.tls.private_key.read_bytes(), password=None)
    assert after.public_key() == key.public_key() != before.public_key()
    assert host_names(after) == host_names(before)
    after.verify_directly_issued_by(
        x509.load_pem_x509_certificate(hub.settings.signer.hub_intermediate.read_bytes())
    )
    entries = [each for each in hub.entries() if each.method.startswith("hub/certificate_")]
    assert [each.method for each in entries] == [
        "hub/certificate_intended",
        "hub/certificate_intended",
        "hub/certificate_registered",
    ]
    assert {each.facts["serial"] for each in entries} == {f"{after.serial_number:x}"}
    with hub.hub.ledger.read() as txn:
        known = hub.hub.walk.registries.current(txn).certificates.values()
    assert [each.serial_hex for each in known if each.holder_kind is HolderKind.HUB] == [
        f"{after.serial_number:x}"
    ]
    assert not own.round(threading.Event())
