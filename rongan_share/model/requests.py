"""From a certificate request to the one thing we take from it: a proven public key.

Names, extensions and attributes of the request are never read. Who it is for, an operator says.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from rongan_share.model.profiles import Profile
from rongan_share.model.public_keys import PublicKey, check_public_key
from rongan_share.model.refusals import IssueRefusedError, Rule

REQUEST_BYTES_MAX = 16_384
"""Bytes of a PEM request; an RSA-4096 request with many extensions stays well below."""

STRONG_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
"""Hashes accepted under a signature, of requests and of certificates."""

_PEM_BEGIN = b"-----BEGIN "


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """What is left of a request once it was checked.

    Attributes:
        public_key: The key; the request proved that its sender holds the private half.
    """

    public_key: PublicKey


def check_request(csr_pem: bytes, *, profile: Profile) -> CheckedRequest:
    """Checks a request against the profile it is to be issued under.

    Args:
        csr_pem: One PEM request, as it came from outside.
        profile: Profile of the certificate wanted; says which keys are accepted.

    Raises:
        IssueRefusedError: With the first rule that the request breaks.

    Source: RFC 2986.
    """
    if len(csr_pem) > REQUEST_BYTES_MAX:
        raise IssueRefusedError(Rule.REQUEST_TOO_LONG)
    if csr_pem.count(_PEM_BEGIN) != 1:
        raise IssueRefusedError(Rule.REQUEST_UNREADABLE)
    try:
        request = x509.load_pem_x509_csr(csr_pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise IssueRefusedError(Rule.REQUEST_UNREADABLE) from None
    return _check(request, profile)


def check_request_der(csr_der: bytes, *, profile: Profile) -> CheckedRequest:
    """Checks a request in DER as `check_request` does one in PEM.

    Raises:
        IssueRefusedError: With the first rule that the request breaks.
    """
    if len(csr_der) > REQUEST_BYTES_MAX:
        raise IssueRefusedError(Rule.REQUEST_TOO_LONG)
    try:
        request = x509.load_der_x509_csr(csr_der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise IssueRefusedError(Rule.REQUEST_UNREADABLE) from None
    return _check(request, profile)


def _check(request: x509.CertificateSigningRequest, profile: Profile) -> CheckedRequest:
    try:
        public_key = request.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise IssueRefusedError(Rule.REQUEST_UNREADABLE) from None
    # The key first: a sender with a key we cannot use learns that, and not that its hash is odd.
    accepted = check_public_key(public_key, profile=profile)
    _check_signature(request)
    return CheckedRequest(accepted)


def _check_signature(request: x509.CertificateSigningRequest) -> None:
    """Proves that the sender holds the key: without it one could have another's key certified."""
    try:
        hash_algorithm = request.signature_hash_algorithm
        valid = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise IssueRefusedError(Rule.REQUEST_SIGNATURE) from None
    if not valid:
        raise IssueRefusedError(Rule.REQUEST_SIGNATURE)
    if not isinstance(hash_algorithm, STRONG_HASHES):
        raise IssueRefusedError(Rule.REQUEST_HASH)
