"""Certificates that pretend to be the hub's, each wrong in one way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from rongan_share.ca import Issuer, encode_chain
from tests.support.pki import DAY, Minted, TestPki, encode_key

HOST = "localhost"


def _hub(pki: TestPki, issuer: Issuer | None = None, **odd: object) -> Minted:
    """A hub's certificate, right but for what is named."""
    names = (x509.DNSName(HOST),)
    usages = (ExtendedKeyUsageOID.SERVER_AUTH,)
    draft = replace(pki._draft(HOST), names=names, usages=usages)
    return pki._odd(replace(draft, **odd), issuer=issuer or pki.hierarchy.hub_authority.load())  # type: ignore[arg-type]


def _self_signed(pki: TestPki) -> Minted:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    own = x509.SubjectAlternativeName([x509.DNSName(HOST)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(pki._now - DAY)
        .not_valid_after(pki._now + DAY)
        .add_extension(own, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Minted(encode_chain(certificate), encode_key(key))


def _same_name(pki: TestPki) -> Minted:
    authority = pki.hierarchy.hub_authority.load()
    return _hub(pki, pki._authority_named(authority.certificate.subject))


def _without_intermediate(pki: TestPki) -> Minted:
    good = _hub(pki)
    return Minted(encode_chain(good.certificate), good.key_pem)


def _below_a_leaf(pki: TestPki) -> Minted:
    key = serialization.load_pem_private_key(pki.hub.key_pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    leaf = _hub(pki, Issuer(pki.hub.certificate, key))
    above = encode_chain(pki.hierarchy.hub_authority.load().certificate)
    return Minted(leaf.certificate_chain_pem + above, leaf.key_pem)


def common_name_only(pki: TestPki) -> Minted:
    """Has no alternative name; gRPC then takes the common name for one."""
    return _hub(pki, names=())


ODD_HUBS: Mapping[str, tuple[Callable[[TestPki], Minted], str]] = MappingProxyType(
    {
        "ended": (lambda p: _hub(p, first=p._now - 9 * DAY, last=p._now - 2 * DAY), "hub_ended"),
        "not-begun": (
            lambda p: _hub(p, first=p._now + 2 * DAY, last=p._now + 9 * DAY),
            "hub_not_begun",
        ),
        "self-signed": (_self_signed, "hub_other_root"),
        "without-intermediate": (_without_intermediate, "hub_other_root"),
        "same-name": (_same_name, "hub_other_root"),
        "other-name": (
            lambda p: _hub(p, names=(x509.DNSName("hub.example"),)),
            "hub_other_name",
        ),
        "client-usage": (lambda p: _hub(p, usages=(ExtendedKeyUsageOID.CLIENT_AUTH,)), "hub_unfit"),
        "client-authority": (lambda p: p.server_below_client_authority(HOST), "hub_unfit"),
        "below-a-leaf": (_below_a_leaf, "hub_unfit"),
    }
)
"""How to make each, and what is said of it."""
