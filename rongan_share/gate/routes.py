"""The route table's form: every RPC has exactly one complete row, or the hub does not start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec

from rongan_share.errors import StartRefusedError
from rongan_share.model.caller import Caller
from rongan_share.model.partner import HolderKind
from rongan_share.model.quota import Meter
from rongan_share.services.call import Call, Outcome, Scope

if TYPE_CHECKING:
    from google.protobuf.descriptor import FileDescriptor
    from google.protobuf.message import Message

Question = Any
"""What a route's own `read` makes of a request; only the same row's functions ever see it."""


class Listener(Enum):
    """Where an RPC is served."""

    MAIN = "main"
    ENROLMENT = "enrolment"


class AuditKind(Enum):
    """Class of an RPC's entries, by which they are kept."""

    VERDICT = "VERDICT"
    CONTRIBUTION = "CONTRIBUTION"
    KEY_DELIVERY = "KEY_DELIVERY"
    ISSUANCE = "ISSUANCE"
    INFORMATION = "INFORMATION"
    ADMINISTRATION = "ADMINISTRATION"


class Reading(msgspec.Struct, frozen=True):
    """A request that was read.

    Attributes:
        question: What the service is asked.
        canonical: Canonical bytes of the request, in pieces.
    """

    question: Question
    canonical: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSide:
    """What a route of frames adds.

    Attributes:
        check_open: Checks the first message's form.
        read: Reads a frame together with the first message.
        read_ahead: Whether frame k+1 may be computed while frame k commits.
        held_scope: What an idle stream needs of the agreement to stay open, by its first message;
            None stands for that until it has come.
    """

    check_open: Callable[[Any], None]
    read: Callable[[Any, Any], Reading]
    read_ahead: bool
    held_scope: Callable[[Any], Scope]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row.

    Attributes:
        method: Service and RPC, as in `VerdictService/CheckSubject`.
        listener: Where it is served.
        audience: Who may call it at all; None = whoever has a certificate that opens the door.
        audit_kind: Class of its entries.
        request: Message class of the request.
        scope: What a question needs of the agreement; None where none may be needed.
        meter: Which quota pays; None for free routes.
        cost: What a question costs.
        read: Reads a unary request; None for frames.
        frames: How frames are read; None for unary.
        serve: Answers; None for an RPC that is not served yet.
        secret_fields: Fields of the answer that no commitment may cover, `message.field` where one
            stands in a message.
        caller: Says who a question is from where no certificate does, on the enrolment listener;
            the service proves it. None elsewhere.
        most: What a question costs at the very most, told without looking anything up; None if
            that cannot be told, so that each is priced before it is served.
    """

    method: str
    listener: Listener
    audience: HolderKind | None
    audit_kind: AuditKind
    request: type[Message]
    scope: Callable[[Question], Scope] | None
    meter: Meter | None
    cost: Callable[[Call, Question], int]
    read: Callable[[Any], Reading] | None
    frames: FrameSide | None
    serve: Callable[[Call, Question], Outcome] | None
    secret_fields: tuple[str, ...] = ()
    caller: Callable[[Question], Caller] | None = None
    most: Callable[[Question], int] | None = None


def free(_call: Call, _question: Question) -> int:
    """Costs nothing."""
    return 0


def table_of(rows: Iterable[Route], files: Iterable[FileDescriptor]) -> Mapping[str, Route]:
    """Checks that every RPC of the protos has exactly one complete row.

    Args:
        rows: The rows.
        files: The protos whose services this hub answers for.

    Returns:
        The rows by method.

    Raises:
        StartRefusedError: A row is missing, double, incomplete, or belongs to no RPC.
    """
    table: dict[str, Route] = {}
    for row in rows:
        if row.method in table:
            raise StartRefusedError(f"{row.method} has two routes")
        _verify_complete(row)
        table[row.method] = row
    expected = {
        f"{service.name}/{rpc.name}": rpc.client_streaming
        for file in files
        for service in file.services_by_name.values()
        for rpc in service.methods
    }
    for method in sorted(expected.keys() ^ table.keys()):
        fault = "has no route" if method in expected else "is no RPC"
        raise StartRefusedError(f"{method} {fault}")
    for method, streaming in expected.items():
        if table[method].serve is not None and streaming != (table[method].frames is not None):
            raise StartRefusedError(f"{method} is routed as the wrong kind of call")
    return table


def _verify_complete(row: Route) -> None:
    # Rows are put together from shared parts, where annotations bind nothing.
    if row.listener not in tuple(Listener) or row.audit_kind not in tuple(AuditKind):
        raise StartRefusedError(f"{row.method} needs a listener and an audit kind")
    if (row.audience is HolderKind.PARTNER) != (row.scope is not None):
        raise StartRefusedError(f"{row.method}: partners' routes need a scope, others have none")
    if (row.meter is None) != (row.cost is free):
        raise StartRefusedError(f"{row.method} needs a meter and a cost, or neither")
    if (row.listener is Listener.ENROLMENT) != (row.caller is not None):
        raise StartRefusedError(
            f"{row.method}: on the enrolment listener a request names its caller"
        )
    if row.serve is not None and (row.read is None) == (row.frames is None):
        raise StartRefusedError(f"{row.method} must be read either as one request or as frames")
