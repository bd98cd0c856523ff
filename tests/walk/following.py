"""Certificates that follow others, put into the hub as they shall stand."""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives import hashes

from rongan_share.clock import nanoseconds
from rongan_share.gate.notes import note_maker
from rongan_share.ledger.committer import Proposal
from rongan_share.model.partner import Certificate, CertificateState
from rongan_share.services.certificates import certificate_write
from tests.support.hub import HubUnderTest
from tests.support.pki import Minted

DAYS = 86_400 * 1_000_000_000


def fingerprint(minted: Minted) -> bytes:
    """SHA-256 of the leaf."""
    return minted.certificate.fingerprint(hashes.SHA256())


def stored(hub: HubUnderTest, minted: Minted) -> Certificate:
    """What the hub keeps of a certificate."""
    with hub.hub.ledger.read() as txn:
        return hub.hub.walk.registries.current(txn).certificates[fingerprint(minted)]


def put(hub: HubUnderTest, certificate: Certificate) -> None:
    """Writes a certificate as it shall stand."""
    proposal = Proposal(
        make_entry=note_maker("test/certificate", {}),
        writes=(certificate_write(certificate),),
        bumps_generation=True,
    )
    hub.hub.committer.submit(proposal).result()


def follow(hub: HubUnderTest, before: Minted, after: Minted) -> None:
    """Makes a certificate follow another, as a renewal does."""
    put(
        hub,
        msgspec.structs.replace(
            stored(hub, before),
            fingerprint=fingerprint(after),
            serial_hex=f"{after.certificate.serial_number:x}",
            state=CertificateState.NEXT,
            version=1,
            not_after_ns=nanoseconds(after.certificate.not_valid_after_utc),
            follows=fingerprint(before),
        ),
    )


def pair(hub: HubUnderTest, partner_id: str) -> tuple[Minted, Minted]:
    """A partner with a certificate and the one that follows it."""
    old, new = hub.pki.partner(partner_id), hub.pki.partner(partner_id)
    hub.create_partner(partner_id)
    hub.register(old)
    hub.agree(partner_id)
    follow(hub, old, new)
    return old, new
