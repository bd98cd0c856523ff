"""Who answers each RPC of operators; everything else of their routes is the same for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rongan_share.gate.agreement import verify_scope
from rongan_share.gate.identity import claim_of
from rongan_share.services import (
    administration,
    certificates,
    enrolment,
    epochs,
    imports,
    issue_certificate,
    partners,
    rekey,
)
from rongan_share.services.call import Call, Outcome
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.message import Message

ACTS: Mapping[type[Message], Callable[[Call, Any], Outcome] | None] = {
    pb.GetHubStatusRequest: administration.get_hub_status,
    pb.CreatePartnerRequest: partners.create_partner,
    pb.ListPartnersRequest: partners.list_partners,
    pb.SuspendPartnerRequest: partners.suspend_partner,
    pb.ResumePartnerRequest: partners.resume_partner,
    pb.ProposeAgreementRequest: administration.propose_agreement,
    pb.ApproveAgreementRequest: administration.approve_agreement,
    pb.GetPartnerAgreementRequest: administration.get_partner_agreement,
    pb.RegisterCertificateRequest: administration.certificate_registrar(claim_of),
    pb.RevokeCertificateRequest: administration.revoke_certificate,
    pb.CommitImportRequest: imports.import_committer(verify_scope),
    pb.CreateEnrolmentRequest: enrolment.create_enrolment,
    pb.IssueCertificateRequest: issue_certificate.issue_certificate,
    pb.ListCertificatesRequest: certificates.list_certificates,
    pb.OpenEpochRequest: epochs.open_epoch,
    pb.ListEpochsRequest: epochs.list_epochs,
    pb.PromoteEpochRequest: epochs.promote_epoch,
    pb.CloseEpochRequest: epochs.close_epoch,
    pb.StartRekeyRequest: rekey.start_rekey,
    pb.GetRekeyRequest: rekey.get_rekey,
    pb.FinishRekeyRequest: rekey.finish_rekey,
}
"""By the request, which is named like its RPC."""

SECRET_FIELDS: Mapping[type[Message], tuple[str, ...]] = {pb.CreateEnrolmentRequest: ("secret",)}
"""Fields of answers that no commitment may cover, by the request."""
