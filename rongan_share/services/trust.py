"""CertificateService, GetTrustBundle: by which roots the hub is recognised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from rongan_share.services.call import Call, Outcome
from rongan_share.v1 import certificate_service_pb2 as pb
from rongan_share.wire.trust_bundle import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def get_trust_bundle(call: Call, _: pb.GetTrustBundleRequest) -> Outcome:
    """Answers GetTrustBundle."""
    bundle = call.hub.trust_bundle()
    answer = pb.GetTrustBundleResponse(
        trust_bundle=bundle, revocation_lists_der=call.hub.revocation_lists()
    )
    return Outcome(answer=answer, facts=_facts(bundle))


def root_digest(call: Call) -> bytes:
    """Returns SHA-256 of the root that the hub's certificate hangs below, DER.

    While a root is rolled there are two of them; by the other one nobody could verify the hub yet,
    or any more.
    """
    roots = list(call.hub.trust_bundle().bundle.root_der)
    authority = x509.load_der_x509_certificate(call.hub.tls().chain_der[-1])
    for root_der in reversed(roots):
        if _is_signed_by(authority, root_der):
            return digest_of(root_der)
    return digest_of(roots[-1])


def _is_signed_by(authority: x509.Certificate, root_der: bytes) -> bool:
    try:
        authority.verify_directly_issued_by(x509.load_der_x509_certificate(root_der))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _facts(signed: pb.SignedTrustBundle) -> Mapping[str, str]:
    return {"bundle": str(signed.bundle.version)}
