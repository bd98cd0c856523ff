from __future__ import annotations

from collections.abc import Callable

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.support.echo_server import METHOD
from tests.support.pki import Minted, TestPki

Mint = Callable[[TestPki], Minted]


def without_intermediate(pki: TestPki) -> Minted:
    """A good certificate sent alone."""
    good = pki.partner("bank-a")
    leaf, _, _ = good.certificate_chain_pem.partition(b"-----END CERTIFICATE-----\n")
    return Minted(leaf + b"-----END CERTIFICATE-----\n", good.key_pem)


def rsa_1024(pki: TestPki) -> Minted:
    """A certificate for a key that is too small."""
    return pki.with_key("bank-a", rsa.generate_private_key(65_537, 1_024))


REFUSED_BY_TLS: dict[str, Mint] = {
    "expired": lambda pki: pki.expired("bank-a"),
    "future": lambda pki: pki.future("bank-a"),
    "self-signed": lambda pki: pki.self_signed("bank-a"),
    "other authority": lambda pki: pki.other_authority_same_name("bank-a"),
    "server usage only": lambda pki: pki.server_usage_only("bank-a"),
    "hub as client": lambda pki: pki.hub_as_client(),
    "hub authority": lambda pki: pki.signed_by_hub_authority("bank-a"),
    "root": lambda pki: pki.signed_by_root("bank-a"),
    "leaf-signed": lambda pki: pki.leaf_signed("bank-a"),
    "any usage": lambda pki: pki.any_usage("bank-a"),
    "P-521": lambda pki: pki.with_key("bank-a", ec.generate_private_key(ec.SECP521R1())),
    "Ed25519": lambda pki: pki.with_key("bank-a", ed25519.Ed25519PrivateKey.generate()),
}

LEFT_TO_THE_GATE: dict[str, Mint] = {
    "two URI names": lambda pki: pki.two_uri_names("bank-a", "bank-b"),
    "common name only": lambda pki: pki.common_name_only("bank-a"),
    "foreign trust domain": lambda pki: pki.foreign_trust_domain("bank-a"),
    "trailing slash": lambda pki: pki.with_uri("spiffe://rongan.test/partner/bank-a/"),
    "other id in DNS name": lambda pki: pki.other_id_in_dns_name("bank-a", "bank-b"),
    # BoringSSL does not hold a trust anchor to its own path length, be it a root or not.
    "path length": lambda pki: pki.path_length_broken("bank-a"),
    "no usage": lambda pki: pki.no_usage("bank-a"),
    "thirty years": lambda pki: pki.lifetime_over_policy("bank-a"),
    "serial reused": lambda pki: pki.serial_reused(pki.partner("bank-b"), "bank-a"),
    "RSA-1024": rsa_1024,
}


@pytest.fixture(scope="module")
def port(start_server: Callable[[str | None], int]) -> int:
    """A server as the hub starts it."""
    return start_server("ECDHE-RSA-AES256-GCM-SHA384")


def call(port: int, client: Minted | None, pki: TestPki) -> bytes:
    """Makes one call over a connection of its own."""
    chain, key = client or (None, None)
    credentials = grpc.ssl_channel_credentials(pki.hub_roots_pem, key, chain)
    with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
        echo: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        return echo(b"hello", timeout=10)


@pytest.mark.parametrize("kind", ["partner", "operator"])
def test_good_certificates_pass(port: int, pki: TestPki, kind: str) -> None:
    """A hub that trusts the client intermediate alone, and not the root, lets both kinds in."""
    assert call(port, getattr(pki, kind)("bank-a"), pki) == b"hello"


def test_the_intermediate_need_not_be_sent(port: int, pki: TestPki) -> None:
    """The intermediate is itself the trust anchor, so a leaf sent alone is enough."""
    assert call(port, without_intermediate(pki), pki) == b"hello"


def test_no_certificate_is_refused(port: int, pki: TestPki) -> None:
    """Without a certificate the handshake fails and no handler runs."""
    with pytest.raises(grpc.RpcError) as refusal:
        call(port, None, pki)
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("name", REFUSED_BY_TLS)
def test_refused_by_tls(port: int, pki: TestPki, name: str) -> None:
    """What breaks the chain, the dates or the usage ends in the handshake."""
    with pytest.raises(grpc.RpcError) as refusal:
        call(port, REFUSED_BY_TLS[name](pki), pki)
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("name", LEFT_TO_THE_GATE)
def test_left_to_the_gate(port: int, pki: TestPki, name: str) -> None:
    """TLS lets these pass, which is why the gate reads every certificate itself."""
    assert call(port, LEFT_TO_THE_GATE[name](pki), pki) == b"hello"


def test_the_issuer_tells_a_broken_path_length(pki: TestPki) -> None:
    """Asking who signed the leaf itself finds an authority that should not exist."""
    authority = pki.hierarchy.client_authority.load().certificate
    pki.partner("bank-a").certificate.verify_directly_issued_by(authority)
    with pytest.raises(ValueError, match=r"[Ii]ssuer"):
        pki.path_length_broken("bank-a").certificate.verify_directly_issued_by(authority)
