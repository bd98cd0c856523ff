"""Issuing certificates: the intent, the signature, the registration; and each of them missing.

trust: T4, T5, C6.
"""

from __future__ import annotations

import hashlib
import itertools

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from rongan_share.ledger.objects import list_newest
from rongan_share.model.issuance import Issuance
from rongan_share.v1 import agreement_service_pb2 as agreement_pb
from rongan_share.v1 import operator_service_pb2 as pb
from tests.support.hub import HubUnderTest
from tests.support.pki import Key, Minted, encode_key

_numbers = itertools.count(1)


def new_partner() -> str:
    """The id of a partner that no test had."""
    return f"issued-{next(_numbers)}"


def request_for(key: Key) -> bytes:
    """A certificate request, DER."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever it says")])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm)
    return request.public_bytes(serialization.Encoding.DER)


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key as partners make it."""
    return ec.generate_private_key(ec.SECP256R1())


def ask(hub: HubUnderTest, partner_id: str, key: Key) -> pb.IssueCertificateResponse:
    """Asks for a partner's certificate."""
    return hub.alice.operators.IssueCertificate(
        pb.IssueCertificateRequest(
            holder_kind=pb.HOLDER_KIND_PARTNER, holder_id=partner_id, request_der=request_for(key)
        )
    )


def minted(answer: pb.IssueCertificateResponse, key: Key) -> Minted:
    """What a partner connects with."""
    chain = [x509.load_der_x509_certificate(der) for der in answer.chain_der]
    pem = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain)
    return Minted(pem, encode_key(key))


def issuances(hub: HubUnderTest, partner_id: str) -> list[Issuance]:
    """What the ledger holds of a partner's issuances."""
    with hub.hub.ledger.read() as txn:
        return [each for each in list_newest(txn, Issuance) if each.key.holder_id == partner_id]


def steps(hub: HubUnderTest, partner_id: str) -> list[str]:
    """The steps of issuances in the audit log."""
    entries = [each for each in hub.entries() if each.facts.get("holder") == partner_id]
    return [each.facts["step"] for each in entries if "step" in each.facts]


def test_a_certificate_is_intended_signed_and_registered(hub: HubUnderTest) -> None:
    """The holder is let in with it, and the log holds both steps with serial and key digest."""
    partner_id = new_partner()
    hub.create_partner(partner_id)
    hub.agree(partner_id)
    key = new_key()
    answer = ask(hub, partner_id, key)
    leaf = x509.load_der_x509_certificate(answer.chain_der[0])
    assert answer.certificate.serial_hex == f"{leaf.serial_number:x}"
    assert answer.certificate.fingerprint == leaf.fingerprint(hashes.SHA256())
    assert steps(hub, partner_id) == ["intended", "registered"]
    entry = hub.entries()[answer.entry_index]
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert entry.facts["serial"] == answer.certificate.serial_hex
    assert entry.facts["spki_sha256"] == hashlib.sha256(spki).hexdigest()
    assert entry.facts["profile"] == "partner"
    hub.connect(minted(answer, key)).agreements.GetAgreement(agreement_pb.GetAgreementRequest())


def test_asked_again_it_is_the_same_certificate(hub: HubUnderTest) -> None:
    """A lost answer costs nothing: the same key gets the same certificate again."""
    partner_id = new_partner()
    hub.create_partner(partner_id)
    key = new_key()
    first, again = ask(hub, partner_id, key), ask(hub, partner_id, key)
    assert first.chain_der == again.chain_der
    assert again.entry_index > first.entry_index
    assert steps(hub, partner_id) == ["intended", "registered", "repeated"]
