"""Step 1 of the walk, identity: who does this certificate prove?

TLS has proved key and chain, but not everything: a resumed session skips its checks, and an open
stream is never checked again. So name, registration, validity and revocation are decided here, on
every RPC and frame.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from rongan_share.clock import nanoseconds
from rongan_share.errors import Reason, RonganError
from rongan_share.model.caller import Caller, ClaimedCaller
from rongan_share.model.partner import CertificateState, HolderKind
from rongan_share.wire.caller_id import CALLER_ID

if TYPE_CHECKING:
    from rongan_share.model.registry import Registry

MAX_LIFETIME = timedelta(days=398)
"""Longest life of a caller's certificate, both ends included, whatever its authority signed.

Source: CA/Browser Forum Baseline Requirements, section 6.3.2, as of 2020.
"""

_CACHED_CERTIFICATES = 4_096
_MIN_RSA_BITS = 2_048
_CURVES = (ec.SECP256R1, ec.SECP384R1)
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_KINDS = {"partner": HolderKind.PARTNER, "operator": HolderKind.OPERATOR}


@lru_cache(maxsize=_CACHED_CERTIFICATES)
def parse_claim(certificate_pem: bytes, trust_domain: str) -> ClaimedCaller:
    """Reads who a client certificate names, from its single URI name; the common name is ignored.

    Args:
        certificate_pem: Leaf certificate as TLS received it.
        trust_domain: Expected authority of the URI, lower case.

    Returns:
        The claim, still to be looked up.

    Raises:
        RonganError: IDENTITY_UNREADABLE with the rule that is broken.

    Source: SPIFFE X509-SVID sections 2 and 4; RFC 5280 section 4.2.1.
    """
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
    except _UNREADABLE:
        raise unreadable("a readable X.509 certificate") from None
    return claim_of(certificate, trust_domain)


def claim_of(certificate: x509.Certificate, trust_domain: str) -> ClaimedCaller:
    """Reads who a certificate names.

    Raises:
        RonganError: IDENTITY_UNREADABLE with the rule that is broken.
    """
    try:
        # Most of a certificate is parsed only when it is looked at.
        _check_form(certificate)
        uri = _only_uri(certificate)
    except _UNREADABLE:
        raise unreadable("a readable X.509 certificate") from None
    kind, caller_id = _read_name(uri, trust_domain)
    return ClaimedCaller(
        kind=kind,
        caller_id=caller_id,
        fingerprint=certificate.fingerprint(hashes.SHA256()),
        serial_hex=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def verify_claim(claim: ClaimedCaller, registry: Registry, *, now: datetime) -> Caller:
    """Looks a claim up; the certificate itself must be registered for the caller that it names.

    Raises:
        RonganError: CALLER_UNKNOWN, CERTIFICATE_NOT_REGISTERED, CERTIFICATE_REVOKED,
        CERTIFICATE_EXPIRED.
    """
    holders = registry.partners if claim.kind is HolderKind.PARTNER else registry.operators
    if claim.caller_id not in holders:
        raise RonganError(Reason.CALLER_UNKNOWN)
    certificate = registry.certificates.get(claim.fingerprint)
    if certificate is None or (certificate.holder_kind, certificate.holder_id) != (
        claim.kind,
        claim.caller_id,
    ):
        raise RonganError(Reason.CERTIFICATE_NOT_REGISTERED)
    if certificate.state is CertificateState.INTENDED:
        raise RonganError(Reason.CERTIFICATE_NOT_REGISTERED)
    if not certificate.state.opens:
        raise RonganError(Reason.CERTIFICATE_REVOKED)
    if not claim.not_before <= now <= claim.not_after:
        raise RonganError(Reason.CERTIFICATE_EXPIRED)
    # Another one has followed it, and the time in which both are let in is over.
    if certificate.state is CertificateState.RETIRING and nanoseconds(now) > certificate.retire_ns:
        raise RonganError(Reason.CERTIFICATE_EXPIRED)
    return Caller(claim.kind, claim.caller_id, claim.serial_hex, claim.fingerprint)


def verify_caller(
    claim: ClaimedCaller, registry: Registry, audience: HolderKind | None, *, now: datetime
) -> Caller:
    """Decides whether whoever a claim names is let in to call a route.

    Raises:
        RonganError: What `verify_claim`, `verify_audience` and `verify_operator` refuse.
    """
    caller = verify_claim(claim, registry, now=now)
    verify_audience(caller, audience)
    if caller.kind is HolderKind.OPERATOR:
        verify_operator(caller, registry)
    return caller


def verify_audience(caller: Caller, audience: HolderKind | None) -> None:
    """Refuses callers of the wrong kind; None lets every kind in.

    Raises:
        RonganError: CALLER_KIND_REFUSED.
    """
    if audience is not None and caller.kind is not audience:
        raise RonganError(Reason.CALLER_KIND_REFUSED)


def verify_operator(caller: Caller, registry: Registry) -> None:
    """Refuses operators who may not act.

    Raises:
        RonganError: CALLER_UNKNOWN for a disabled operator.
    """
    if not registry.operators[caller.caller_id].enabled:
        raise RonganError(Reason.CALLER_UNKNOWN)


def unreadable(rule: str) -> RonganError:
    """Returns the refusal of a certificate that names no caller."""
    return RonganError(Reason.IDENTITY_UNREADABLE, rule=rule)


def _check_form(certificate: x509.Certificate) -> None:
    if certificate.version is not x509.Version.v3:
        raise unreadable("version 3")
    if not isinstance(certificate.signature_hash_algorithm, _HASHES):
        raise unreadable("signed over SHA-256, SHA-384 or SHA-512")
    _check_usage(certificate)
    _check_key(certificate)
    # Both ends belong to the life, hence the second. Source: RFC 5280 section 4.1.2.5.
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if lifetime + timedelta(seconds=1) > MAX_LIFETIME:
        raise unreadable(f"a lifetime of at most {MAX_LIFETIME.days} days")


def _check_usage(certificate: x509.Certificate) -> None:
    """A leaf for client authentication, said so expressly: TLS also lets absent usages through."""
    extensions = certificate.extensions
    try:
        basic = extensions.get_extension_for_class(x509.BasicConstraints).value
        if basic.ca:
            raise unreadable("no CA certificate")
    except x509.ExtensionNotFound:
        pass
    try:
        extended = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        raise unreadable("key usages are present") from None
    if ExtendedKeyUsageOID.CLIENT_AUTH not in extended or not usage.digital_signature:
        raise unreadable("usages allow client authentication and signatures")


def _check_key(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA_BITS:
        return
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return
    raise unreadable("a P-256, P-384 or RSA key of at least 2048 bits")


def _only_uri(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise unreadable("exactly one URI name") from None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise unreadable("exactly one URI name")
    return str(uris[0])


def _read_name(uri: str, trust_domain: str) -> tuple[HolderKind, str]:
    """Compares byte by byte: no decoding, no case folding, so that no second spelling exists."""
    prefix = f"spiffe://{trust_domain}/"
    if not uri.startswith(prefix):
        raise unreadable("a name in this hub's trust domain")
    kind, slash, caller_id = uri.removeprefix(prefix).partition("/")
    if not slash or kind not in _KINDS or not CALLER_ID.fullmatch(caller_id):
        raise unreadable("/partner/<id> or /operator/<id>")
    return _KINDS[kind], caller_id
