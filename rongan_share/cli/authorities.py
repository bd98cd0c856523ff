"""The authorities that a home signs with, and how others take their place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from partner_sdk.cli.failures import RefusedHereError
from rongan_share.ca import IssuerFiles
from rongan_share.cli.messages import say
from rongan_share.cli.replaced_file import replace_file
from rongan_share.processes.listener import load_certificates
from rongan_share.wire.trust_bundle import digest_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from rongan_share.ca import Hierarchy
    from rongan_share.config import Settings
    from rongan_share.v1 import certificate_service_pb2 as pb

_PRIVATE_MODE = 0o600
_DIGITS = 8


class AuthoritiesInUse:
    """The files of both intermediates of a home.

    Args:
        settings: The hub's configuration.
    """

    def __init__(self, settings: Settings) -> None:
        tls, signer = settings.tls, settings.signer
        self._tls = tls
        self._clients = IssuerFiles(tls.client_intermediate, tls.client_intermediate_key)
        self._hubs = IssuerFiles(signer.hub_intermediate, signer.hub_intermediate_key)

    def hub_root(self, bundle: pb.TrustBundle) -> bytes:
        """Returns the digest of the root that the hub's certificate hangs below; empty if none."""
        authority = load_certificates(self._tls.certificate_chain)[-1]
        for root_der in bundle.root_der:
            if _is_signed_by(authority, x509.load_der_x509_certificate(root_der)):
                return digest_of(root_der)
        return b""

    def replace(self, new: Hierarchy, *, known_roots: Collection[bytes]) -> list[Path]:
        """Puts both intermediates of another root in place; returns where the old files are kept.

        Clients of the old authority are let in as before: it stays among the client roots.

        Raises:
            RefusedHereError: The other root is not in the bundle, or did not sign them.
            IssueRefusedError: A file is unfit.
            OSError: A file cannot be read or written.
        """
        root = x509.load_pem_x509_certificate(new.root.certificate.read_bytes())
        if root.fingerprint(hashes.SHA256()) not in known_roots:
            raise RefusedHereError(say("root_not_in_bundle"))
        for files in (new.client_authority, new.hub_authority):
            if not _is_signed_by(files.load().certificate, root):
                raise RefusedHereError(f"{files.certificate}: {say('not_below_root')}")
        self._trust_clients_of(new.client_authority)
        return [
            *_replace(self._clients, new.client_authority),
            *_replace(self._hubs, new.hub_authority),
        ]

    def _trust_clients_of(self, files: IssuerFiles) -> None:
        """Lets clients of an authority in, before it signs the first of them."""
        added = files.load().certificate
        trusted = load_certificates(self._tls.client_roots)
        if added not in trusted:
            content = b"".join(each.public_bytes(Encoding.PEM) for each in (*trusted, added))
            replace_file(self._tls.client_roots, content)


def _replace(old: IssuerFiles, new: IssuerFiles) -> Iterator[Path]:
    """Replaces an authority; until both its files are there, the signer goes on with the old one.

    Given again after a break it goes on: what is in place already is not kept aside again.
    """
    for place, path, mode in (
        (old.key, new.key, _PRIVATE_MODE),
        (old.certificate, new.certificate, 0o644),
    ):
        content = path.read_bytes()
        if place.exists() and place.read_bytes() != content:
            serial = _serial(old.certificate)
            aside = place.with_name(f"{serial}.{place.name}")
            # A key is never lost by another: it may have to sign a last list of what it revoked.
            if not aside.exists():
                os.link(place, aside)
            yield aside
        replace_file(place, content, mode=mode)


def _serial(certificate: Path) -> str:
    leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
    return f"{leaf.serial_number:x}"[:_DIGITS]


def _is_signed_by(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
