"""The standard health service: SERVING to whom the hub trusts, until it stops."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.hub import HubUnderTest, Stubs, running_hub
from tests.walk.asking import TIMEOUT, check, fresh, log_size

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
REQUEST = health_pb2.HealthCheckRequest()


def health_of(caller: Stubs) -> Any:  # noqa: ANN401  its published types name no method
    """Asks over the channel of a caller."""
    return health_pb2_grpc.HealthStub(caller.channel)


def test_serving_hub_says_so(hub: HubUnderTest) -> None:
    """Operators and partners hear SERVING, and asking leaves no entry in the log."""
    partner = hub.partner("h-partner")
    before = log_size(hub)
    for caller in (hub.alice, partner):
        assert health_of(caller).Check(REQUEST, timeout=TIMEOUT).status == SERVING
    assert log_size(hub) == before


def test_health_needs_a_certificate(hub: HubUnderTest) -> None:
    """Without a certificate not even health is told."""
    with pytest.raises(grpc.RpcError) as caught:
        health_of(hub.connect(None)).Check(REQUEST, timeout=TIMEOUT)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_no_other_name_is_known(hub: HubUnderTest) -> None:
    """Health is the whole hub's; of a service by name nothing is said."""
    named = health_pb2.HealthCheckRequest(service="rongan_share.v1.VerdictService")
    with pytest.raises(grpc.RpcError) as caught:
        health_of(hub.alice).Check(named, timeout=TIMEOUT)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_stopping_hub_says_so(tmp_path: Path) -> None:
    """Who follows a hub's health hears NOT_SERVING or the end as it stops, and SERVING no more."""
    with running_hub(tmp_path / "home") as hub:
        caller = hub.partner("h-follows")
        following = health_of(caller).Watch(REQUEST, timeout=TIMEOUT)
        assert next(following).status == SERVING
        assert check(caller, fresh()).entry_index
        stopping = threading.Thread(target=hub.hub.stop, args=(0.5,))
        stopping.start()
        heard = []
        with pytest.raises(grpc.RpcError) as ended:
            heard += [answer.status for answer in following]
        stopping.join(TIMEOUT)
        assert not stopping.is_alive()
        assert isinstance(ended.value, grpc.Call)
        assert ended.value.code() is not grpc.StatusCode.DEADLINE_EXCEEDED
        with pytest.raises(grpc.RpcError) as gone:
            health_of(caller).Check(REQUEST, timeout=TIMEOUT)
    assert set(heard) <= {NOT_SERVING}
    assert isinstance(gone.value, grpc.Call)
    assert gone.value.code() is grpc.StatusCode.UNAVAILABLE
