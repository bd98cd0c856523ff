"""What the hub itself says: who we are to it, and what our agreement is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from partner_sdk.agreements import read_agreement, read_taxonomy
from partner_sdk.calls import Connections
from partner_sdk.doctor.findings import Finding, failed, good, left_out, unreachable, warned
from partner_sdk.errors import HubRefusalError, NotServedError, SdkError, UnavailableError
from partner_sdk.retry import RetryPolicy
from partner_sdk.trust import held_bundle
from rongan_share.v1.agreement_service_pb2 import (
    GetAgreementRequest,
    GetTaxonomyRequest,
    GetTokenEpochRequest,
)
from rongan_share.v1.certificate_service_pb2 import GetTrustBundleRequest, SignedTrustBundle
from rongan_share.wire.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from partner_sdk.credentials import Credentials

_NAMED = frozenset(
    {
        Reason.IDENTITY_UNREADABLE,
        Reason.CERTIFICATE_NOT_REGISTERED,
        Reason.CERTIFICATE_REVOKED,
        Reason.CERTIFICATE_EXPIRED,
        Reason.CALLER_UNKNOWN,
        Reason.CALLER_KIND_REFUSED,
        Reason.PARTNER_SUSPENDED,
        Reason.PARTNER_TERMINATED,
        Reason.NO_AGREEMENT,
        Reason.AGREEMENT_EXPIRED,
        Reason.AGREEMENT_NOT_STARTED,
    }
)
"""Refusals with a sentence and a remedy of their own."""

_TWICE = RetryPolicy(tries=2)


def check_calls(
    target: str, credentials: Credentials, directory: Path, *, timeout_seconds: float
) -> Iterator[Finding]:
    """Asks the hub about ourselves; nothing that is asked costs anything.

    Args:
        target: ``host:port`` of the hub.
        credentials: Ours.
        directory: Where they are.
        timeout_seconds: Time for each call.
    """
    connections = Connections.dial(target, credentials, count=1, policy=_TWICE)
    try:
        offered = connections.call(
            lambda stubs: stubs.certificate.GetTrustBundle,
            GetTrustBundleRequest(),
            timeout_seconds=timeout_seconds,
        )
        yield good("identity", "identity_ok", identity=credentials.identity)
    except SdkError as error:
        yield _refused("identity", error)
        yield left_out("agreement")
        yield left_out("roots")
        return
    else:
        yield _check_agreement(connections, timeout_seconds)
        yield _check_roots(credentials, directory, offered.trust_bundle)
    finally:
        connections.close()


def _check_agreement(connections: Connections, timeout_seconds: float) -> Finding:
    try:
        # Other calls stay open to those who may only take back. What is told here is dropped.
        connections.call(
            lambda stubs: stubs.agreement.GetTokenEpoch,
            GetTokenEpochRequest(),
            timeout_seconds=timeout_seconds,
        )
        taxonomy = connections.call(
            lambda stubs: stubs.agreement.GetTaxonomy,
            GetTaxonomyRequest(),
            timeout_seconds=timeout_seconds,
        )
        answer = connections.call(
            lambda stubs: stubs.agreement.GetAgreement,
            GetAgreementRequest(),
            timeout_seconds=timeout_seconds,
        )
        agreement = read_agreement(answer.agreement, read_taxonomy(taxonomy))
    except SdkError as error:
        return _refused("agreement", error)
    purposes = ", ".join(sorted(purpose.name for purpose in agreement.purposes))
    values = {"version": agreement.version, "ends": agreement.end_date, "purposes": purposes}
    return good("agreement", "agreement_ok", **values)


def _check_roots(credentials: Credentials, directory: Path, offered: SignedTrustBundle) -> Finding:
    held = held_bundle(credentials, directory)
    values = {"held": held.version, "offered": offered.bundle.version}
    if offered.bundle.version > held.version:
        return warned("roots", "roots_newer", **values)
    return good("roots", "roots_ok", **values)


def _refused(check: str, error: SdkError) -> Finding:
    if isinstance(error, HubRefusalError) and error.reason in _NAMED:
        told = ", ".join(f"{key}={text}" for key, text in error.metadata.items())
        return failed(check, f"refused.{error.refusal.reason_name}", told=told or "-")
    if isinstance(error, NotServedError):
        return failed(check, "no_partner_port")
    if isinstance(error, UnavailableError):
        return unreachable(check, "no_answer", error=error)
    return failed(check, "refused_otherwise", error=error)
