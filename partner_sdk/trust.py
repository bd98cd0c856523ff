"""What a hub gives a partner: certificates, and by which roots it is recognised."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from partner_sdk.directory import BUNDLE_FILE, ROOTS_FILE
from partner_sdk.errors import AnswerMalformedError
from rongan_share.v1 import certificate_service_pb2 as pb
from rongan_share.wire.trust_bundle import (
    TrustBundleError,
    parse_bundle,
    roots_pem,
    verify_successor,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from partner_sdk.credentials import Credentials

_LOGGER = logging.getLogger("partner_sdk")


def newer_roots(
    credentials: Credentials, folder: Path, offered: pb.SignedTrustBundle
) -> Mapping[str, bytes]:
    """Decides whether a bundle takes the place of the roots that are held.

    It does if a root that is trusted now signed it and its version is higher. A bundle that is
    refused is logged.

    Args:
        credentials: With the roots that are trusted now.
        folder: Where the bundle that they came with is, if there was one.
        offered: What the hub gave.

    Returns:
        The files to replace by name; none = nothing changes.
    """
    held = held_bundle(credentials, folder)
    try:
        bundle = verify_successor(offered, held)
    except TrustBundleError as error:
        _LOGGER.warning("the hub's trust bundle was refused: %s", error)
        return {}
    if bundle.version == held.version:
        return {}
    return bundle_files(offered)


def bundle_files(signed: pb.SignedTrustBundle) -> Mapping[str, bytes]:
    """Returns the files that a bundle is kept in, by name."""
    return {BUNDLE_FILE: signed.SerializeToString(), ROOTS_FILE: roots_pem(signed.bundle)}


def encode_chain(chain_der: Iterable[bytes]) -> bytes:
    """Writes certificates that a hub gave as PEM.

    Raises:
        AnswerMalformedError: One is no certificate.
    """
    try:
        chain = [x509.load_der_x509_certificate(der) for der in chain_der]
    except (ValueError, UnsupportedAlgorithm):
        raise AnswerMalformedError("the hub gave something that is no certificate") from None
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def trust_domain_of(identity: str) -> str:
    """Returns the trust domain of a URI name."""
    return identity.removeprefix("spiffe://").partition("/")[0]


def held_bundle(credentials: Credentials, folder: Path) -> pb.TrustBundle:
    """Returns what is trusted now: the roots in use, under the version of their bundle."""
    try:
        held = parse_bundle((folder / BUNDLE_FILE).read_bytes()).bundle
    except (FileNotFoundError, TrustBundleError):
        # Roots that an operator handed over; any bundle that one of them signed is newer.
        held = pb.TrustBundle(trust_domain=trust_domain_of(credentials.identity))
    roots = x509.load_pem_x509_certificates(credentials.roots_pem)
    used = [root.public_bytes(Encoding.DER) for root in roots]
    if set(used) != set(held.root_der):
        held.root_der[:] = used
    return held
