"""What can go wrong when calling a hub, as exceptions.

::

    SdkError
    ├── CredentialsError            the files were refused before dialling (credentials.py)
    ├── AnswerMalformedError        the hub answered, but not what was asked
    ├── ClientBusyError             no free place among the calls in flight within the deadline
    └── HubRefusalError             the call failed; `reason` says why, None = the transport spoke
        ├── InvalidRequestError     INVALID_ARGUMENT, OUT_OF_RANGE
        ├── UnauthenticatedError    UNAUTHENTICATED
        ├── NotAllowedError         PERMISSION_DENIED
        ├── LimitExceededError      RESOURCE_EXHAUSTED without a reason: a limit of the transport
        │   └── QuotaExceededError  RESOURCE_EXHAUSTED / QUOTA_EXCEEDED: a limit of the agreement
        ├── FailedPreconditionError FAILED_PRECONDITION
        ├── ConflictError           ABORTED, ALREADY_EXISTS
        ├── NotFoundError           NOT_FOUND
        ├── NotServedError          UNIMPLEMENTED
        ├── UnavailableError        UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED
        ├── DataLossError           DATA_LOSS
        └── InternalFaultError      INTERNAL, UNKNOWN

The status code decides the class, because the set of reasons may grow. No error is ever a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from rongan_share.wire.reasons import DOMAIN, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping


class SdkError(Exception):
    """Root of everything that the SDK raises about a call."""


class AnswerMalformedError(SdkError):
    """The hub's answer does not account for what was asked; nothing may be concluded from it."""


class ClientBusyError(SdkError):
    """Too many calls of this client are in flight; none ended within the deadline."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What came with a failed call.

    Attributes:
        code: The raw status code.
        reason: The hub's reason, or None: the transport spoke, or the reason is newer than this
            SDK.
        reason_name: The reason as sent; empty = the transport spoke.
        text: The fixed text sent with it, for a developer.
        metadata: Keys and values of the ErrorInfo, as ``error_reason.proto`` documents them.
        retry_seconds: When the hub says a further try makes sense, or None.
    """

    code: grpc.StatusCode
    reason: Reason | None = None
    reason_name: str = ""
    text: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    retry_seconds: float | None = None


class HubRefusalError(SdkError):
    """A call failed at the hub or on the way to it."""

    def __init__(self, refusal: Refusal) -> None:
        name = refusal.reason_name or "no reason given: the transport refused, not the hub"
        extras = ", ".join(f"{key}={value}" for key, value in sorted(refusal.metadata.items()))
        super().__init__(
            f"{refusal.code.name}: {name}: {refusal.text}" + (f" ({extras})" if extras else "")
        )
        self.refusal = refusal

    @property
    def code(self) -> grpc.StatusCode:
        """The raw status code."""
        return self.refusal.code

    @property
    def reason(self) -> Reason | None:
        """The hub's reason; None = the transport spoke, or the reason is newer than this SDK."""
        return self.refusal.reason

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the hub says about this refusal, keys as in ``error_reason.proto``."""
        return self.refusal.metadata

    @property
    def call_id(self) -> str:
        """The id by which the hub's operator finds the call, or an empty text."""
        return self.refusal.metadata.get("callId", "")

    @property
    def retry_seconds(self) -> float | None:
        """When a further try makes sense, or None."""
        return self.refusal.retry_seconds


class InvalidRequestError(HubRefusalError):
    """The request breaks a rule of the wire; sending it again will not help."""


class UnauthenticatedError(HubRefusalError):
    """The certificate does not prove a caller of this hub."""


class NotAllowedError(HubRefusalError):
    """The caller is known, and may not do this."""


class LimitExceededError(HubRefusalError):
    """A limit of the transport was met, such as the size of a message."""


class QuotaExceededError(LimitExceededError):
    """A limit of the agreement is used up; `retry_seconds` says until when."""


class FailedPreconditionError(HubRefusalError):
    """The hub is in another state than the request assumes."""


class ConflictError(HubRefusalError):
    """The id or name was used before with other content, or the object was changed meanwhile."""


class NotFoundError(HubRefusalError):
    """A named object does not exist; an empty look-up is an answer, never this."""


class NotServedError(HubRefusalError):
    """This hub does not serve the call yet."""


class UnavailableError(HubRefusalError):
    """The hub could not be reached, or could not answer now; nothing was answered."""


class DataLossError(HubRefusalError):
    """The hub found stored bytes damaged; call the operator."""


class InternalFaultError(HubRefusalError):
    """A fault of the hub; tell its operator the call id."""


BY_STATUS: Mapping[grpc.StatusCode, type[HubRefusalError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequestError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: NotAllowedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitExceededError,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPreconditionError,
    grpc.StatusCode.ABORTED: ConflictError,
    grpc.StatusCode.ALREADY_EXISTS: ConflictError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.UNIMPLEMENTED: NotServedError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: UnavailableError,
    grpc.StatusCode.CANCELLED: UnavailableError,
    grpc.StatusCode.DATA_LOSS: DataLossError,
    grpc.StatusCode.INTERNAL: InternalFaultError,
    grpc.StatusCode.UNKNOWN: InternalFaultError,
}
"""Status code to exception; a refinement by reason stands in `error_for`."""


def error_for(refusal: Refusal) -> HubRefusalError:
    """Makes the exception that belongs to a refusal."""
    if refusal.reason is Reason.QUOTA_EXCEEDED:
        return QuotaExceededError(refusal)
    return BY_STATUS.get(refusal.code, HubRefusalError)(refusal)


def refusal_from_rpc_error(error: grpc.RpcError) -> Refusal:
    """Reads what a failed call carries: status code, ErrorInfo and RetryInfo.

    A reply whose details cannot be read, or whose ErrorInfo is of another domain, counts as spoken
    by the transport: nothing in it can be trusted to be the hub's.

    Args:
        error: What a call of grpc raised.
    """
    code, text = error.code(), error.details() or ""
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    try:
        status = rpc_status.from_call(cast("grpc.Call", error))
        for detail in status.details if status is not None else ():
            # Unpack does nothing when the detail is of another kind.
            detail.Unpack(info)
            detail.Unpack(retry)
    except (ValueError, DecodeError):
        return Refusal(code, text=text)
    if info.domain != DOMAIN:
        return Refusal(code, text=text)
    delay = retry.retry_delay
    return Refusal(
        code,
        reason=Reason.__members__.get(info.reason),
        reason_name=info.reason,
        text=text,
        metadata=dict(info.metadata),
        retry_seconds=delay.seconds + delay.nanos / 1e9 if retry.HasField("retry_delay") else None,
    )


def from_rpc_error(error: grpc.RpcError) -> HubRefusalError:
    """Turns what grpc raised into an exception of this module."""
    return error_for(refusal_from_rpc_error(error))
