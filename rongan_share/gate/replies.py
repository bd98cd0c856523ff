"""Last step of the walk: from refusals to google.rpc.Status with exactly one ErrorInfo.

The table itself is `wire.reasons`; texts are fixed, so nothing of an exception ever reaches a peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from rongan_share.wire.reasons import DOMAIN, Reason, Retry

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from rongan_share.errors import RonganError


def status_of(error: RonganError, *, caller_id: str) -> status_pb2.Status:
    """Makes the reply to a refusal.

    Args:
        error: The refusal, with the call id in its metadata.
        caller_id: Subject of a quota failure.
    """
    row = error.reason.refusal
    info = error_details_pb2.ErrorInfo(
        reason=error.reason.name, domain=DOMAIN, metadata=error.metadata
    )
    details: list[Message] = [info]
    if error.retry_after_seconds is not None and row.retry in (
        Retry.AFTER_RETRY_INFO,
        Retry.SAME_CALL,
    ):
        delay = error_details_pb2.RetryInfo()
        delay.retry_delay.FromNanoseconds(int(error.retry_after_seconds * 1e9))
        details.append(delay)
    if error.reason is Reason.QUOTA_EXCEEDED:
        violation = error_details_pb2.QuotaFailure.Violation(
            subject=f"partner:{caller_id}", description=error.metadata["limit"]
        )
        details.append(error_details_pb2.QuotaFailure(violations=[violation]))
    if "field" in error.metadata and "rule" in error.metadata:
        broken = error_details_pb2.BadRequest.FieldViolation(
            field=error.metadata["field"], description=error.metadata["rule"]
        )
        details.append(error_details_pb2.BadRequest(field_violations=[broken]))
    return status_pb2.Status(
        code=code_pb2.Code.Value(row.status), message=row.text, details=[_pack(d) for d in details]
    )


def abort(context: grpc.ServicerContext, status: status_pb2.Status) -> NoReturn:
    """Ends a call with a status."""
    context.abort_with_status(rpc_status.to_status(status))


def _pack(message: Message) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed
