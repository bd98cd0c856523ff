"""From what grpc raises to the exceptions of the SDK."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from partner_sdk import errors
from partner_sdk.errors import BY_STATUS, HubRefusalError, from_rpc_error
from rongan_share.wire.reasons import Reason
from tests.sdk.doubles import refusal, trailer


class CallError(grpc.RpcError):
    """What grpc raises, less the channel."""

    def __init__(self, metadata: tuple[Any, ...], code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self._parts = metadata, code, details

    def trailing_metadata(self) -> tuple[Any, ...]:
        """The trailer."""
        return self._parts[0]

    def code(self) -> grpc.StatusCode:
        """The status code."""
        return self._parts[1]

    def details(self) -> str:
        """The text."""
        return self._parts[2]


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_every_reason_has_its_exception(reason: Reason) -> None:
    """Each refusal of the table arrives with reason, metadata and call id, by its status family."""
    metadata = dict.fromkeys(reason.refusal.metadata, "x")
    sent = refusal(reason, retry_seconds=None, **metadata)
    error = from_rpc_error(CallError(*trailer(sent)))
    assert error.reason is reason
    assert error.code is grpc.StatusCode[reason.refusal.status]
    assert isinstance(error, BY_STATUS[error.code])
    assert type(error) is not HubRefusalError
    assert error.call_id == "c0ffee"
    assert {"callId", *reason.refusal.metadata} == set(error.metadata)


@pytest.mark.parametrize("code", set(grpc.StatusCode) - {grpc.StatusCode.OK}, ids=str)
def test_every_status_code_has_an_exception(code: grpc.StatusCode) -> None:
    """Whatever the transport says becomes a subclass, with no reason of the hub."""
    error = from_rpc_error(CallError((), code, "words of the transport"))
    assert type(error) is BY_STATUS[code]
    assert error.reason is None
    assert error.refusal.reason_name == ""
    assert error.call_id == ""


def test_retry_time_is_read() -> None:
    """RetryInfo beside ErrorInfo gives the time in seconds."""
    error = from_rpc_error(CallError(*trailer(refusal(Reason.QUOTA_EXCEEDED, retry_seconds=1.25))))
    assert error.retry_seconds == 1.25
    assert type(error) is errors.QuotaExceededError


def test_newer_reason_keeps_name_and_family() -> None:
    """A reason newer than the SDK is decided by status code, and its name is not lost."""
    sent = refusal(Reason.NO_AGREEMENT)
    info = error_details_pb2.ErrorInfo(reason="MOON_IS_FULL", domain="rongan-share")
    sent.details[0].Pack(info)
    error = from_rpc_error(CallError(*trailer(sent)))
    assert type(error) is errors.NotAllowedError
    assert error.reason is None
    assert error.refusal.reason_name == "MOON_IS_FULL"


def test_foreign_error_info_is_not_the_hubs() -> None:
    """ErrorInfo of another domain, a proxy's for instance, gives neither reason nor retry time."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason="QUOTA_EXCEEDED", domain="proxy.example"))
    sent = status_pb2.Status(code=8, message="no", details=[detail])
    error = from_rpc_error(CallError(*trailer(sent)))
    assert type(error) is errors.LimitExceededError
    assert error.reason is None


@pytest.mark.parametrize(
    "junk", [b"\xff\xff\xff", b"", status_pb2.Status(code=3).SerializeToString()]
)
def test_details_that_do_not_fit_are_ignored(junk: bytes) -> None:
    """A trailer that does not parse or fits another status still gives the right exception."""
    metadata = (("grpc-status-details-bin", junk),)
    error = from_rpc_error(CallError(metadata, grpc.StatusCode.UNAVAILABLE, "down"))
    assert type(error) is errors.UnavailableError
    assert error.reason is None
