from __future__ import annotations

from typing import Any

import pytest

from rongan_share.gate.handlers import PACKAGE
from rongan_share.gate.routes import Listener, Route
from rongan_share.gate.table import route_table
from rongan_share.model.partner import HolderKind
from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from tests.support.hub import HubUnderTest, Stubs
from tests.walk.asking import (
    TIMEOUT,
    Row,
    contribute_frame,
    contribute_open,
    fresh,
    log_size,
    question,
    refused,
    verdict_frame,
    verdict_open,
)

ROUTES = {
    method: route for method, route in route_table().items() if route.listener is Listener.MAIN
}


def good_messages(route: Route) -> list[Any]:
    """Makes messages whose form is good, so that nothing but the caller is wrong."""
    made: dict[str, list[Any]] = {
        "VerdictService/CheckSubject": [question(fresh())],
        "VerdictService/StreamVerdicts": [verdict_open(), verdict_frame(1, fresh())],
        "ContributionService/Contribute": [
            contribute_open(fresh()),
            contribute_frame(1, [Row(token=fresh())]),
        ],
        "ContributionService/GetContributionState": [
            contribution_pb.GetContributionStateRequest(stream_id=fresh())
        ],
    }
    return made.get(route.method, [route.request()])


def call(caller: Stubs, route: Route, *messages: bytes) -> list[bytes]:
    """Calls a route with bytes."""
    name = f"/{PACKAGE}.{route.method}"
    if route.frames is not None:
        stream: Any = caller.channel.stream_stream(name)
        return list(stream(iter(messages), timeout=TIMEOUT))
    unary: Any = caller.channel.unary_unary(name)
    return [unary(messages[0], timeout=TIMEOUT)]


@pytest.fixture(scope="module")
def partner(hub: HubUnderTest) -> Stubs:
    """A partner with an ample agreement."""
    return hub.partner("p-kind")


FOR_ONE_KIND = [route for route in ROUTES.values() if route.audience is not None]


@pytest.mark.parametrize("route", FOR_ONE_KIND, ids=lambda route: route.method)
def test_wrong_kind_of_caller(hub: HubUnderTest, partner: Stubs, route: Route) -> None:
    """Every route refuses the kind of caller that it is not for, partners and operators."""
    for_partners = route.audience is HolderKind.PARTNER
    caller = hub.alice if for_partners else partner
    raw = [message.SerializeToString() for message in good_messages(route)]
    before = log_size(hub)
    told = refused(hub, lambda: call(caller, route, *raw), by="alice" if for_partners else "p-kind")
    assert told == ("PERMISSION_DENIED", "CALLER_KIND_REFUSED", {})
    assert log_size(hub) == before + 1


NOT_SERVED = [route for route in ROUTES.values() if route.serve is None]


@pytest.mark.parametrize("route", NOT_SERVED, ids=lambda route: route.method)
def test_rpc_that_is_not_served_yet(hub: HubUnderTest, partner: Stubs, route: Route) -> None:
    """An RPC of the protos that this hub does not serve says so to those who may call it."""
    operators = route.audience is HolderKind.OPERATOR
    caller, name = (hub.alice, "alice") if operators else (partner, "p-kind")
    told = refused(hub, lambda: call(caller, route, b""), by=name)
    assert told == ("UNIMPLEMENTED", "RPC_NOT_SERVED", {})


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES.keys())
def test_unreadable_bytes(hub: HubUnderTest, partner: Stubs, route: Route) -> None:
    """Bytes that are no message are refused in fixed words, and the refusal is entered."""
    caller = partner if route.audience is HolderKind.PARTNER else hub.alice
    told = refused(hub, lambda: call(caller, route, b"\xff\xff\xff\xff"))
    broken = {"field": "request", "rule": "a readable message"}
    assert told == ("INVALID_ARGUMENT", "REQUEST_MALFORMED", broken)


UNKNOWN_FIELD = b"\xc0\xb8\x02\x01"
"""Field 5000, a varint, as no message has it."""

UNARY = [route for route in ROUTES.values() if route.serve is not None and not route.frames]


@pytest.mark.parametrize("route", UNARY, ids=lambda route: route.method)
def test_field_of_a_later_protocol(hub: HubUnderTest, partner: Stubs, route: Route) -> None:
    """A field that this hub does not know is refused rather than silently left undone."""
    caller = partner if route.audience is HolderKind.PARTNER else hub.alice
    raw = good_messages(route)[0].SerializeToString() + UNKNOWN_FIELD
    told = refused(hub, lambda: call(caller, route, raw))
    assert told == ("INVALID_ARGUMENT", "FIELD_NOT_SERVED", {"field": "#5000"})


def test_nested_field_of_a_later_protocol(hub: HubUnderTest, partner: Stubs) -> None:
    """The same within a frame of a stream, named from the request's root."""
    route = ROUTES["VerdictService/StreamVerdicts"]
    opening, frame = (message.SerializeToString() for message in good_messages(route))
    # A message field given twice is merged, so the second copy adds to the first.
    later = frame + b"\x12\x04" + UNKNOWN_FIELD
    told = refused(hub, lambda: call(partner, route, opening, later), by="p-kind")
    assert told == ("INVALID_ARGUMENT", "FIELD_NOT_SERVED", {"field": "frame.#5000"})
