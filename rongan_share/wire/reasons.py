"""The one table of refusals: reason, status code, fixed text, metadata, what a client should do.

The hub's replies and the SDK's errors both read it; ``docs/errors.md`` is written from it.
Source: google.rpc.ErrorInfo, AIP-193; the names are those of ``error_reason.proto``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

DOMAIN = "rongan-share"
"""The ErrorInfo domain of every refusal made by a hub."""


class Retry(Enum):
    """What a client may do after a refusal."""

    NEVER = "never"
    AFTER_RETRY_INFO = "once, after RetryInfo"
    SAME_CALL = "yes, with backoff"
    RE_READ = "after reading again"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row of the table.

    Attributes:
        status: Name of the gRPC status code.
        text: Fixed developer-facing text; never holds a value.
        metadata: Keys of ErrorInfo.metadata besides ``callId``.
        retry: What the client may do.
    """

    status: str
    text: str
    metadata: tuple[str, ...]
    retry: Retry


class Reason(Enum):
    """Why something was refused."""

    REQUEST_MALFORMED = Refusal(
        "INVALID_ARGUMENT", "a field breaks its rule", ("field", "rule"), Retry.NEVER
    )
    FIELD_NOT_SERVED = Refusal(
        "INVALID_ARGUMENT", "this hub does not serve the field yet", ("field",), Retry.NEVER
    )
    COLUMN_MALFORMED = Refusal(
        "INVALID_ARGUMENT", "a column does not fit the frame", ("column", "rule"), Retry.NEVER
    )
    ROW_REFUSED = Refusal(
        "INVALID_ARGUMENT",
        "a row breaks a rule; nothing of the frame was kept",
        ("row", "column", "rule"),
        Retry.NEVER,
    )
    FRAME_OVER_BURST = Refusal(
        "INVALID_ARGUMENT",
        "the frame costs more than the burst; send smaller frames",
        ("cost", "burst"),
        Retry.NEVER,
    )
    PAGE_TOKEN_INVALID = Refusal(
        "INVALID_ARGUMENT",
        "the page token was not given to this caller for this list",
        (),
        Retry.NEVER,
    )
    IDENTITY_UNREADABLE = Refusal(
        "UNAUTHENTICATED",
        "the certificate does not name exactly one caller of this hub",
        ("rule",),
        Retry.NEVER,
    )
    CERTIFICATE_NOT_REGISTERED = Refusal(
        "UNAUTHENTICATED", "the certificate is not registered", (), Retry.NEVER
    )
    CERTIFICATE_REVOKED = Refusal("UNAUTHENTICATED", "the certificate was revoked", (), Retry.NEVER)
    CERTIFICATE_EXPIRED = Refusal(
        "UNAUTHENTICATED", "the certificate is not valid now by the hub's clock", (), Retry.NEVER
    )
    CALLER_UNKNOWN = Refusal("UNAUTHENTICATED", "no such partner or operator", (), Retry.NEVER)
    ENROLMENT_REFUSED = Refusal(
        "UNAUTHENTICATED", "the enrolment string is not valid", (), Retry.NEVER
    )
    CALLER_KIND_REFUSED = Refusal(
        "PERMISSION_DENIED", "this kind of caller may not call this RPC", (), Retry.NEVER
    )
    PARTNER_SUSPENDED = Refusal("PERMISSION_DENIED", "the partner is suspended", (), Retry.NEVER)
    PARTNER_TERMINATED = Refusal(
        "PERMISSION_DENIED", "the partner has left the hub", (), Retry.NEVER
    )
    NO_AGREEMENT = Refusal("PERMISSION_DENIED", "no agreement is in force", (), Retry.NEVER)
    AGREEMENT_EXPIRED = Refusal(
        "PERMISSION_DENIED", "the agreement has ended", ("endDay",), Retry.NEVER
    )
    AGREEMENT_NOT_STARTED = Refusal(
        "PERMISSION_DENIED", "the agreement has not begun", ("startDay",), Retry.NEVER
    )
    PURPOSE_NOT_GRANTED = Refusal(
        "PERMISSION_DENIED", "the purpose is not in the agreement", ("purpose",), Retry.NEVER
    )
    SCOPE_NOT_GRANTED = Refusal(
        "PERMISSION_DENIED", "the scope is not in the agreement", ("scope", "value"), Retry.NEVER
    )
    SAME_OPERATOR = Refusal(
        "PERMISSION_DENIED", "who proposed a change may not approve it", (), Retry.NEVER
    )
    QUOTA_EXCEEDED = Refusal(
        "RESOURCE_EXHAUSTED",
        "a limit of the agreement is used up",
        ("limit", "cost"),
        Retry.AFTER_RETRY_INFO,
    )
    TOO_MANY_CALLS = Refusal(
        "RESOURCE_EXHAUSTED",
        "the caller has too much under way at once",
        ("limit", "most"),
        Retry.SAME_CALL,
    )
    FRAME_GAP = Refusal("FAILED_PRECONDITION", "a frame was skipped", ("expected",), Retry.NEVER)
    EPOCH_NOT_OPEN = Refusal(
        "FAILED_PRECONDITION",
        "the epoch or its suite is not the one in use",
        ("currentEpoch", "currentSuite"),
        Retry.RE_READ,
    )
    STREAM_TOO_OLD = Refusal(
        "FAILED_PRECONDITION",
        "the frame is older than the hub remembers frames of this stream",
        ("highest",),
        Retry.NEVER,
    )
    NEXT_EPOCH_NEEDED = Refusal(
        "FAILED_PRECONDITION",
        "an epoch is opening; rows that are added carry its tokens too",
        ("nextEpoch", "nextSuite"),
        Retry.RE_READ,
    )
    RENEWAL_NOT_DUE = Refusal(
        "FAILED_PRECONDITION",
        "the certificate has not lived long enough to be followed by another",
        ("dueTime",),
        Retry.NEVER,
    )
    WRONG_STATE = Refusal(
        "FAILED_PRECONDITION",
        "the epoch or the change of the hub key is not where this act needs it",
        ("state",),
        Retry.RE_READ,
    )
    LISTINGS_LACK_TOKENS = Refusal(
        "FAILED_PRECONDITION",
        "live listings have no token of the epoch that is to be promoted",
        ("count",),
        Retry.RE_READ,
    )
    FRAME_CONFLICT = Refusal(
        "ABORTED", "the id was used before with other content", (), Retry.NEVER
    )
    STALE_VERSION = Refusal(
        "ABORTED", "the object was changed since it was read", ("version",), Retry.RE_READ
    )
    IMPORT_OUTDATED = Refusal(
        "ABORTED",
        "what the staged rows were checked by has changed; check them again",
        ("changed",),
        Retry.RE_READ,
    )
    RESOURCE_NOT_FOUND = Refusal("NOT_FOUND", "no such object", ("resource",), Retry.NEVER)
    RESOURCE_EXISTS = Refusal(
        "ALREADY_EXISTS", "an object of this name exists", ("resource",), Retry.NEVER
    )
    RPC_NOT_SERVED = Refusal(
        "UNIMPLEMENTED", "this hub does not serve the RPC yet", (), Retry.NEVER
    )
    STORE_FULL = Refusal(
        "UNAVAILABLE", "the store is full; nothing was answered", (), Retry.SAME_CALL
    )
    HUB_STOPPING = Refusal("UNAVAILABLE", "the hub is stopping", (), Retry.SAME_CALL)
    STALE_SNAPSHOT = Refusal(
        "UNAVAILABLE",
        "this worker has not reached the asked sequence",
        ("listSequence",),
        Retry.SAME_CALL,
    )
    STORE_BUSY = Refusal(
        "UNAVAILABLE", "the store is busy; nothing was answered", (), Retry.SAME_CALL
    )
    SIGNER_UNAVAILABLE = Refusal(
        "UNAVAILABLE", "what signs certificates does not answer", (), Retry.SAME_CALL
    )
    STORE_FAILED = Refusal(
        "UNAVAILABLE", "the commit failed; nothing was answered", (), Retry.SAME_CALL
    )
    STORE_CORRUPT = Refusal(
        "DATA_LOSS", "stored bytes do not match their checksum", (), Retry.NEVER
    )
    INTERNAL = Refusal("INTERNAL", "a fault of the hub", (), Retry.NEVER)

    @property
    def refusal(self) -> Refusal:
        """The table row of this reason."""
        return self.value
