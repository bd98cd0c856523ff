"""Partners of the measured hub: certified by its authority, let in by its operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.ca import (
    CredentialFiles,
    Hierarchy,
    Holder,
    ProfileName,
    encode_chain,
    generate_private_key,
    issue_leaf,
    load_profile,
    write_private_key,
)
from rongan_share.model.agreement import ALL_TYPES
from rongan_share.v1 import agreement_pb2
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.v1.operator_service_pb2_grpc import OperatorServiceStub
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    ProductLine,
    Purpose,
    SourceClass,
    Suite,
)

if TYPE_CHECKING:
    from datetime import datetime

OPERATORS = ("alice", "bob")
_AMPLE = 10**12
_DAYS_BEFORE, _DAYS_AFTER = 30, 300


@dataclass(frozen=True, slots=True)
class Identity:
    """How one end of a connection shows who it is.

    Attributes:
        files: Its certificate, its key and whom it trusts.
    """

    files: CredentialFiles

    def channel(self, target: str) -> grpc.Channel:
        """Connects, and waits until the handshake is over."""
        credentials = grpc.ssl_channel_credentials(
            self.files.roots.read_bytes(),
            self.files.key.read_bytes(),
            self.files.certificate.read_bytes(),
        )
        channel = grpc.secure_channel(target, credentials)
        grpc.channel_ready_future(channel).result(timeout=30)
        return channel


def enrol(hierarchy: Hierarchy, target: str, partner_id: str, *, now: datetime) -> Identity:
    """Makes a partner that may do everything, as two operators would."""
    trust_domain = _trust_domain(hierarchy)
    identity = _issue(hierarchy, Holder(trust_domain, partner_id), now=now)
    maker, checker = (Identity(hierarchy.operator(name)).channel(target) for name in OPERATORS)
    with maker, checker:
        made, approved = OperatorServiceStub(maker), OperatorServiceStub(checker)
        made.CreatePartner(pb.CreatePartnerRequest(partner_id=partner_id, display_name=partner_id))
        leaf = x509.load_pem_x509_certificate(identity.files.certificate.read_bytes())
        made.RegisterCertificate(
            pb.RegisterCertificateRequest(certificate_der=leaf.public_bytes(Encoding.DER))
        )
        day = (now.date() - now.date().replace(year=1970, month=1, day=1)).days
        request = pb.ProposeAgreementRequest(agreement=ample_agreement(partner_id, day))
        version = made.ProposeAgreement(request).agreement.version
        approved.ApproveAgreement(
            pb.ApproveAgreementRequest(partner_id=partner_id, version=version)
        )
    return identity


def _issue(hierarchy: Hierarchy, holder: Holder, *, now: datetime) -> Identity:
    issuer = hierarchy.client_authority.load()
    profile = load_profile(ProfileName.PARTNER)
    key = generate_private_key(profile)
    leaf = issue_leaf(issuer, key.public_key(), holder=holder, profile=profile, now=now)
    folder = hierarchy.directory / "partners" / holder.name
    folder.mkdir(parents=True)
    files = CredentialFiles(folder / "certificate.pem", folder / "key.pem", hierarchy.hub_roots)
    files.certificate.write_bytes(encode_chain(leaf, issuer.certificate))
    write_private_key(files.key, key)
    return Identity(files)


def _trust_domain(hierarchy: Hierarchy) -> str:
    """Reads the trust domain from the name of an operator."""
    pem = hierarchy.operator(OPERATORS[0]).certificate.read_bytes()
    names = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    uri = names.value.get_values_for_type(x509.UniformResourceIdentifier)[0]
    return uri.removeprefix("spiffe://").partition("/")[0]


def ample_agreement(partner_id: str, day: int) -> agreement_pb2.Agreement:
    """Makes an agreement that allows everything, in force today."""
    every_class = sum(1 << int(kind) for kind in SourceClass)
    every_category = packaged_taxonomy().known_bits
    ample = agreement_pb2.Quota(
        rate_per_second=10**9, burst_count=10**9, day_count=_AMPLE, month_count=_AMPLE
    )
    return agreement_pb2.Agreement(
        partner_id=partner_id,
        start_day=day - _DAYS_BEFORE,
        end_day=day + _DAYS_AFTER,
        purposes=[int(purpose) for purpose in Purpose],  # type: ignore[misc]
        channels=[int(channel) for channel in Channel],  # type: ignore[misc]
        product_lines=[int(line) for line in ProductLine],  # type: ignore[misc]
        category_bits=every_category,
        source_class_bits=every_class,
        detail_level=int(DetailLevel.PROVENANCE),  # type: ignore[arg-type]
        identifier_type_bits=ALL_TYPES,
        suites=[int(suite) for suite in Suite],  # type: ignore[misc]
        contribution=agreement_pb2.ContributionRights(
            category_bits=every_category, source_class_bits=every_class
        ),
        query_quota=ample,
        contribution_quota=ample,
    )
