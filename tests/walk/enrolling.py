"""Enrolment and renewal as a partner does them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rongan_share.v1 import certificate_service_pb2 as pb
from rongan_share.v1 import operator_service_pb2 as operator_pb
from tests.support.hub import HubUnderTest, Stubs, refusal
from tests.support.pki import Key, Minted, encode_key
from tests.walk.asking import TIMEOUT, Refused

REFUSED = Refused("UNAUTHENTICATED", "ENROLMENT_REFUSED", {})


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key as partners make it."""
    return ec.generate_private_key(ec.SECP256R1())


def request_for(key: Any) -> bytes:  # noqa: ANN401 - odd keys too
    """A certificate request that names somebody else, DER."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody else")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def secret_for(hub: HubUnderTest, partner_id: str) -> bytes:
    """Makes an enrolment; returns its secret."""
    answer = hub.alice.operators.CreateEnrolment(
        operator_pb.CreateEnrolmentRequest(partner_id=partner_id)
    )
    assert len(answer.secret) == len(answer.root_digest) == 32
    return answer.secret


def enroll(
    hub: HubUnderTest, partner_id: str, secret: bytes, *, key: Key, by: Stubs | None = None
) -> pb.EnrollCertificateResponse:
    """Asks for a certificate by a secret."""
    caller = by or hub.enrolling()
    return caller.certificates.EnrollCertificate(
        pb.EnrollCertificateRequest(
            partner_id=partner_id, secret=secret, request_der=request_for(key)
        ),
        timeout=TIMEOUT,
    )


def renew(caller: Stubs, key: Key) -> pb.RenewCertificateResponse:
    """Asks for the next certificate."""
    request = pb.RenewCertificateRequest(request_der=request_for(key))
    return caller.certificates.RenewCertificate(request, timeout=TIMEOUT)


def minted(answer: pb.EnrollCertificateResponse | pb.RenewCertificateResponse, key: Key) -> Minted:
    """What a partner connects with."""
    chain = [x509.load_der_x509_certificate(der) for der in answer.chain_der]
    pem = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain)
    return Minted(pem, encode_key(key))


def told(call: Callable[[], object]) -> Refused:
    """What a refused caller is told."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return Refused(*refusal(caught.value))
