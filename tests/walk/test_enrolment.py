"""Enrolment: a secret is turned into exactly one certificate (trust: A6)."""

from __future__ import annotations

import hashlib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from rongan_share.ledger.environment import Table
from rongan_share.model.partner import CertificateState
from rongan_share.v1 import agreement_service_pb2 as agreement_pb
from rongan_share.v1 import certificate_service_pb2 as pb
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.trust_bundle import digest_of, verify_pinned
from tests.support.hub import HubUnderTest, refusal, running_hub
from tests.walk.asking import (
    TIMEOUT,
    Refused,
    advance,
    check,
    entries_from,
    fresh,
    log_size,
    refused,
)
from tests.walk.enrolling import (
    REFUSED,
    enroll,
    minted,
    new_key,
    secret_for,
    told,
)


def certificates_of(hub: HubUnderTest, partner_id: str) -> list[operator_pb.Certificate]:
    """What the hub knows of a partner's certificates."""
    request = operator_pb.ListCertificatesRequest(holder_id=partner_id)
    return list(hub.alice.operators.ListCertificates(request).certificates)


def test_secret_becomes_a_certificate(hub: HubUnderTest) -> None:
    """The partner is let in with it, and learns by which roots the hub is recognised."""
    hub.create_partner("en-good")
    hub.agree("en-good")
    size = log_size(hub)
    answer = hub.alice.operators.CreateEnrolment(
        operator_pb.CreateEnrolmentRequest(partner_id="en-good")
    )
    key = new_key()
    given = enroll(hub, "en-good", answer.secret, key=key)
    leaf = x509.load_der_x509_certificate(given.chain_der[0])
    assert leaf.public_key() == key.public_key()
    bundle = verify_pinned(given.trust_bundle, answer.root_digest)
    assert [digest_of(root) for root in bundle.root_der] == [answer.root_digest]
    assert check(hub.connect(minted(given, key)), fresh()).entry_index
    entries = entries_from(hub, size)
    steps = [(each.caller_id, each.kind, each.facts.get("step")) for each in entries[1:3]]
    assert steps == [
        ("en-good", "ISSUANCE", "intended"),
        ("en-good", "ISSUANCE", "registered"),
    ]
    assert given.entry_index == size + 2
    assert {each.facts["cause"] for each in entries[1:3]} == {"enrolment"}


def test_secret_is_kept_nowhere(hub: HubUnderTest) -> None:
    """The store holds its digest alone, and no entry holds either."""
    hub.create_partner("en-kept")
    secret = secret_for(hub, "en-kept")
    enroll(hub, "en-kept", secret, key=new_key())
    with hub.hub.ledger.read() as txn:
        for table in Table:
            for key, value in txn.scan(table):
                assert secret not in key + value
    digest = hashlib.sha256(secret).hexdigest()
    assert all(digest not in str(each.facts) for each in hub.entries())


def test_same_key_asks_again(hub: HubUnderTest) -> None:
    """A lost answer costs nothing: the same key gets the same certificate, another key none."""
    hub.create_partner("en-again")
    secret, key = secret_for(hub, "en-again"), new_key()
    first, again = (enroll(hub, "en-again", secret, key=key) for _ in range(2))
    assert first.chain_der == again.chain_der
    assert told(lambda: enroll(hub, "en-again", secret, key=new_key())) == REFUSED
    assert len(certificates_of(hub, "en-again")) == 1


def test_whatever_is_wrong_is_one_refusal(hub: HubUnderTest) -> None:
    """Unknown, wrong, expired, replaced, another partner's: one answer; the log says which."""
    for name in ("en-a", "en-b"):
        hub.create_partner(name)
    old, other = secret_for(hub, "en-a"), secret_for(hub, "en-b")
    new, key = secret_for(hub, "en-a"), new_key()
    cases = [
        ("nobody", new, "", "no such partner"),
        ("../x\n", new, "", "no such partner"),
        ("en-a", old, "en-a", "wrong secret"),
        ("en-a", other, "en-a", "wrong secret"),
        ("en-a", new[:-1], "en-a", "wrong secret"),
        ("en-a", b"", "en-a", "wrong secret"),
        ("hub", bytes(32), "hub", "none was made"),
    ]
    size = log_size(hub)
    for partner_id, secret, _, _ in cases:
        assert told(partial(enroll, hub, partner_id, secret, key=key)) == REFUSED
    entries = entries_from(hub, size)
    assert [(each.kind, each.caller_id, each.decision) for each in entries] == [
        ("REFUSAL", "", "ENROLMENT_REFUSED")
    ] * len(cases)
    assert [(each.facts["partner"], each.facts["cause"]) for each in entries] == [
        (named, cause) for _, _, named, cause in cases
    ]
    advance(hub, days=1.001)
    try:
        assert told(lambda: enroll(hub, "en-a", new, key=key)) == REFUSED
    finally:
        advance(hub, days=-1.001)
    assert enroll(hub, "en-a", new, key=key).chain_der


