"""A throw-away set of authorities that also signs what the real one never would.

The good certificates come from ``rongan_share.ca``; the odd ones are built by hand below the same
authorities, so that each differs from a good one in exactly the way its name says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from rongan_share.ca import (
    Hierarchy,
    Holder,
    Issuer,
    ProfileName,
    create_hierarchy,
    encode_chain,
    generate_private_key,
    issue_intermediate,
    issue_leaf,
    load_profile,
)

TRUST_DOMAIN = "rongan.test"
"""Trust domain of the hierarchy that ``TestPki.create`` makes."""

DAY = timedelta(days=1)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class Minted(NamedTuple):
    """A certificate chain, leaf first, and the leaf's key, both PEM."""

    certificate_chain_pem: bytes
    key_pem: bytes

    @property
    def certificate(self) -> x509.Certificate:
        """The leaf."""
        return x509.load_pem_x509_certificate(self.certificate_chain_pem)


@dataclass(frozen=True, slots=True)
class _Draft:
    """All that an odd certificate may be odd in."""

    common_name: str
    names: tuple[x509.GeneralName, ...]
    first: datetime
    last: datetime
    usages: tuple[ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH,)
    path_length: int | None = None
    authority: bool = False


def encode_key(key: Key) -> bytes:
    """Writes a private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def uri_name(kind: str, holder_id: str, *, trust_domain: str = TRUST_DOMAIN) -> x509.GeneralName:
    """Writes a URI name as the real authority would; ``kind`` is partner or operator."""
    return x509.UniformResourceIdentifier(f"spiffe://{trust_domain}/{kind}/{holder_id}")


class TestPki:
    """Mints client certificates, good and odd, below the authorities of one hub.

    Args:
        hierarchy: The hub's files, whose authorities sign.
        now: Present instant; TLS compares with the machine's clock, so give the real one there.
        trust_domain: Trust domain of the hub.
    """

    __test__ = False

    def __init__(
        self, hierarchy: Hierarchy, *, now: datetime, trust_domain: str = TRUST_DOMAIN
    ) -> None:
        self.hierarchy = hierarchy
        self.trust_domain = trust_domain
        self._now = now.replace(microsecond=0)
        self._clients = hierarchy.client_authority.load()

    @classmethod
    def create(cls, directory: Path, *, now: datetime) -> TestPki:
        """Makes a new hierarchy for a hub on the loopback, with two operators."""
        hierarchy = create_hierarchy(
            directory,
            trust_domain=TRUST_DOMAIN,
            hub_names=["localhost", "127.0.0.1"],
            operators=["operator-a", "operator-b"],
            now=now,
        )
        return cls(hierarchy, now=now)

    @property
    def hub(self) -> Minted:
        """The hub's own chain and key."""
        files = self.hierarchy.hub
        return Minted(files.certificate.read_bytes(), files.key.read_bytes())

    @property
    def client_roots_pem(self) -> bytes:
        """What the hub trusts for its clients."""
        return self.hierarchy.hub.roots.read_bytes()

    @property
    def hub_roots_pem(self) -> bytes:
        """What clients trust for the hub."""
        return self.hierarchy.hub_roots.read_bytes()

    def next_hub(self, *, hosts: Sequence[str] = ("localhost", "127.0.0.1")) -> Minted:
        """Another good certificate of the hub, with a key of its own."""
        return _leaf_below(
            self.hierarchy.hub_authority.load(),
            Holder(self.trust_domain, hosts=tuple(hosts)),
            name=ProfileName.HUB,
            now=self._now,
        )

    def next_clients(self) -> TestPki:
        """Mints below a new client authority of the same root."""
        profile = load_profile(ProfileName.CLIENT_INTERMEDIATE)
        successor = TestPki(self.hierarchy, now=self._now, trust_domain=self.trust_domain)
        successor._clients = issue_intermediate(
            self.hierarchy.root.load(),
            generate_private_key(profile),
            holder=Holder(self.trust_domain),
            profile=profile,
            now=self._now,
        )
        return successor

    @property
    def client_authority_pem(self) -> bytes:
        """The authority that these client certificates hang below."""
        return encode_chain(self._clients.certificate)

    def partner(self, partner_id: str) -> Minted:
        """A good partner certificate."""
        return self._good(partner_id, ProfileName.PARTNER)

    def operator(self, operator_id: str) -> Minted:
        """A good operator certificate."""
        return self._good(operator_id, ProfileName.OPERATOR)

    def expired(self, partner_id: str) -> Minted:
        """Ended yesterday."""
        draft = self._draft(partner_id)
        return self._odd(replace(draft, first=self._now - 9 * DAY, last=self._now - DAY))

    def future(self, partner_id: str) -> Minted:
        """Begins tomorrow."""
        draft = self._draft(partner_id)
        return self._odd(replace(draft, first=self._now + DAY, last=self._now + 9 * DAY))

    def self_signed(self, partner_id: str) -> Minted:
        """Signed by its own key."""
        key = ec.generate_private_key(ec.SECP256R1())
        draft = self._draft(partner_id)
        certificate = _sign(draft, key, issuer_name=_name(partner_id), issuer_key=key)
        return Minted(encode_chain(certificate), encode_key(key))

    def other_authority_same_name(self, partner_id: str) -> Minted:
        """Signed by a stranger who took the name of our client authority."""
        stranger = self._authority_named(self._clients.certificate.subject)
        return self._odd(self._draft(partner_id), issuer=stranger)

    def two_uri_names(self, partner_id: str, other_id: str) -> Minted:
        """Names two partners."""
        names = (self._uri(partner_id), self._uri(other_id))
        return self._odd(replace(self._draft(partner_id), names=names))

    def common_name_only(self, partner_id: str) -> Minted:
        """Has the partner's id in the common name and no alternative name."""
        return self._odd(replace(self._draft(partner_id), names=()))

    def foreign_trust_domain(self, partner_id: str) -> Minted:
        """Names the partner in another trust domain."""
        name = uri_name("partner", partner_id, trust_domain="elsewhere.test")
        return self._odd(replace(self._draft(partner_id), names=(name,)))

    def with_uri(self, uri: str, *, common_name: str = "odd") -> Minted:
        """Carries the given text as its single URI name."""
        names = (x509.UniformResourceIdentifier(uri),)
        return self._odd(replace(self._draft(common_name), names=names))

    def other_id_in_dns_name(self, partner_id: str, other_id: str) -> Minted:
        """Names one partner in the URI and another in a DNS name."""
        names = (self._uri(partner_id), x509.DNSName(other_id))
        return self._odd(replace(self._draft(partner_id), names=names))

    def server_usage_only(self, partner_id: str) -> Minted:
        """May be a server and not a client."""
        usages = (ExtendedKeyUsageOID.SERVER_AUTH,)
        return self._odd(replace(self._draft(partner_id), usages=usages))

    def server_below_client_authority(self, host: str) -> Minted:
        """Pretends to be the hub, with a certificate that only the hub authority should sign."""
        usages = (ExtendedKeyUsageOID.SERVER_AUTH,)
        return self._odd(replace(self._draft(host), names=(x509.DNSName(host),), usages=usages))

    def any_usage(self, partner_id: str) -> Minted:
        """May be anything, in place of a client."""
        usages = (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)
        return self._odd(replace(self._draft(partner_id), usages=usages))

    def no_usage(self, partner_id: str) -> Minted:
        """Has no extended key usage."""
        return self._odd(replace(self._draft(partner_id), usages=()))

    def hub_as_client(self) -> Minted:
        """The hub's own certificate, shown by a client."""
        return self.hub

    def signed_by_hub_authority(self, partner_id: str) -> Minted:
        """A partner certificate signed by the hub intermediate."""
        return self._odd(self._draft(partner_id), issuer=self.hierarchy.hub_authority.load())

    def signed_by_root(self, partner_id: str) -> Minted:
        """A partner certificate signed by the root itself."""
        return self._odd(self._draft(partner_id), issuer=self.hierarchy.root.load())

    def leaf_signed(self, partner_id: str, *, signer_id: str = "signer") -> Minted:
        """Signed by another partner's good leaf."""
        signer = self.partner(signer_id)
        key = serialization.load_pem_private_key(signer.key_pem, password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        leaf = self._odd(self._draft(partner_id), issuer=Issuer(signer.certificate, key))
        return Minted(leaf.certificate_chain_pem + self._chain_above(), leaf.key_pem)

    def path_length_broken(self, partner_id: str) -> Minted:
        """Signed by an authority that hangs below our client authority, which may have none."""
        names: tuple[x509.GeneralName, ...] = ()
        draft = replace(self._draft("below"), names=names, authority=True, path_length=0)
        key = ec.generate_private_key(ec.SECP256R1())
        below = Issuer(_sign(draft, key, issuer_name=self._issuer_name, issuer_key=self._key), key)
        leaf = self._odd(self._draft(partner_id), issuer=below)
        return Minted(leaf.certificate_chain_pem + self._chain_above(), leaf.key_pem)

    def with_key(self, partner_id: str, key: Key) -> Minted:
        """A good certificate but for the key, which no check has seen."""
        return self._odd(self._draft(partner_id), key=key)

    def lifetime_over_policy(self, partner_id: str) -> Minted:
        """Lives for thirty years."""
        return self.living(partner_id, 30 * 365 * DAY)

    def living(self, partner_id: str, lifetime: timedelta) -> Minted:
        """Lives so long, first and last second included."""
        draft = self._draft(partner_id)
        last = draft.first + lifetime - timedelta(seconds=1)
        return self._odd(replace(draft, last=last))

    def serial_reused(self, minted: Minted, partner_id: str) -> Minted:
        """Has the serial number of another certificate and a key of its own."""
        return self._odd(self._draft(partner_id), serial=minted.certificate.serial_number)

    @property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return self._clients.private_key

    @property
    def _issuer_name(self) -> x509.Name:
        return self._clients.certificate.subject

    def _uri(self, partner_id: str) -> x509.GeneralName:
        return uri_name("partner", partner_id, trust_domain=self.trust_domain)

    def _chain_above(self) -> bytes:
        return encode_chain(self._clients.certificate)

    def _draft(self, partner_id: str) -> _Draft:
        first, last = self._now - DAY, self._now + 30 * DAY
        return _Draft(partner_id, (self._uri(partner_id),), first, last)

    def _good(self, holder_id: str, name: ProfileName) -> Minted:
        holder = Holder(self.trust_domain, holder_id)
        return _leaf_below(self._clients, holder, name=name, now=self._now)

    def _odd(
        self,
        draft: _Draft,
        *,
        issuer: Issuer | None = None,
        key: Key | None = None,
        serial: int | None = None,
    ) -> Minted:
        issuer = issuer or self._clients
        key = key or ec.generate_private_key(ec.SECP256R1())
        leaf = _sign(
            draft,
            key,
            issuer_name=issuer.certificate.subject,
            issuer_key=issuer.private_key,
            serial=serial,
        )
        return Minted(encode_chain(leaf, issuer.certificate), encode_key(key))

    def _authority_named(self, name: x509.Name) -> Issuer:
        key = ec.generate_private_key(ec.SECP256R1())
        draft = replace(self._draft("stranger"), names=(), authority=True, path_length=0)
        return Issuer(_sign(draft, key, issuer_name=name, issuer_key=key, subject=name), key)


def _leaf_below(issuer: Issuer, holder: Holder, *, name: ProfileName, now: datetime) -> Minted:
    profile = load_profile(name)
    key = generate_private_key(profile)
    leaf = issue_leaf(issuer, key.public_key(), holder=holder, profile=profile, now=now)
    return Minted(encode_chain(leaf, issuer.certificate), encode_key(key))


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _sign(
    draft: _Draft,
    key: Key,
    *,
    issuer_name: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    serial: int | None = None,
    subject: x509.Name | None = None,
) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=not draft.authority,
        key_cert_sign=draft.authority,
        crl_sign=draft.authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    issuer_public_key = issuer_key.public_key()
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public_key)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject or _name(draft.common_name))
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(draft.first)
        .not_valid_after(draft.last)
        .add_extension(x509.BasicConstraints(draft.authority, draft.path_length), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(own, critical=False)
        .add_extension(above, critical=False)
    )
    if draft.usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(draft.usages), critical=False)
    if draft.names:
        builder = builder.add_extension(x509.SubjectAlternativeName(draft.names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
