"""Certificates of partners as the command line asks for them: the hub's signer signs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from partner_sdk.cli.failures import RefusedHereError
from rongan_share.cli.messages import say
from rongan_share.cli.new_file import new_file
from rongan_share.cli.rehearsal import issue_clock
from rongan_share.model.profiles import ProfileName, load_profile
from rongan_share.model.requests import check_request
from rongan_share.processes.key_pairs import encode_chain
from rongan_share.processes.listener import load_certificate
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from pathlib import Path

    from rongan_share.ca import Hierarchy
    from rongan_share.cli.connection import Connection
    from rongan_share.config import Settings


class Issuing:
    """Asks a hub for certificates of partners.

    Args:
        hierarchy: The hub's files.
        settings: Its configuration.

    Attributes:
        roots: What partners recognise the hub by.
        issuer: The authority that signs partners.
        clock: Tells by which instant certificates are judged.

    Raises:
        StartRefusedError: The authority's certificate cannot be read.
    """

    def __init__(self, hierarchy: Hierarchy, settings: Settings) -> None:
        self.roots = hierarchy.hub_roots
        self.issuer = load_certificate(settings.tls.client_intermediate)
        self.clock = issue_clock(settings.clock.offset_seconds)
        self._profile = load_profile(ProfileName.PARTNER)

    def verify(self, csr_pem: bytes) -> None:
        """Checks a request as the hub will.

        Raises:
            IssueRefusedError: With the first rule that it breaks.
        """
        check_request(csr_pem, profile=self._profile)

    def issue(
        self, hub: Connection, csr_pem: bytes, partner_id: str
    ) -> tuple[pb.IssueCertificateResponse, bytes]:
        """Has a certificate issued for the key of a request; returns the answer and a PEM chain.

        Raises:
            IssueRefusedError: With the first rule that the request breaks.
            HubRefusalError: The hub refused, or could not be reached.
        """
        self.verify(csr_pem)
        request_der = x509.load_pem_x509_csr(csr_pem).public_bytes(Encoding.DER)
        request = pb.IssueCertificateRequest(
            holder_kind=pb.HOLDER_KIND_PARTNER, holder_id=partner_id, request_der=request_der
        )
        answer = hub.call(lambda stub: stub.IssueCertificate, request)
        return answer, encode_chain(tuple(answer.chain_der))

    def copy_roots(self, copy: Path) -> None:
        """Copies the roots; a partner's second certificate finds them in its place.

        Raises:
            RefusedHereError: Something else stands there.
            OSError: The file cannot be read or written.
        """
        content = self.roots.read_bytes()
        if copy.exists() and copy.read_bytes() != content:
            raise RefusedHereError(f"{copy}: {say('file_exists')}")
        if not copy.exists():
            with new_file(copy) as opened:
                opened.write(content)
