"""Issuing certificates: the intent, the signature, the registration; and each of them missing.

trust: T4, T5, C6.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack

import grpc
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from rongan_share.clock import monotonic_ns, nanoseconds
from rongan_share.errors import RonganError
from rongan_share.gate.notes import note_maker
from rongan_share.ledger.committer import Proposal
from rongan_share.ledger.objects import list_newest
from rongan_share.model.issuance import Cause, Issuance, IssuanceState
from rongan_share.model.partner import HolderKind, PartnerState
from rongan_share.processes.revocations import RevocationList
from rongan_share.processes.signing import SignerClient
from rongan_share.services.intents import certified_key, intend, put_issuance
from rongan_share.services.partners import write_partner
from rongan_share.v1 import agreement_service_pb2 as agreement_pb
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.wire.signer_frames import short_name
from tests.support.hub import HubUnderTest, refusal
from tests.support.pki import Key, Minted, encode_key
from tests.walk.asking import advance

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


def refused(hub: HubUnderTest, **fields: object) -> tuple[str, dict[str, str]]:
    """Asks for what must be refused; returns reason and metadata."""
    with pytest.raises(grpc.RpcError) as caught:
        hub.alice.operators.IssueCertificate(pb.IssueCertificateRequest(**fields))  # type: ignore[arg-type]
    _, reason, metadata = refusal(caught.value)
    return reason, metadata


@pytest.mark.parametrize(
    ("key", "word"),
    [
        (lambda: ec.generate_private_key(ec.SECP521R1()), "curve secp521r1"),
        (ed25519.Ed25519PrivateKey.generate, "Ed25519"),
        (lambda: rsa.generate_private_key(65_537, 1_024), "1024 bits"),
    ],
)
def test_unfit_keys_are_refused_with_their_rule(
    hub: HubUnderTest, key: Callable[[], Key], word: str
) -> None:
    """trust: T4, T5. Nothing is intended for them."""
    partner_id = new_partner()
    hub.create_partner(partner_id)
    reason, metadata = refused(
        hub,
        holder_kind=pb.HOLDER_KIND_PARTNER,
        holder_id=partner_id,
        request_der=request_for(key()),
    )
    assert (reason, metadata["field"]) == ("REQUEST_MALFORMED", "request_der")
    assert word in metadata["rule"]
    assert issuances(hub, partner_id) == []


def test_holders_that_do_not_fit_are_refused(hub: HubUnderTest) -> None:
    """Nobody unknown, no other operator, no hub without a name, nobody who has left."""
    der = request_for(new_key())
    kinds = {"partner": pb.HOLDER_KIND_PARTNER, "hub": pb.HOLDER_KIND_HUB}
    nobody = refused(hub, holder_kind=kinds["partner"], holder_id="nobody", request_der=der)
    assert nobody == ("RESOURCE_NOT_FOUND", {"resource": "partner"})
    other = refused(hub, holder_kind=pb.HOLDER_KIND_OPERATOR, holder_id="bob", request_der=der)
    assert (other[0], other[1]["field"]) == ("REQUEST_MALFORMED", "holder_id")
    for names in ([], ["*.example"]):
        hosts = refused(hub, holder_kind=kinds["hub"], host_names=names, request_der=der)
        assert (hosts[0], hosts[1]["field"]) == ("REQUEST_MALFORMED", "host_names")
    named = refused(
        hub,
        host_names=["hub.example"],
        holder_kind=kinds["partner"],
        holder_id="nobody",
        request_der=der,
    )
    assert named[1]["field"] == "host_names"


def test_signer_away_leaves_the_intent(hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """trust: C6. Asked again with the same key it goes on: same serial number, same dates."""
    monkeypatch.setattr("rongan_share.processes.signing.PATIENCE_SECONDS", 0.2)
    partner_id, key = new_partner(), new_key()
    hub.create_partner(partner_id)
    hub.signer.stop()
    try:
        with pytest.raises(grpc.RpcError) as caught:
            ask(hub, partner_id, key)
    finally:
        hub.start_signer()
    assert refusal(caught.value)[:2] == ("UNAVAILABLE", "SIGNER_UNAVAILABLE")
    (intent,) = issuances(hub, partner_id)
    assert intent.state is IssuanceState.INTENDED
    assert steps(hub, partner_id) == ["intended"]
    advance(hub, hours=1)
    leaf = x509.load_der_x509_certificate(ask(hub, partner_id, key).chain_der[0])
    assert f"{leaf.serial_number:x}" == intent.serial_hex
    assert nanoseconds(leaf.not_valid_before_utc) == intent.not_before_ns
    assert steps(hub, partner_id) == ["intended", "continued", "registered"]


def test_signed_and_not_registered_is_the_same_certificate(hub: HubUnderTest) -> None:
    """trust: C6. Broken off between signature and registration, the next try gives the same."""
    partner_id, key = new_partner(), new_key()
    hub.create_partner(partner_id)
    intent = put_intent(hub, partner_id, key)
    signed = SignerClient(hub.settings.signer.socket).sign(intent.issuance_id)
    assert ask(hub, partner_id, key).chain_der[0] == signed
    assert steps(hub, partner_id) == ["continued", "registered"]


def put_intent(
    hub: HubUnderTest, partner_id: str, key: Key, *, entered: bool = True, **changes: object
) -> Issuance:
    """Writes an intent as a worker would, or altered, or past the log."""
    der = request_for(key)
    certified = certified_key(HolderKind.PARTNER, partner_id, host_names=(), request_der=der)
    intent = intend(certified, der, cause=Cause.OPERATOR, now=hub.clock.now())
    intent = msgspec.structs.replace(intent, **changes)
    facts = intent.facts if entered else {}
    proposal = Proposal(make_entry=note_maker("test/intent", facts), writes=(put_issuance(intent),))
    hub.hub.committer.submit(proposal).result()
    return intent


def not_signed(hub: HubUnderTest, issuance_id: str, caplog: pytest.LogCaptureFixture) -> str:
    """Asks the signer for what it must refuse; returns its reason."""
    caplog.clear()
    with pytest.raises(RonganError) as caught:
        SignerClient(hub.settings.signer.socket).sign(issuance_id)
    assert caught.value.reason.name == "SIGNER_UNAVAILABLE"
    return caplog.records[-1].getMessage().partition(": ")[2]


def test_signer_trusts_no_intent(hub: HubUnderTest, caplog: pytest.LogCaptureFixture) -> None:
    """Unknown, unentered, altered, causeless, void, old: nothing of it is signed."""
    partner_id, key = new_partner(), new_key()
    hub.create_partner(partner_id)
    taken = ask(hub, partner_id, new_key()).certificate.serial_hex
    day = 86_400 * 10**9
    assert not_signed(hub, "0" * 32, caplog) == "no such intent"
    intent = put_intent(hub, partner_id, key)
    before, after = intent.not_before_ns, intent.not_after_ns
    alterations: list[tuple[dict[str, object], str]] = [
        ({"entered": False}, "the audit log does not have the intent"),
        ({"cause": Cause.ENROLMENT}, "no enrolment was used with this key"),
        ({"request_der": request_for(new_key())}, "the key is not that of the request"),
        ({"not_after_ns": after + day}, "the dates are not the profile's"),
        ({"serial_hex": taken}, "the serial number is another certificate's"),
        ({"state": IssuanceState.VOID}, "the intent is void"),
        (
            {"not_before_ns": before - day, "not_after_ns": after - day},
            "the intent is too old, or of a time to come",
        ),
    ]
    for changes, rule in alterations:
        altered = put_intent(hub, partner_id, key, **changes)  # type: ignore[arg-type]
        assert not_signed(hub, altered.issuance_id, caplog) == rule
    with_no_certificate = new_partner()
    hub.create_partner(with_no_certificate)
    follower = put_intent(hub, with_no_certificate, new_key(), cause=Cause.RENEWAL)
    told = not_signed(hub, follower.issuance_id, caplog)
    assert told == "the holder has no certificate to be followed"
    gone = put_intent(hub, "nobody", new_key())
    assert not_signed(hub, gone.issuance_id, caplog) == "no such partner, or it has left"


def test_signer_signs_nothing_for_a_partner_that_has_left(
    hub: HubUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    """Although an intent stands from before."""
    partner_id = new_partner()
    hub.create_partner(partner_id)
    intent = put_intent(hub, partner_id, new_key())
    hub_terminates(hub, partner_id)
    assert not_signed(hub, intent.issuance_id, caplog) == "no such partner, or it has left"


def hub_terminates(hub: HubUnderTest, partner_id: str) -> None:
    """Writes that a partner has left, which no RPC does yet."""
    with hub.hub.ledger.read() as txn:
        partner = hub.hub.walk.registries.current(txn).partners[partner_id]
    left = msgspec.structs.replace(
        partner, state=PartnerState.TERMINATED, version=partner.version + 1
    )
    proposal = Proposal(
        make_entry=note_maker("test/terminated", {}),
        writes=(write_partner(left),),
        bumps_generation=True,
    )
    hub.hub.committer.submit(proposal).result()


def test_bad_clients_keep_nobody_waiting(hub: HubUnderTest) -> None:
    """Half a frame, a frame too long and silence: the next who asks is answered at once."""
    path = hub.settings.signer.socket
    with ExitStack() as open_links:
        for sent in (b"", b"\x05\x00", b"\xff\xff\xff\xff", b"\x03\x00\x00\x00abc"):
            link = open_links.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            with short_name(path) as name:
                link.connect(name)
            link.sendall(sent)
        began = monotonic_ns()
        assert x509.load_der_x509_crl(SignerClient(path).revocation_list()).issuer
        assert monotonic_ns() - began < 10**9


def test_another_user_is_not_answered(hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says who asks; whoever may not is told nothing."""
    monkeypatch.setattr("rongan_share.processes.signing.PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(hub.signer, "_allowed", frozenset({os.geteuid() + 1}))
    with pytest.raises(RonganError) as caught:
        SignerClient(hub.settings.signer.socket).revocation_list()
    assert caught.value.reason.name == "SIGNER_UNAVAILABLE"


def test_revocation_list_holds_what_was_revoked(hub: HubUnderTest) -> None:
    """Signed by the client authority, and written again once another certificate is revoked."""
    partner_id = new_partner()
    hub.create_partner(partner_id)
    keeping = RevocationList(hub.settings, hub.hub.ledger, hub.clock)
    keeping.round(threading.Event())
    serial = ask(hub, partner_id, new_key()).certificate.serial_hex
    assert not keeping.round(threading.Event())
    hub.alice.operators.RevokeCertificate(
        pb.RevokeCertificateRequest(serial_hex=serial, reason="lost")
    )
    assert keeping.round(threading.Event())
    listed = x509.load_pem_x509_crl(hub.settings.signer.revocation_list.read_bytes())
    authority = x509.load_pem_x509_certificate(hub.settings.tls.client_intermediate.read_bytes())
    assert listed.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    assert listed.get_revoked_certificate_by_serial_number(int(serial, 16)) is not None
    assert not keeping.round(threading.Event())
    advance(hub, days=1, seconds=1)
    assert keeping.round(threading.Event())


def test_operators_next_certificates_do_not_pile_up(hub: HubUnderTest) -> None:
    """The one that was issued before and never used is shut out by the next one."""

    def ask_for_alice() -> str:
        request = pb.IssueCertificateRequest(
            holder_kind=pb.HOLDER_KIND_OPERATOR,
            holder_id="alice",
            request_der=request_for(new_key()),
        )
        certificate = hub.alice.operators.IssueCertificate(request).certificate
        assert certificate.state == pb.CERTIFICATE_STATE_NEXT
        return certificate.serial_hex

    serials = [ask_for_alice(), ask_for_alice()]
    listed = hub.alice.operators.ListCertificates(pb.ListCertificatesRequest(holder_id="alice"))
    states = {each.serial_hex: each.state for each in listed.certificates}
    assert states[serials[0]] == pb.CERTIFICATE_STATE_REVOKED
    assert states[serials[1]] == pb.CERTIFICATE_STATE_NEXT
