"""Where gRPC meets the walk: raw bytes in, raw bytes out, and the only place that aborts a call."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, NoReturn

import grpc
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from rongan_share.clock import monotonic_ns
from rongan_share.errors import Reason, RonganError
from rongan_share.gate.held_streams import HeldStream, OpenStreams
from rongan_share.gate.replies import abort, status_of
from rongan_share.gate.routes import Listener, Reading, Route
from rongan_share.gate.streams import Arrival, FrameRefused, answer_frames
from rongan_share.gate.walk import Peer, Walk

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from threading import Semaphore

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

    from rongan_share.gate.admission import Admission, StreamPlace
    from rongan_share.gate.enrolment_door import EnrolmentDoor
    from rongan_share.gate.refusals import RefusalBook
    from rongan_share.model.caller import ClaimedCaller

PACKAGE = "rongan_share.v1"
"""Package of every service."""

_CALL_ID_BYTES = 8
_log = logging.getLogger(__name__)


class Gate:
    """Turns the route table into gRPC handlers, of one listener.

    Args:
        walk: What every call goes through.
        refusals: Where refusals are entered.
        table: The routes.
        admission: Holds each certificate to its places.
        door: Lets calls in on the enrolment listener; None for the main one.

    Attributes:
        admission: Holds each certificate to its places.
        streams: The open streams.
    """

    def __init__(
        self,
        walk: Walk,
        refusals: RefusalBook,
        table: Mapping[str, Route],
        *,
        admission: Admission,
        door: EnrolmentDoor | None = None,
    ) -> None:
        self._walk = walk
        self._refusals = refusals
        self._table = table
        self._door = door
        self.admission = admission
        self.streams = OpenStreams()

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Returns one handler for each service; bytes are parsed inside the walk, not before it."""
        services: dict[str, dict[str, grpc.RpcMethodHandler[bytes, bytes]]] = {}
        listener = Listener.MAIN if self._door is None else Listener.ENROLMENT
        for method, route in self._table.items():
            if route.listener is not listener:
                continue
            service, rpc = method.split("/")
            services.setdefault(service, {})[rpc] = self._handler(route)
        return [
            grpc.method_handlers_generic_handler(f"{PACKAGE}.{service}", methods)
            for service, methods in services.items()
        ]

    def _handler(self, route: Route) -> grpc.RpcMethodHandler[bytes, bytes]:
        if route.frames is not None:

            def stream(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
                return self._stream(route, requests, context)

            return grpc.stream_stream_rpc_method_handler(stream)

        def unary(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            return self._unary(route, requests, context)

        # A unary handler of gRPC waits for its message before it is called, in a thread that
        # calls which never send one would hold: so many of them, and nobody is answered.
        return grpc.stream_unary_rpc_method_handler(unary)

    def _unary(
        self, route: Route, requests: Iterator[bytes], context: grpc.ServicerContext
    ) -> bytes:
        peer = peer_of(context)()
        try:
            with self._place(peer, context) as turn:
                raw = next(received(requests, context), None)
                if raw is None:
                    return _nothing_came(context)
                with turn:
                    pending = self._walk.decide(route, peer, reader(route, raw))
                return self._walk.settle(pending).SerializeToString()
        except Exception as error:  # noqa: BLE001 - the one place where faults end
            self._refuse(route, peer, error, context=context)

    def _stream(
        self, route: Route, requests: Iterator[bytes], context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        make_peer = peer_of(context)
        try:
            opened = make_peer()
            with self.admission.stream(self.claim(opened)) as place:
                self._walk.admit(route, opened)
                arrivals = arriving(route, received(requests, context), make_peer, place=place)
                with self.streams.holding(self._held(route, opened, context)) as held:
                    for answer in answer_frames(self._walk, route, arrivals, held=held):
                        yield answer
                        place.give()
        except FrameRefused as refused:
            self._refuse(
                route,
                refused.peer or make_peer(),
                refused.cause,
                context=context,
                frame_number=refused.frame_number,
            )
        except Exception as error:  # noqa: BLE001 - the one place where faults end
            self._refuse(route, make_peer(), error, context=context)

    def _held(self, route: Route, peer: Peer, context: grpc.ServicerContext) -> HeldStream:
        def cut(refusal: RonganError) -> None:
            context.cancel()
            try:
                self._enter(route, peer, refusal.noting(callId=peer.call_id))
            except RonganError as unentered:
                _log.error("refusal not entered reason=%s", unentered.reason.name)

        scope = None if route.frames is None else route.frames.held_scope(None)
        return HeldStream(route, self._walk.claim(peer), scope=scope, cut=cut)

    def _place(
        self, peer: Peer, context: grpc.ServicerContext
    ) -> AbstractContextManager[Semaphore]:
        """Takes a place for a unary call: of its certificate, or where none is shown, its address.

        Raises:
            RonganError: TOO_MANY_CALLS.
        """
        if self._door is not None:
            return self._door.call(context.peer())
        return self.admission.call(self.claim(peer))

    def claim(self, peer: Peer) -> ClaimedCaller | None:
        """Reads whose place a call takes; None if its certificate names nobody."""
        try:
            return self._walk.claim(peer)
        except RonganError:
            return None

    def _refuse(
        self,
        route: Route,
        peer: Peer,
        error: Exception,
        *,
        context: grpc.ServicerContext,
        frame_number: int = 0,
    ) -> NoReturn:
        """Enters a refusal and ends the call with it; any other fault becomes one."""
        if not isinstance(error, RonganError):
            _log.error(
                "call failed call_id=%s method=%s", peer.call_id, route.method, exc_info=error
            )
            error = RonganError(Reason.INTERNAL)
        if frame_number:
            error = error.noting(frameNumber=frame_number)
        error = error.noting(callId=peer.call_id)
        try:
            caller_id = self._enter(route, peer, error)
        except RonganError as unentered:
            # No durable entry, no answer of ours: the caller is told that the store failed.
            error, caller_id = unentered.noting(callId=peer.call_id), ""
        abort(context, status_of(error, caller_id=caller_id))

    def _enter(self, route: Route, peer: Peer, error: RonganError) -> str:
        """Enters a refusal; returns under whose name.

        Raises:
            RonganError: The entry could not be committed.
        """
        kind = self._walk.refusal_kind(route, peer, error)
        self._refusals.enter(kind, error, peer.duration_us)
        return kind.caller_id


def reader(route: Route, raw: bytes) -> Callable[[], Reading]:
    """Returns what reads a unary request, once its caller is known."""

    def read() -> Reading:
        message = parse(route, raw)
        return Reading(message, ()) if route.read is None else route.read(message)

    return read


def _nothing_came(context: grpc.ServicerContext) -> bytes:
    """Ends a unary call without a message: gone callers hear nothing, others that it is missing."""
    if context.is_active():
        raise RonganError(Reason.REQUEST_MALFORMED, field="request", rule="a message")
    return b""


def arriving(
    route: Route,
    requests: Iterator[bytes],
    make_peer: Callable[[], Peer],
    *,
    place: StreamPlace,
) -> Iterator[Arrival]:
    """Yields the messages of a stream, each frame once there is room for it."""
    for number, raw in enumerate(requests):
        if number:
            place.take(len(raw))
        yield Arrival(make_peer(), partial(parse, route, raw))


def received(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
    """Yields what arrives; a caller that went away ends the stream, which is no fault."""
    try:
        yield from requests
    except Exception:
        if context.is_active():
            raise


def parse(route: Route, raw: bytes) -> Message:
    """Reads a message from its bytes.

    Raises:
        RonganError: REQUEST_MALFORMED, the parser's own words stay inside; or FIELD_NOT_SERVED.
    """
    try:
        message = route.request.FromString(raw)
    except DecodeError:
        raise RonganError(
            Reason.REQUEST_MALFORMED, field="request", rule="a readable message"
        ) from None
    _refuse_unknown(message, "")
    return message


def _refuse_unknown(message: Message, prefix: str) -> None:
    """Refuses fields of a later protocol: what they ask for would silently be left undone."""
    unknown = UnknownFieldSet(message)
    if len(unknown):
        raise RonganError(Reason.FIELD_NOT_SERVED, field=f"{prefix}#{unknown[0].field_number}")
    for name in _nested_fields(message.DESCRIPTOR):
        if message.HasField(name):
            _refuse_unknown(getattr(message, name), f"{prefix}{name}.")


@cache
def _nested_fields(descriptor: Descriptor) -> tuple[str, ...]:
    """Lists the fields that are a message; listing what is set would copy whole columns."""
    return tuple(
        field.name
        for field in descriptor.fields
        if field.message_type is not None and not field.is_repeated
    )


def peer_of(context: grpc.ServicerContext) -> Callable[[], Peer]:
    """Returns what makes a Peer of each item of a call, all with the same call id."""
    certificates = context.auth_context().get("x509_pem_cert", ())
    certificate_pem = bytes(next(iter(certificates), b""))
    call_id = secrets.token_hex(_CALL_ID_BYTES)

    def make() -> Peer:
        return Peer(certificate_pem=certificate_pem, call_id=call_id, receipt_ns=monotonic_ns())

    return make
