"""The route table: what each RPC needs, costs, leaves behind, and who answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from rongan_share.gate.acts import ACTS, SECRET_FIELDS
from rongan_share.gate.routes import (
    AuditKind,
    FrameSide,
    Listener,
    Question,
    Reading,
    Route,
    free,
    table_of,
)
from rongan_share.model.partner import HolderKind
from rongan_share.model.quota import Meter
from rongan_share.services import (
    agreement,
    contribution,
    enrolment,
    frames,
    own_listings,
    questions,
    renewal,
    trust,
    usage,
    verdict,
)
from rongan_share.services.call import Call, Outcome, Scope, open_scope, standing_scope
from rongan_share.v1 import agreement_service_pb2 as agreement_pb
from rongan_share.v1 import certificate_service_pb2 as certificate_pb
from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.wire.canonical import encode_message

if TYPE_CHECKING:
    from google.protobuf.message import Message

FILES = (
    verdict_pb.DESCRIPTOR,
    contribution_pb.DESCRIPTOR,
    agreement_pb.DESCRIPTOR,
    certificate_pb.DESCRIPTOR,
    operator_pb.DESCRIPTOR,
)
"""Protos whose services this hub answers for."""

Serve = Callable[[Call, Any], Outcome]


def route_table() -> Mapping[str, Route]:
    """Returns all routes by method.

    Raises:
        StartRefusedError: A row is missing, double, incomplete, or belongs to no RPC.
    """
    rows = [
        *_verdict_routes(),
        *_contribution_routes(),
        *_agreement_routes(),
        *_certificate_routes(),
        *_operator_routes(),
    ]
    return table_of(rows, FILES)


def _verdict_routes() -> list[Route]:
    shared: dict[str, Any] = {
        "listener": Listener.MAIN,
        "audience": HolderKind.PARTNER,
        "audit_kind": AuditKind.VERDICT,
        "scope": questions.VerdictQuestion.scope,
        "meter": Meter.QUERY,
        "cost": verdict.question_cost,
        "most": attrgetter("token_count"),
    }
    return [
        Route(
            method="VerdictService/CheckSubject",
            request=verdict_pb.CheckSubjectRequest,
            read=lambda request: _own_canonical(questions.read_check(request)),
            frames=None,
            serve=verdict.check_subject,
            **shared,
        ),
        Route(
            method="VerdictService/StreamVerdicts",
            request=verdict_pb.StreamVerdictsRequest,
            read=None,
            frames=FrameSide(
                check_open=questions.check_open,
                read=lambda opening, frame: _own_canonical(questions.read_frame(opening, frame)),
                read_ahead=True,
                held_scope=questions.stream_scope,
            ),
            serve=verdict.answer_frame,
            **shared,
        ),
    ]


def _contribution_routes() -> list[Route]:
    return [
        Route(
            method="ContributionService/Contribute",
            listener=Listener.MAIN,
            audience=HolderKind.PARTNER,
            audit_kind=AuditKind.CONTRIBUTION,
            request=contribution_pb.ContributeRequest,
            scope=frames.ContributionFrame.scope,
            meter=Meter.CONTRIBUTION,
            cost=contribution.frame_cost,
            read=None,
            # Rows are checked against what was accepted before, so frames go one by one.
            frames=FrameSide(
                check_open=frames.check_open,
                read=lambda opening, frame: _own_canonical(frames.read_frame(opening, frame)),
                read_ahead=False,
                # Whoever may still withdraw may hold a stream to do it on.
                held_scope=open_scope,
            ),
            serve=contribution.accept_frame,
        ),
        _information(
            "ContributionService/GetContributionState",
            contribution_pb.GetContributionStateRequest,
            contribution.get_contribution_state,
            # Whoever may still withdraw must learn how far a stream came.
            scope=open_scope,
            read=lambda request: Reading(
                contribution.read_stream_id(request), (encode_message(request),)
            ),
        ),
        _information(
            "ContributionService/ListOwnListings",
            contribution_pb.ListOwnListingsRequest,
            own_listings.list_own_listings,
            # Whoever may still withdraw must know what.
            scope=open_scope,
        ),
    ]


def _agreement_routes() -> list[Route]:
    service = "AgreementService"
    return [
        _information(
            f"{service}/GetAgreement",
            agreement_pb.GetAgreementRequest,
            agreement.get_agreement,
            scope=open_scope,
        ),
        _information(
            f"{service}/GetUsage",
            agreement_pb.GetUsageRequest,
            usage.get_usage,
            scope=open_scope,
        ),
        _information(
            f"{service}/GetTokenEpoch",
            agreement_pb.GetTokenEpochRequest,
            agreement.get_token_epoch,
            audit_kind=AuditKind.KEY_DELIVERY,
            secret_fields=("key", "next.key"),
        ),
        _information(
            f"{service}/GetTaxonomy",
            agreement_pb.GetTaxonomyRequest,
            agreement.get_taxonomy,
            # No secret among partners, and withdrawing needs it.
            scope=open_scope,
        ),
        _information(f"{service}/GetOverlay", agreement_pb.GetOverlayRequest, None),
        _information(f"{service}/PutOverlay", agreement_pb.PutOverlayRequest, None),
    ]


def _certificate_routes() -> list[Route]:
    shared: dict[str, Any] = {
        "audit_kind": AuditKind.ISSUANCE,
        "meter": None,
        "cost": free,
        "read": _as_sent,
        "frames": None,
        "scope": None,
        "audience": None,
    }
    service = "CertificateService"
    return [
        Route(
            method=f"{service}/EnrollCertificate",
            listener=Listener.ENROLMENT,
            request=certificate_pb.EnrollCertificateRequest,
            serve=enrolment.enroll_certificate,
            caller=enrolment.named_by,
            **shared,
        ),
        Route(
            method=f"{service}/RenewCertificate",
            listener=Listener.MAIN,
            request=certificate_pb.RenewCertificateRequest,
            serve=renewal.renew_certificate,
            **shared,
        ),
        Route(
            method=f"{service}/GetTrustBundle",
            listener=Listener.MAIN,
            request=certificate_pb.GetTrustBundleRequest,
            serve=trust.get_trust_bundle,
            **(shared | {"audit_kind": AuditKind.INFORMATION}),
        ),
    ]


def _operator_routes() -> list[Route]:
    return [
        Route(
            method=f"OperatorService/{request.__name__.removesuffix('Request')}",
            listener=Listener.MAIN,
            audience=HolderKind.OPERATOR,
            audit_kind=AuditKind.ADMINISTRATION,
            request=request,
            scope=None,
            meter=None,
            cost=free,
            read=_as_sent,
            frames=None,
            serve=serve,
            secret_fields=SECRET_FIELDS.get(request, ()),
        )
        for request, serve in ACTS.items()
    ]


def _information(
    method: str,
    request: type[Message],
    serve: Serve | None,
    *,
    scope: Callable[[Question], Scope] = standing_scope,
    read: Callable[[Any], Reading] | None = None,
    audit_kind: AuditKind = AuditKind.INFORMATION,
    secret_fields: tuple[str, ...] = (),
) -> Route:
    """Makes the row of a partner's free unary RPC."""
    return Route(
        method=method,
        listener=Listener.MAIN,
        audience=HolderKind.PARTNER,
        audit_kind=audit_kind,
        request=request,
        scope=scope,
        meter=None,
        cost=free,
        read=read or _as_sent,
        frames=None,
        serve=serve,
        secret_fields=secret_fields,
    )


def _as_sent(request: Message) -> Reading:
    return Reading(request, (encode_message(request),))


def _own_canonical(question: Question) -> Reading:
    return Reading(question, question.canonical)
