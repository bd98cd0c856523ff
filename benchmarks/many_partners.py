"""Many partners with certificates and agreements, written straight into the ledger.

For benchmarks only: no walk, no entries. Each act of two operators would take a commit of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives import hashes, serialization

from benchmarks.enrolment import OPERATORS, ample_agreement
from rongan_share.ca import Holder, ProfileName, encode_chain, issue_leaf, load_profile
from rongan_share.ca.keys import generate_private_key
from rongan_share.clock import nanoseconds
from rongan_share.ledger.counters import bump_generation
from rongan_share.ledger.environment import Ledger
from rongan_share.ledger.objects import Stored, agreement_id, load_registry, put_object
from rongan_share.model.agreement import AgreementState
from rongan_share.model.partner import (
    Certificate,
    CertificateState,
    HolderKind,
    Partner,
    PartnerState,
)
from rongan_share.services.agreement_messages import read_agreement
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.taxonomy import packaged_taxonomy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    from benchmarks.world import World


@dataclass(frozen=True, slots=True)
class _Minted:
    """A partner's certificate and key."""

    partner_id: str
    leaf: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def add_partners(world: World, count: int) -> Path:
    """Makes partners that may do everything; the hub is stopped meanwhile and started again.

    Returns:
        A file of JSON: a list of chain and key of each, PEM. It is made once a world.
    """
    path = world.folder / f"partners-{count}.json"
    if path.exists():
        return path
    issuer = world.hierarchy.client_authority.load()
    minted = list(_mint(world, count))
    world.hub.stop()
    with Ledger(world.settings.data_directory) as ledger, ledger.write() as txn:
        known = load_registry(txn).partners.values()
        first = max(partner.number for partner in known) + 1
        for place, each in enumerate(minted):
            for object_id, stored in _objects(world, each, number=first + place):
                put_object(txn, stored, object_id=object_id, time_ns=0, sequence=0)
        bump_generation(txn)
    chains = [
        (encode_chain(each.leaf, issuer.certificate).decode(), _pem(each.key)) for each in minted
    ]
    path.write_text(json.dumps(chains), encoding="ascii")
    world.start()
    return path


def _mint(world: World, count: int) -> Iterator[_Minted]:
    issuer = world.hierarchy.client_authority.load()
    profile = load_profile(ProfileName.PARTNER)
    now = world.clock.now()
    for number in range(count):
        partner_id = f"many-{number:04d}"
        key = generate_private_key(profile)
        holder = Holder(world.settings.trust_domain, partner_id)
        leaf = issue_leaf(issuer, key.public_key(), holder=holder, profile=profile, now=now)
        yield _Minted(partner_id, leaf, key)


def _objects(world: World, minted: _Minted, *, number: int) -> Iterator[tuple[str, Stored]]:
    partner_id, leaf = minted.partner_id, minted.leaf
    yield (
        partner_id,
        Partner(
            partner_id=partner_id,
            number=number,
            state=PartnerState.ACTIVE,
            version=1,
            display_name=partner_id,
        ),
    )
    message = ample_agreement(partner_id, shanghai_day(world.clock.now()))
    agreement = msgspec.structs.replace(
        read_agreement(message, packaged_taxonomy()),
        version=1,
        state=AgreementState.ACTIVE,
        proposer=OPERATORS[0],
        approver=OPERATORS[1],
    )
    yield agreement_id(partner_id, 1), agreement
    fingerprint = leaf.fingerprint(hashes.SHA256())
    yield (
        fingerprint.hex(),
        Certificate(
            fingerprint=fingerprint,
            serial_hex=f"{leaf.serial_number:x}",
            holder_kind=HolderKind.PARTNER,
            holder_id=partner_id,
            not_after_ns=nanoseconds(leaf.not_valid_after_utc),
            state=CertificateState.ACTIVE,
            version=1,
        ),
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
