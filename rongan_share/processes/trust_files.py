"""Files by which a hub is recognised: the trust bundle, and the lists of what was revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.processes.kept_file import KeptFile
from rongan_share.wire.trust_bundle import TrustBundleError, parse_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

    from rongan_share.config import Settings
    from rongan_share.v1 import certificate_service_pb2 as pb

_PEM_END = b"-----END X509 CRL-----"


def trust_bundle(settings: Settings) -> Callable[[], pb.SignedTrustBundle]:
    """Returns what reads the trust bundle, which is made anew while the hub serves.

    Raises:
        StartRefusedError: There is none, it is malformed, or of another trust domain.
    """

    def parse(raw: bytes) -> pb.SignedTrustBundle:
        signed = parse_bundle(raw)
        if signed.bundle.trust_domain != settings.trust_domain:
            raise TrustBundleError("it is of another trust domain")
        return signed

    return KeptFile(settings.tls.trust_bundle, parse, unfit=TrustBundleError).current


def revocation_lists(settings: Settings) -> Callable[[], tuple[bytes, ...]]:
    """Returns what reads the lists of what was revoked, DER; the keeper makes them anew.

    Raises:
        StartRefusedError: The file holds something else.
    """
    none: tuple[bytes, ...] = ()
    path = settings.signer.revocation_list
    return KeptFile(path, _parse_lists, unfit=ValueError, absent=none).current


def _parse_lists(raw: bytes) -> tuple[bytes, ...]:
    each = [part + _PEM_END for part in raw.split(_PEM_END)[:-1]]
    return tuple(x509.load_pem_x509_crl(pem).public_bytes(Encoding.DER) for pem in each)
