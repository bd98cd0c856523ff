"""Certificates of many partners: a folder for each, in it a request, and later its certificate.

A hub that is asked again for the key of a request gives the same certificate again, so whatever
breaks off in between loses none. One that was signed elsewhere is made known to the hub.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.credentials import CERTIFICATE_FILE, ROOTS_FILE
from partner_sdk.enrolment import REQUEST_FILE
from partner_sdk.sources.rows import RowProblem
from rongan_share.cli.new_file import new_file
from rongan_share.errors import RonganError
from rongan_share.gate.identity import claim_of
from rongan_share.model.partner import HolderKind
from rongan_share.model.refusals import IssueRefusedError
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from pathlib import Path

    from rongan_share.cli.connection import Connection
    from rongan_share.cli.issuing import Issuing
    from rongan_share.cli.partner_file import PartnerRow


class CertificateFolders:
    """The folders of all partners.

    Args:
        folder: Holds one for each, named by its id.
        issuing: Has their requests signed.
        trust_domain: Authority of their names.
    """

    def __init__(self, folder: Path, issuing: Issuing, trust_domain: str) -> None:
        self._folder = folder
        self._issuing = issuing
        self._trust_domain = trust_domain

    def problem(self, row: PartnerRow, known: pb.Partner | None) -> RowProblem | None:
        """Says why a partner could get no certificate, by what the hub knows; None if it can.

        Raises:
            OSError: A file cannot be read.
        """
        place = self._folder / row.partner_id
        certificate, request = place / CERTIFICATE_FILE, place / REQUEST_FILE
        if certificate.exists():
            rule = self._rule_broken(certificate, row.partner_id)
            if not rule and known is not None and _serial(certificate) in known.revoked_serials:
                rule = f"{CERTIFICATE_FILE} was revoked"
        elif request.exists():
            rule = self._rule_of_request(request)
        else:
            rule = f"its folder has neither {REQUEST_FILE} nor {CERTIFICATE_FILE}"
        return RowProblem(row.line, "partner", rule) if rule else None

    def is_done(self, row: PartnerRow, known: pb.Partner | None) -> bool:
        """Whether the hub knows the certificate that lies in a partner's folder."""
        path = self._folder / row.partner_id / CERTIFICATE_FILE
        return known is not None and path.exists() and _serial(path) in known.certificate_serials

    def issue(self, row: PartnerRow, hub: Connection) -> None:
        """Has a certificate issued, or makes the one known that lies there.

        Raises:
            HubRefusalError: The hub refused, or could not be reached.
            RefusedHereError: Other roots lie in the folder.
            OSError: A file cannot be written.
        """
        place = self._folder / row.partner_id
        path = place / CERTIFICATE_FILE
        self._issuing.copy_roots(place / ROOTS_FILE)
        if not path.exists():
            csr_pem = (place / REQUEST_FILE).read_bytes()
            with new_file(path) as opened:
                opened.write(self._issuing.issue(hub, csr_pem, row.partner_id)[1])
            return
        der = _leaf(path).public_bytes(Encoding.DER)
        request = pb.RegisterCertificateRequest(certificate_der=der)
        hub.call(lambda stub: stub.RegisterCertificate, request)

    def _rule_of_request(self, request: Path) -> str:
        try:
            self._issuing.verify(request.read_bytes())
        except IssueRefusedError as error:
            return f"{REQUEST_FILE}: {error}"
        return ""

    def _rule_broken(self, path: Path, partner_id: str) -> str:
        """Judges a certificate as the hub will; empty if nothing is wrong."""
        try:
            leaf = _leaf(path)
            leaf.verify_directly_issued_by(self._issuing.issuer)
            claim = claim_of(leaf, self._trust_domain)
        except RefusedHereError as error:
            return error.message
        except (ValueError, TypeError, InvalidSignature, RonganError):
            return f"{CERTIFICATE_FILE} is not of this hub"
        if (claim.kind, claim.caller_id) != (HolderKind.PARTNER, partner_id):
            return f"{CERTIFICATE_FILE} names somebody else"
        if claim.not_after < self._issuing.clock.now():
            return f"{CERTIFICATE_FILE} has expired"
        return ""


def _serial(path: Path) -> str:
    return f"{_leaf(path).serial_number:x}"


def _leaf(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise RefusedHereError(f"{CERTIFICATE_FILE} holds no certificate in PEM") from None
