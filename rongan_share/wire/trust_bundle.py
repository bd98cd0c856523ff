"""The trust bundle: what its roots sign, and when a holder takes one for another.

The hub makes and keeps bundles, the SDK believes them; both must check the same things.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from google.protobuf.message import DecodeError

from rongan_share.v1 import certificate_service_pb2 as pb
from rongan_share.wire.canonical import encode_message

if TYPE_CHECKING:
    from collections.abc import Iterable

SIGNED_TEXT = b"rongan-share trust bundle\x00"
"""Stands before the canonical bytes, so that a root's signature can never serve for another end."""

MOST_ROOTS = 8
"""Most roots in a bundle; a roll-over needs two."""

_UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)


class TrustBundleError(Exception):
    """A bundle is not to be believed; the text says which rule it breaks."""


def signed_bytes(bundle: pb.TrustBundle) -> bytes:
    """Returns what a root signs."""
    return SIGNED_TEXT + encode_message(bundle)


def digest_of(root_der: bytes) -> bytes:
    """Returns the digest that names a root: SHA-256 of its DER, 32 bytes."""
    return hashlib.sha256(root_der).digest()


def sign_bundle(
    bundle: pb.TrustBundle, root_der: bytes, key: ec.EllipticCurvePrivateKey
) -> pb.BundleSignature:
    """Returns the signature of one root.

    Args:
        bundle: What is signed.
        root_der: The root that signs.
        key: Its key.
    """
    signature = key.sign(signed_bytes(bundle), ec.ECDSA(hashes.SHA384()))
    return pb.BundleSignature(root_digest=digest_of(root_der), signature=signature)


def parse_bundle(raw: bytes) -> pb.SignedTrustBundle:
    """Reads a bundle from its file and checks its form; nobody's signature is believed yet.

    Raises:
        TrustBundleError: It is malformed.
    """
    try:
        signed = pb.SignedTrustBundle.FromString(raw)
    except DecodeError:
        raise TrustBundleError("not a trust bundle") from None
    verify_form(signed)
    return signed


def verify_form(signed: pb.SignedTrustBundle) -> None:
    """Refuses a bundle that nobody could take, whoever signed it.

    Raises:
        TrustBundleError: No version, no trust domain, no roots or too many, one twice, or one that
            is no authority with an elliptic-curve key.
    """
    bundle = signed.bundle
    if not bundle.version or not bundle.trust_domain:
        raise TrustBundleError("a bundle needs a version and a trust domain")
    roots = list(bundle.root_der)
    if not 1 <= len(roots) <= MOST_ROOTS or len(set(roots)) != len(roots):
        raise TrustBundleError(f"a bundle holds 1 to {MOST_ROOTS} roots, each once")
    for root_der in roots:
        _public_key(root_der)


def verify_pinned(signed: pb.SignedTrustBundle, root_digest: bytes) -> pb.TrustBundle:
    """Takes a first bundle by the digest of one root, as an enrolment string names it.

    Raises:
        TrustBundleError: It is malformed, the root is not in it, or did not sign it.
    """
    verify_form(signed)
    _verify_signed(signed, by=signed.bundle.root_der, only=root_digest)
    return signed.bundle


def verify_successor(signed: pb.SignedTrustBundle, before: pb.TrustBundle) -> pb.TrustBundle:
    """Takes a bundle in place of the one that is held.

    Args:
        signed: What is offered.
        before: What is held.

    Returns:
        The bundle to hold from now on; the same content again changes nothing.

    Raises:
        TrustBundleError: It is malformed, of another hub, older, another one of the same version,
            or no root of the one that is held signed it.
    """
    verify_form(signed)
    bundle = signed.bundle
    if bundle.trust_domain != before.trust_domain:
        raise TrustBundleError("the bundle is of another trust domain")
    if bundle.version < before.version:
        raise TrustBundleError("the bundle is older than the one that is held")
    if bundle.version == before.version and encode_message(bundle) != encode_message(before):
        raise TrustBundleError("there are two bundles of this version")
    _verify_signed(signed, by=before.root_der)
    return bundle


def roots_pem(bundle: pb.TrustBundle) -> bytes:
    """Returns the roots as PEM, as TLS wants them."""
    roots = [x509.load_der_x509_certificate(root_der) for root_der in bundle.root_der]
    return b"".join([root.public_bytes(Encoding.PEM) for root in roots])


def _verify_signed(
    signed: pb.SignedTrustBundle, *, by: Iterable[bytes], only: bytes | None = None
) -> None:
    """Finds one good signature of one of the roots; signatures of others count for nothing."""
    believed = {digest_of(root_der): root_der for root_der in by}
    if only is not None:
        believed = {
            digest: root_der
            for digest, root_der in believed.items()
            if hmac.compare_digest(digest, only)
        }
    content = signed_bytes(signed.bundle)
    for signature in signed.signatures:
        root_der = believed.get(signature.root_digest)
        if root_der is not None and _is_good(root_der, signature.signature, content):
            return
    raise TrustBundleError("no root that is trusted signed the bundle")


def _is_good(root_der: bytes, signature: bytes, content: bytes) -> bool:
    try:
        _public_key(root_der).verify(signature, content, ec.ECDSA(hashes.SHA384()))
    except InvalidSignature:
        return False
    return True


def _public_key(root_der: bytes) -> ec.EllipticCurvePublicKey:
    try:
        root = x509.load_der_x509_certificate(root_der)
        basic = root.extensions.get_extension_for_class(x509.BasicConstraints).value
        key = root.public_key()
    except (*_UNREADABLE, x509.ExtensionNotFound):
        raise TrustBundleError("a root is no readable authority") from None
    if not basic.ca or not isinstance(key, ec.EllipticCurvePublicKey):
        raise TrustBundleError("a root is no authority with an elliptic-curve key")
    return key
