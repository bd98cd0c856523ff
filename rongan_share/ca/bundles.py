"""Makes trust bundles: by which roots a hub is recognised, signed by the roots themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.v1 import certificate_service_pb2 as pb
from rongan_share.wire.trust_bundle import sign_bundle, verify_form

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography import x509

    from rongan_share.ca.issue import Issuer


def make_bundle(
    roots: Sequence[x509.Certificate],
    *,
    signed_by: Sequence[Issuer],
    trust_domain: str,
    version: int,
    now: datetime,
) -> pb.SignedTrustBundle:
    """Makes a bundle.

    Args:
        roots: The roots; the newest last.
        signed_by: Roots of this bundle or of the one before it, with their keys, at least one.
        trust_domain: Of the hub.
        version: From 1, one more than the one before.
        now: The instant it is made at.

    Raises:
        TrustBundleError: Nobody could take it.
    """
    bundle = pb.TrustBundle(
        trust_domain=trust_domain,
        version=version,
        root_der=[root.public_bytes(Encoding.DER) for root in roots],
    )
    bundle.issued_time.FromDatetime(now)
    signatures = [
        sign_bundle(bundle, root.certificate.public_bytes(Encoding.DER), root.private_key)
        for root in signed_by
    ]
    signed = pb.SignedTrustBundle(bundle=bundle, signatures=signatures)
    verify_form(signed)
    return signed
