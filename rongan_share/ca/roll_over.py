"""Rolling the root: a new set of authorities, and the bundles that lead from the old root to it.

Every bundle is signed by all roots that it holds, so that whoever knows but one of them takes it,
and by a root of the bundle before, so that whoever holds that one does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.ca.bundles import make_bundle
from rongan_share.ca.hierarchy import Hierarchy, make_authorities, write_authorities
from rongan_share.ca.issue import Issuer
from rongan_share.wire.trust_bundle import TrustBundleError, digest_of, verify_successor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import ec

    from rongan_share.v1 import certificate_service_pb2 as pb


def new_authorities(directory: Path, *, trust_domain: str, now: datetime) -> Hierarchy:
    """Makes a root and both intermediates below it, in a folder ``pki`` of a directory.

    Raises:
        IssueRefusedError: The trust domain is malformed.
        FileExistsError: There is such a folder already.
    """
    hierarchy = Hierarchy(directory)
    hierarchy.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_authorities(hierarchy, make_authorities(trust_domain, now=now))
    return hierarchy


def first_bundle(
    roots: Sequence[x509.Certificate],
    *,
    keys: Sequence[ec.EllipticCurvePrivateKey],
    trust_domain: str,
    now: datetime,
) -> pb.SignedTrustBundle:
    """Makes the first bundle of a hub that has none.

    Raises:
        TrustBundleError: A key is missing.
    """
    return make_bundle(
        roots, signed_by=_signers(roots, keys), trust_domain=trust_domain, version=1, now=now
    )


def with_root(
    before: pb.TrustBundle,
    added: x509.Certificate,
    *,
    keys: Sequence[ec.EllipticCurvePrivateKey],
    now: datetime,
) -> pb.SignedTrustBundle:
    """Makes the next bundle, with one more root.

    Raises:
        TrustBundleError: The root is there already or not self-signed, or a key is missing.
    """
    added_der = added.public_bytes(Encoding.DER)
    try:
        added.verify_directly_issued_by(added)
    except (ValueError, TypeError, InvalidSignature):
        raise TrustBundleError("the new root is not signed by itself") from None
    return _next(before, [*before.root_der, added_der], keys=keys, now=now)


def without_root(
    before: pb.TrustBundle,
    digest: bytes,
    *,
    keys: Sequence[ec.EllipticCurvePrivateKey],
    now: datetime,
) -> pb.SignedTrustBundle:
    """Makes the next bundle, with one root less.

    Raises:
        TrustBundleError: There is no such root, it is the last one, or a key is missing.
    """
    kept = [root_der for root_der in before.root_der if digest_of(root_der) != digest]
    if len(kept) == len(before.root_der):
        raise TrustBundleError("the bundle holds no such root")
    return _next(before, kept, keys=keys, now=now)


def _next(
    before: pb.TrustBundle,
    roots_der: Sequence[bytes],
    *,
    keys: Sequence[ec.EllipticCurvePrivateKey],
    now: datetime,
) -> pb.SignedTrustBundle:
    roots = [x509.load_der_x509_certificate(root_der) for root_der in roots_der]
    left = [
        x509.load_der_x509_certificate(root_der)
        for root_der in before.root_der
        if root_der not in roots_der
    ]
    signed = make_bundle(
        roots,
        signed_by=_signers(roots, keys, also=left),
        trust_domain=before.trust_domain,
        version=before.version + 1,
        now=now,
    )
    verify_successor(signed, before)
    return signed


def _signers(
    roots: Sequence[x509.Certificate],
    keys: Sequence[ec.EllipticCurvePrivateKey],
    *,
    also: Sequence[x509.Certificate] = (),
) -> list[Issuer]:
    """Finds the key of every root that must sign, and of those that may as well."""
    found = {
        root: Issuer(root, key)
        for root in (*roots, *also)
        for key in keys
        if root.public_key() == key.public_key()
    }
    if any(root not in found for root in roots):
        raise TrustBundleError("the key of every root in the new bundle is needed")
    return list(found.values())