def test_wrong_request_does_not_use_the_secret_up(hub: HubUnderTest) -> None:
    """A key that cannot be certified is refused with its rule, after the secret (trust: T5)."""
    hub.create_partner("en-key")
    secret = secret_for(hub, "en-key")
    for key in (ec.generate_private_key(ec.SECP521R1()), rsa.generate_private_key(65537, 1024)):
        answer = told(partial(enroll, hub, "en-key", secret, key=key))
        assert answer[:2] == ("INVALID_ARGUMENT", "REQUEST_MALFORMED")
        assert answer.metadata["field"] == "request_der"
        assert told(partial(enroll, hub, "en-key", bytes(32), key=key)) == REFUSED
    assert enroll(hub, "en-key", secret, key=new_key()).chain_der


def test_races_give_one_certificate(hub: HubUnderTest) -> None:
    """Many who hold the secret ask at once, each with a key of its own: one gets a certificate."""
    hub.create_partner("en-race")
    secret = secret_for(hub, "en-race")
    callers = [hub.enrolling() for _ in range(12)]

    def ask(number: int) -> str:
        try:
            enroll(hub, "en-race", secret, key=new_key(), by=callers[number])
        except grpc.RpcError as error:
            return refusal(error)[1]
        return "given"

    with ThreadPoolExecutor(len(callers)) as pool:
        results = list(pool.map(ask, range(len(callers))))
    assert results.count("given") == 1
    assert set(results) == {"given", "ENROLMENT_REFUSED"}
    assert len(certificates_of(hub, "en-race")) == 1


def test_enrolment_is_for_known_partners(hub: HubUnderTest) -> None:
    """Nothing is made for a partner that is not there; a suspended one may enrol."""
    request = operator_pb.CreateEnrolmentRequest(partner_id="en-none")
    answer = refused(hub, lambda: hub.alice.operators.CreateEnrolment(request), by="alice")
    assert answer == Refused("NOT_FOUND", "RESOURCE_NOT_FOUND", {"resource": "partner"})
    hub.create_partner("en-stopped")
    hub.alice.operators.SuspendPartner(
        operator_pb.SuspendPartnerRequest(partner_id="en-stopped", reason="looked into")
    )
    secret = secret_for(hub, "en-stopped")
    enroll(hub, "en-stopped", secret, key=new_key())
    [found] = certificates_of(hub, "en-stopped")
    assert CertificateState(found.state) is CertificateState.ACTIVE


def test_each_listener_serves_its_own(hub: HubUnderTest) -> None:
    """The enrolment listener serves one RPC, which the main one does not."""
    outside, inside = hub.enrolling(), hub.alice
    for call in (
        lambda: outside.agreements.GetTaxonomy(agreement_pb.GetTaxonomyRequest()),
        lambda: outside.certificates.RenewCertificate(pb.RenewCertificateRequest()),
        lambda: outside.certificates.GetTrustBundle(pb.GetTrustBundleRequest()),
        lambda: outside.operators.GetHubStatus(operator_pb.GetHubStatusRequest()),
        lambda: inside.certificates.EnrollCertificate(pb.EnrollCertificateRequest()),
    ):
        assert told(call)[0] == "UNIMPLEMENTED"


