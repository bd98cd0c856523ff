from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from rongan_share.ca import Issuer
from rongan_share.clock import SystemClock
from rongan_share.v1 import operator_service_pb2 as operator_pb
from tests.support.hub import HubUnderTest, Stubs, refusal, running_hub
from tests.support.pki import Key, Minted, TestPki
from tests.support.resigned import of_version_1, over_sha1
from tests.walk.asking import (
    TIMEOUT,
    Refused,
    advance,
    ask_stream,
    check,
    entries_from,
    fresh,
    log_size,
    opened,
    question,
    refused,
    send_frames,
    verdict_frame,
    verdict_open,
)

Mint = Callable[[TestPki], Minted]

ONE_URI = "exactly one URI name"
OUR_DOMAIN = "a name in this hub's trust domain"
OUR_PATH = "/partner/<id> or /operator/<id>"
SHORT_LIFE = "a lifetime of at most 398 days"
GOOD_HASH = "signed over SHA-256, SHA-384 or SHA-512"
GOOD_KEY = "a P-256, P-384 or RSA key of at least 2048 bits"


def issuer_of(pki: TestPki) -> Issuer:
    """The authority of clients."""
    return pki.hierarchy.client_authority.load()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub by the machine's clock, which is the one that TLS compares dates with."""
    home = tmp_path_factory.mktemp("real") / "home"
    with running_hub(home, SystemClock()) as hub:
        hub.partner("p-good")
        yield hub


@pytest.fixture(scope="module")
def known(hub: HubUnderTest) -> None:
    """Two partners that certificates may name."""
    for partner_id in ("p-good", "p-other"):
        hub.partner(partner_id)


HANDSHAKE: dict[str, Mint | None] = {
    "none": None,
    "self-signed": lambda pki: pki.self_signed("p-good"),
    "other authority of the same name": lambda pki: pki.other_authority_same_name("p-good"),
    "expired": lambda pki: pki.expired("p-good"),
    "future": lambda pki: pki.future("p-good"),
    "the hub's own": TestPki.hub_as_client,
    "signed by the hub authority": lambda pki: pki.signed_by_hub_authority("p-good"),
    "signed by a leaf": lambda pki: pki.leaf_signed("p-good"),
    "signed by the root": lambda pki: pki.signed_by_root("p-good"),
    "for servers only": lambda pki: pki.server_usage_only("p-good"),
    "for any usage": lambda pki: pki.any_usage("p-good"),
    "P-521": lambda pki: pki.with_key("p-good", ec.generate_private_key(ec.SECP521R1())),
    "Ed25519": lambda pki: pki.with_key("p-good", ed25519.Ed25519PrivateKey.generate()),
}


@pytest.mark.parametrize("mint", HANDSHAKE.values(), ids=HANDSHAKE.keys())
def test_tls_refuses_in_the_handshake(real: HubUnderTest, mint: Mint | None) -> None:
    """The client sees UNAVAILABLE without ErrorInfo; no handler runs: nothing is entered."""
    caller = real.connect(None if mint is None else mint(real.pki))
    before = log_size(real)
    with pytest.raises(grpc.RpcError) as caught:
        check(caller, fresh())
    assert refusal(caught.value) == ("UNAVAILABLE", "", {})
    assert log_size(real) == before


