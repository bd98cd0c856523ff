"""The authorities below which certificates are taken; their files may change any time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.model.partner import HolderKind
from rongan_share.processes.kept_file import KeptFile

if TYPE_CHECKING:
    from rongan_share.config import Settings


class Issuers:
    """Reads the authorities' certificates.

    Args:
        settings: The hub's configuration.

    Raises:
        StartRefusedError: A file is missing or holds no certificate.
    """

    def __init__(self, settings: Settings) -> None:
        tls = settings.tls
        self._signing = KeptFile(tls.client_intermediate, _parse, unfit=ValueError)
        # Whoever the listener lets in, while one authority follows another.
        self._clients = KeptFile(tls.client_roots, _parse, unfit=ValueError)
        self._hubs = KeptFile(settings.signer.hub_intermediate, _parse, unfit=ValueError)

    def of(self, kind: HolderKind) -> tuple[bytes, ...]:
        """Returns the authorities of a kind of holders, the one that signs first, DER."""
        if kind is HolderKind.HUB:
            return self._hubs.current()
        return tuple(dict.fromkeys((*self._signing.current(), *self._clients.current())))


def _parse(raw: bytes) -> tuple[bytes, ...]:
    return tuple(each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(raw))