def test_no_certificate_changes_who_enrols(hub: HubUnderTest) -> None:
    """The enrolment listener asks for no client certificate; the request alone says who it is."""
    hub.create_partner("en-tls")
    secret, key = secret_for(hub, "en-tls"), new_key()
    size = log_size(hub)
    answer = enroll(hub, "en-tls", secret, key=key)
    [first, second] = entries_from(hub, size)
    assert {first.serial_hex, second.serial_hex} == {""}
    leaf = x509.load_der_x509_certificate(answer.chain_der[0])
    assert second.facts["serial"] == f"{leaf.serial_number:x}"
    assert leaf.fingerprint(hashes.SHA256()) == certificates_of(hub, "en-tls")[0].fingerprint


def test_signer_away_does_not_use_the_secret_up(hub: HubUnderTest) -> None:
    """The intent is listed meanwhile, and whoever asks again with the same key goes on with it."""
    hub.create_partner("en-away")
    secret, key = secret_for(hub, "en-away"), new_key()
    hub.signer.stop()
    try:
        away = told(partial(enroll, hub, "en-away", secret, key=key))
    finally:
        hub.start_signer()
    assert away == Refused("UNAVAILABLE", "SIGNER_UNAVAILABLE", {})
    [intended] = certificates_of(hub, "en-away")
    assert (CertificateState(intended.state), intended.fingerprint) == (
        CertificateState.INTENDED,
        b"",
    )
    given = enroll(hub, "en-away", secret, key=key)
    [found] = certificates_of(hub, "en-away")
    assert found.serial_hex == intended.serial_hex
    assert found.fingerprint == hashlib.sha256(given.chain_der[0]).digest()


def test_root_is_found_by_its_digest(hub: HubUnderTest) -> None:
    """A client without a root finds it in the handshake, and then trusts that one alone."""
    answer = hub.alice.operators.CreateEnrolment(
        operator_pb.CreateEnrolmentRequest(partner_id="hub")
    )
    shown = shown_chain(hub.hub.enrolment_port)
    found = [each for each in shown if digest_of(each) == answer.root_digest]
    assert len(shown) == 3
    [root] = found
    pem = x509.load_der_x509_certificate(root).public_bytes(serialization.Encoding.PEM)
    hub.create_partner("en-pin")
    secret = secret_for(hub, "en-pin")
    by = hub.enrolling(pem)
    assert enroll(hub, "en-pin", secret, key=new_key(), by=by).chain_der


def shown_chain(port: int) -> list[bytes]:
    """Returns the certificates that a listener shows, DER, unverified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as plain,
        context.wrap_socket(plain) as secured,
    ):
        assert secured.version() == "TLSv1.3"
        return [
            ssl.PEM_cert_to_DER_cert(each.public_bytes())
            for each in secured._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
        ]


def test_flood_is_refused_and_counted(tmp_path: Path) -> None:
    """Whoever asks too often is told when to come again, and each refusal is in the log."""
    with running_hub(tmp_path / "home") as hub:
        settings = hub.home / "hub.toml"
        lines = settings.read_text().replace(
            "[keys]", "enrolments_per_address = 1\nenrolment_burst_per_address = 3\n\n[keys]"
        )
        settings.write_text(lines)
        hub.restart()
        ask = partial(enroll, hub, "x", bytes(32), key=new_key(), by=hub.enrolling())
        answers = [told(ask) for _ in range(5)]
        limit = Refused("RESOURCE_EXHAUSTED", "TOO_MANY_CALLS", {"limit": "address", "most": "3"})
        assert answers[0] == REFUSED
        assert answers[-1] == limit
        decisions = [each.decision for each in hub.entries() if each.kind == "REFUSAL"]
        assert decisions == [answer.reason for answer in answers]


def test_clock_that_was_ahead(tmp_path: Path) -> None:
    """What was intended by a clock a day ahead, and not signed, keeps no key out for that day."""
    with running_hub(tmp_path / "home") as hub:
        hub.create_partner("en-ahead")
        secret, key = secret_for(hub, "en-ahead"), new_key()
        advance(hub, hours=23)
        hub.signer.stop()
        away = told(lambda: enroll(hub, "en-ahead", secret, key=key))
        assert away.reason == "SIGNER_UNAVAILABLE"
        hub.start_signer()
        advance(hub, hours=-23)
        given = enroll(hub, "en-ahead", secret, key=key)
        leaf = x509.load_der_x509_certificate(given.chain_der[0])
        assert leaf.not_valid_before_utc <= hub.clock.now()