UNREADABLE: dict[str, tuple[Mint, str]] = {
    "two URI names": (lambda pki: pki.two_uri_names("p-good", "p-other"), ONE_URI),
    "common name only": (lambda pki: pki.common_name_only("p-good"), ONE_URI),
    "foreign trust domain": (lambda pki: pki.foreign_trust_domain("p-good"), OUR_DOMAIN),
    "escaped": (lambda pki: pki.with_uri("spiffe://rongan.test/partner/p%2egood"), OUR_PATH),
    "upper case": (lambda pki: pki.with_uri("spiffe://rongan.test/partner/P-GOOD"), OUR_PATH),
    "upper-case domain": (
        lambda pki: pki.with_uri("spiffe://RONGAN.test/partner/p-good"),
        OUR_DOMAIN,
    ),
    "trailing slash": (lambda pki: pki.with_uri("spiffe://rongan.test/partner/p-good/"), OUR_PATH),
    "query": (lambda pki: pki.with_uri("spiffe://rongan.test/partner/p-good?x=1"), OUR_PATH),
    "other kind": (lambda pki: pki.with_uri("spiffe://rongan.test/hub/p-good"), OUR_PATH),
    "no usage": (lambda pki: pki.no_usage("p-good"), "key usages are present"),
    "RSA-1024": (
        lambda pki: pki.with_key("p-good", rsa.generate_private_key(65537, 1024)),
        GOOD_KEY,
    ),
    "thirty years": (lambda pki: pki.lifetime_over_policy("p-good"), SHORT_LIFE),
    "version 1": (lambda pki: of_version_1(pki.partner("p-good"), issuer_of(pki)), "version 3"),
    "over SHA-1": (lambda pki: over_sha1(pki.partner("p-good"), issuer_of(pki)), GOOD_HASH),
}


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(("mint", "rule"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_certificate_that_names_nobody(hub: HubUnderTest, mint: Mint, rule: str) -> None:
    """Our authority signed it, but it names nobody by the rules, and so does the entry."""
    caller = hub.connect(mint(hub.pki))
    told = refused(hub, lambda: check(caller, fresh()), by="")
    assert told == ("UNAUTHENTICATED", "IDENTITY_UNREADABLE", {"rule": rule})


UNREGISTERED: dict[str, Mint] = {
    "other key": lambda pki: pki.partner("p-good"),
    "other partner in a DNS name": lambda pki: pki.other_id_in_dns_name("p-good", "p-other"),
    "serial used before": lambda pki: pki.serial_reused(pki.partner("p-good"), "p-good"),
    # TLS does not hold its trust anchor to its path length; the registration does.
    "below an authority that may have none": lambda pki: pki.path_length_broken("p-good"),
}


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("mint", UNREGISTERED.values(), ids=UNREGISTERED.keys())
def test_unregistered_certificate(hub: HubUnderTest, mint: Mint) -> None:
    """A certificate that was never registered proves nothing, even of a known partner."""
    caller = hub.connect(mint(hub.pki))
    told = refused(hub, lambda: check(caller, fresh()), by="p-good")
    assert told == ("UNAUTHENTICATED", "CERTIFICATE_NOT_REGISTERED", {})


def test_serial_of_a_registered_certificate(hub: HubUnderTest) -> None:
    """The certificate itself is registered, not its serial number."""
    hub.create_partner("p-serial")
    good = hub.pki.partner("p-serial")
    hub.register(good)
    caller = hub.connect(hub.pki.serial_reused(good, "p-serial"))
    told = refused(hub, lambda: check(caller, fresh()), by="p-serial")
    assert told == ("UNAUTHENTICATED", "CERTIFICATE_NOT_REGISTERED", {})


def test_unknown_partner(hub: HubUnderTest) -> None:
    """A good certificate of a partner that the hub does not know."""
    caller = hub.connect(hub.pki.partner("p-nobody"))
    told = refused(hub, lambda: check(caller, fresh()), by="p-nobody")
    assert told == ("UNAUTHENTICATED", "CALLER_UNKNOWN", {})


def test_caller_comes_before_what_it_asks(hub: HubUnderTest) -> None:
    """Who is not let in learns nothing of its request's form and opens no stream to idle on."""
    caller = hub.connect(hub.pki.partner("p-nobody"))
    unknown = Refused("UNAUTHENTICATED", "CALLER_UNKNOWN", {})
    assert refused(hub, lambda: check(caller, fresh(), purpose=0), by="p-nobody") == unknown
    assert refused(hub, lambda: ask_stream(caller, verdict_open()), by="p-nobody") == unknown
    assert refused(hub, lambda: ask_stream(caller), by="p-nobody") == unknown
    assert refused(hub, lambda: send_frames(caller), by="p-nobody") == unknown


def test_unknown_operator(hub: HubUnderTest) -> None:
    """A good certificate of an unknown operator, named like a partner."""
    caller = hub.connect(hub.pki.operator("p-good"))
    told = refused(hub, lambda: status(caller), by="p-good")
    assert told == ("UNAUTHENTICATED", "CALLER_UNKNOWN", {})
    assert entries_from(hub, log_size(hub) - 1)[0].caller_kind == "operator"


def test_dns_name_counts_for_nothing(hub: HubUnderTest) -> None:
    """A registered certificate acts for its URI name, whatever its DNS names say."""
    hub.create_partner("p-dns")
    minted = hub.pki.other_id_in_dns_name("p-dns", "p-other")
    hub.register(minted)
    hub.agree("p-dns")
    answer = check(hub.connect(minted), fresh())
    assert entries_from(hub, answer.entry_index)[0].caller_id == "p-dns"


def test_other_keys_of_clients(hub: HubUnderTest) -> None:
    """RSA of 2048 bits and P-384 are allowed to clients."""
    keys: list[Key] = [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP384R1()),
    ]
    for number, key in enumerate(keys):
        hub.create_partner(f"p-key-{number}")
        minted = hub.pki.with_key(f"p-key-{number}", key)
        hub.register(minted)
        hub.agree(f"p-key-{number}")
        assert check(hub.connect(minted), fresh()).entry_index


def test_metadata_names_nobody(hub: HubUnderTest) -> None:
    """Metadata and authority that claim another partner, even twice, are ignored."""
    hub.create_partner("p-meta")
    minted = hub.pki.partner("p-meta")
    hub.register(minted)
    hub.agree("p-meta")
    options = (("grpc.default_authority", "p-other.localhost"), claims_to_be_localhost())
    credentials = grpc.ssl_channel_credentials(
        hub.pki.hub_roots_pem, minted.key_pem, minted.certificate_chain_pem
    )
    claims = (("x-partner-id", "p-other"), ("x-partner-id", "hub"), ("x-forwarded-user", "alice"))
    with grpc.secure_channel(hub.target, credentials, options) as channel:
        stubs = Stubs(channel)
        answer = stubs.verdicts.CheckSubject(question(fresh()), metadata=claims, timeout=TIMEOUT)
        assert entries_from(hub, answer.entry_index)[0].caller_id == "p-meta"
        told = refused(hub, lambda: status(stubs, metadata=claims), by="p-meta")
    assert told == ("PERMISSION_DENIED", "CALLER_KIND_REFUSED", {})


def claims_to_be_localhost() -> tuple[str, str]:
    """The channel option that keeps TLS content while the authority says something else."""
    return ("grpc.ssl_target_name_override", "localhost")


def status(
    caller: Stubs, metadata: tuple[tuple[str, str], ...] = ()
) -> operator_pb.GetHubStatusResponse:
    """Asks what only operators may ask."""
    request = operator_pb.GetHubStatusRequest()
    return caller.operators.GetHubStatus(request, metadata=metadata, timeout=TIMEOUT)


def revoke(hub: HubUnderTest, minted: Minted) -> None:
    """Revokes a certificate."""
    serial = f"{minted.certificate.serial_number:x}"
    hub.alice.operators.RevokeCertificate(
        operator_pb.RevokeCertificateRequest(serial_hex=serial, reason="lost")
    )


def test_revocation_reaches_open_connections(hub: HubUnderTest) -> None:
    """A revoked certificate is refused at the next call or frame of an open connection."""
    hub.create_partner("p-lost")
    minted = hub.pki.partner("p-lost")
    hub.register(minted)
    hub.agree("p-lost")
    caller = hub.connect(minted)
    with opened(caller.verdicts.StreamVerdicts) as frames:
        assert frames.send(verdict_open(), verdict_frame(1, fresh())).not_listed_count == 1
        assert check(caller, fresh()).entry_index
        revoke(hub, minted)
        told = refused(hub, lambda: frames.send(verdict_frame(2, fresh())), by="p-lost")
        assert told.of_stream() == Refused("UNAUTHENTICATED", "CERTIFICATE_REVOKED", {})
    told = refused(hub, lambda: check(caller, fresh()), by="p-lost")
    assert told == ("UNAUTHENTICATED", "CERTIFICATE_REVOKED", {})


def test_other_certificate_survives_a_revocation(hub: HubUnderTest) -> None:
    """Revoking one certificate of a partner leaves its other one alone."""
    caller = hub.partner("p-two")
    second = hub.pki.partner("p-two")
    hub.register(second)
    revoke(hub, second)
    assert check(caller, fresh()).entry_index
    told = refused(hub, lambda: check(hub.connect(second), fresh()), by="p-two")
    assert told == ("UNAUTHENTICATED", "CERTIFICATE_REVOKED", {})


def test_certificate_ends_by_the_hubs_clock(hub: HubUnderTest) -> None:
    """A certificate that is not valid by the hub's clock is refused on an open connection."""
    caller = hub.partner("p-ends")
    minted = hub.pki.partner("p-ends")
    lifetime = minted.certificate.not_valid_after_utc - hub.clock.now()
    assert check(caller, fresh()).entry_index
    advance(hub, seconds=lifetime.total_seconds() + 1)
    try:
        told = refused(hub, lambda: check(caller, fresh()), by="p-ends")
    finally:
        advance(hub, seconds=-lifetime.total_seconds() - 1)
    assert told == ("UNAUTHENTICATED", "CERTIFICATE_EXPIRED", {})
    advance(hub, days=-30)
    try:
        told = refused(hub, lambda: check(caller, fresh()), by="p-ends")
    finally:
        advance(hub, days=30)
    assert told == ("UNAUTHENTICATED", "CERTIFICATE_EXPIRED", {})


def test_registration_takes_partners_of_our_issuer_only(hub: HubUnderTest) -> None:
    """A certificate that could never come in, or of another issuer, is not registered."""
    hub.create_partner("p-reg")
    by_root = hub.pki.signed_by_root("p-reg")
    told = refused(hub, lambda: hub.register(by_root), by="alice")
    broken = {"field": "certificate_der", "rule": "issued by the client intermediate"}
    assert told == ("INVALID_ARGUMENT", "REQUEST_MALFORMED", broken)
    told = refused(hub, lambda: hub.register(hub.pki.operator("carol")), by="alice")
    broken = {"field": "certificate_der", "rule": "a certificate of a partner"}
    assert told == ("INVALID_ARGUMENT", "REQUEST_MALFORMED", broken)
    told = refused(hub, lambda: hub.register(hub.pki.no_usage("p-reg")), by="alice")
    broken = {"field": "certificate_der", "rule": "key usages are present"}
    assert told == ("INVALID_ARGUMENT", "REQUEST_MALFORMED", broken)
    good = hub.pki.partner("p-reg")
    hub.register(good)
    told = refused(hub, lambda: hub.register(good), by="alice")
    assert told == ("ALREADY_EXISTS", "RESOURCE_EXISTS", {"resource": "certificate"})
