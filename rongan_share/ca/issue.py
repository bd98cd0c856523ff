"""Issues certificates: draft, rehearse with a throw-away key, lint, and only then sign.

Nothing here reads a clock or a file. Everything in a certificate is written by us from a profile
and a checked holder; of a request only the public key is left.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from rongan_share.ca.lint import SERIAL_BITS_MAX, lint_certificate
from rongan_share.model.holders import Holder, alternative_names, subject_name
from rongan_share.model.profiles import Profile
from rongan_share.model.public_keys import PublicKey
from rongan_share.model.refusals import IssueRefusedError, Rule

RandomBits = Callable[[int], int]
"""Gives a whole number of that many random bits."""

_EXTENDED_OIDS: dict[str, ObjectIdentifier] = {
    "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH,
}


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authority that can sign.

    Attributes:
        certificate: Its certificate.
        private_key: The key of that certificate; never shown by ``repr``.
    """

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        """Refuses a key of another certificate: what it signs would verify nowhere."""
        if self.certificate.public_key() != self.private_key.public_key():
            raise IssueRefusedError(Rule.ISSUER_KEY)


@dataclass(frozen=True, slots=True)
class _Signer:
    """Name and key that sign, which for a root are its own."""

    name: x509.Name
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)


def issue_root(
    private_key: ec.EllipticCurvePrivateKey,
    *,
    holder: Holder,
    profile: Profile,
    now: datetime,
    random_bits: RandomBits = secrets.randbits,
) -> Issuer:
    """Makes a self-signed root.

    Raises:
        IssueRefusedError: With the rule that stands in the way.
    """
    signer = _Signer(subject_name(holder, profile), private_key)
    draft = _draft(private_key.public_key(), holder=holder, profile=profile, now=now)
    return Issuer(_sign(draft, signer, profile=profile, random_bits=random_bits), private_key)


def issue_intermediate(
    issuer: Issuer,
    private_key: ec.EllipticCurvePrivateKey,
    *,
    holder: Holder,
    profile: Profile,
    now: datetime,
    random_bits: RandomBits = secrets.randbits,
) -> Issuer:
    """Makes an authority below another one.

    Raises:
        IssueRefusedError: With the rule that stands in the way.
    """
    certificate = issue_leaf(
        issuer,
        private_key.public_key(),
        holder=holder,
        profile=profile,
        now=now,
        random_bits=random_bits,
    )
    return Issuer(certificate, private_key)


def issue_leaf(
    issuer: Issuer,
    public_key: PublicKey,
    *,
    holder: Holder,
    profile: Profile,
    now: datetime,
    random_bits: RandomBits = secrets.randbits,
) -> x509.Certificate:
    """Makes a certificate for a key.

    Args:
        issuer: The authority that signs.
        public_key: From ``check_request``, or of a key made by us.
        holder: Who it names.
        profile: What it may contain.
        now: The instant of issue, with time zone.
        random_bits: Source of the serial number.

    Raises:
        IssueRefusedError: With the rule that stands in the way.
    """
    _check_issuer(issuer.certificate, profile=profile, now=now)
    draft = _draft(public_key, holder=holder, profile=profile, now=now)
    signer = _Signer(issuer.certificate.subject, issuer.private_key)
    return _sign(draft, signer, profile=profile, random_bits=random_bits)


def encode_chain(*certificates: x509.Certificate) -> bytes:
    """Writes certificates as PEM, the leaf first, as TLS sends them."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def _validity(profile: Profile, now: datetime) -> tuple[datetime, datetime]:
    """First and last second of a certificate issued now."""
    if now.tzinfo is None:
        raise IssueRefusedError(Rule.CLOCK)
    return profile.validity(now)


def _check_issuer(certificate: x509.Certificate, *, profile: Profile, now: datetime) -> None:
    """Refuses to sign what every verifier would refuse, or what this authority is not for."""
    _, last = _validity(profile, now)
    if not certificate.not_valid_before_utc <= now or last > certificate.not_valid_after_utc:
        raise IssueRefusedError(Rule.ISSUER_LIFETIME)
    below = profile.basic_constraints.path_length
    needed = 0 if below is None else below + 1
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        # Equal, not at least: a root that signs leaves would get them past the intermediates.
        if constraints.path_length != needed:
            raise IssueRefusedError(Rule.ISSUER_AUTHORITY, "path length")
        if profile.basic_constraints.authority:
            return
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as error:
        raise IssueRefusedError(Rule.ISSUER_AUTHORITY, "no such extension") from error
    if not {_EXTENDED_OIDS[name] for name in profile.usage.extended} <= set(usage):
        raise IssueRefusedError(Rule.ISSUER_AUTHORITY, "extended key usage")


def _draft(
    public_key: PublicKey, *, holder: Holder, profile: Profile, now: datetime
) -> x509.CertificateBuilder:
    """Writes all that does not depend on who signs."""
    first, last = _validity(profile, now)
    constraints = profile.basic_constraints
    names = alternative_names(holder, profile)
    draft = (
        x509.CertificateBuilder()
        .subject_name(subject_name(holder, profile))
        .public_key(public_key)
        .not_valid_before(first)
        .not_valid_after(last)
        .add_extension(
            x509.BasicConstraints(constraints.authority, constraints.path_length), critical=True
        )
        .add_extension(_key_usage(profile), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    if profile.usage.extended:
        extended = [_EXTENDED_OIDS[usage] for usage in sorted(profile.usage.extended)]
        draft = draft.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    if names:
        draft = draft.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return draft


def _key_usage(profile: Profile) -> x509.KeyUsage:
    usages = profile.usage.key
    return x509.KeyUsage(
        digital_signature="digital_signature" in usages,
        key_cert_sign="key_cert_sign" in usages,
        crl_sign="crl_sign" in usages,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(
    draft: x509.CertificateBuilder, signer: _Signer, *, profile: Profile, random_bits: RandomBits
) -> x509.Certificate:
    """Signs a draft, after the same bytes under a throw-away key passed the linter.

    A bad certificate signed by the real key exists for ever, even if it is never handed out.
    """
    serial = random_bits(SERIAL_BITS_MAX)
    if not 0 < serial < 1 << SERIAL_BITS_MAX:
        raise IssueRefusedError(Rule.LINT_SERIAL)
    key = signer.private_key
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    whole = (
        draft.issuer_name(signer.name)
        .serial_number(serial)
        .add_extension(authority_key, critical=False)
    )
    algorithm = hashes.SHA384() if isinstance(key.curve, ec.SECP384R1) else hashes.SHA256()
    lint_certificate(whole.sign(ec.generate_private_key(key.curve), algorithm), profile)
    # The same bytes for the same draft: whatever breaks off between signature and registration
    # leaves one certificate, not two. Source: RFC 6979.
    return whole.sign(key, algorithm, ecdsa_deterministic=True)
