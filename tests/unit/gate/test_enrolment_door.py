from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import pytest

from rongan_share.errors import Reason, RonganError
from rongan_share.gate.enrolment_door import (
    UNDER_WAY_PER_ADDRESS,
    EnrolmentDoor,
    Rate,
    network_of,
)
from tests.support.clock import FakeClock, ticks_of

HOME, OTHER = "ipv4:192.0.2.1:5000", "ipv4:192.0.2.2:5000"


def door(clock: FakeClock, *, in_all: Rate, per_address: Rate) -> EnrolmentDoor:
    """A door by a faked clock."""
    return EnrolmentDoor(in_all, per_address, ticks=ticks_of(clock))


def knock(at: EnrolmentDoor, address: str) -> RonganError | None:
    """Asks once; returns the refusal."""
    try:
        with at.call(address):
            return None
    except RonganError as error:
        return error


def test_one_address_does_not_use_up_the_others_rate() -> None:
    """A burst, then as many as the rate gives back; another address is let in all the while."""
    clock = FakeClock()
    at = door(clock, in_all=Rate(100, 100), per_address=Rate(2, 3))
    assert [knock(at, HOME) for _ in range(3)] == [None] * 3
    refusal = knock(at, HOME)
    assert refusal is not None
    assert refusal.reason is Reason.TOO_MANY_CALLS
    assert refusal.metadata == {"limit": "address", "most": "3"}
    assert refusal.retry_after_seconds == pytest.approx(0.5)
    assert knock(at, OTHER) is None
    clock.advance(timedelta(seconds=0.5))
    assert knock(at, HOME) is None
    assert knock(at, HOME) is not None


def test_all_addresses_share_one_rate() -> None:
    """Many addresses together get no more than the hub takes up, and lose nothing by a refusal."""
    clock = FakeClock()
    at = door(clock, in_all=Rate(10, 20), per_address=Rate(1, 1))
    told = [knock(at, f"ipv4:192.0.2.{number}:1") for number in range(30)]
    assert told[:20] == [None] * 20
    assert {error.metadata["limit"] for error in told[20:] if error} == {"enrolments"}
    clock.advance(timedelta(seconds=0.1))
    assert knock(at, "ipv4:192.0.2.29:1") is None


def test_memory_is_bounded() -> None:
    """However many addresses come by, those whose burst is whole again are forgotten."""
    clock = FakeClock()
    at = door(clock, in_all=Rate(100_000, 100_000), per_address=Rate(1, 1))
    for number in range(5_000):
        clock.advance(timedelta(milliseconds=10))
        assert knock(at, f"ipv4:10.0.{number // 250}.{number % 250}:1") is None
    assert len(at._whole_ns_of) <= 1_025


def test_calls_under_way_are_bounded() -> None:
    """Calls that never end hold places of their own address alone."""
    at = door(FakeClock(), in_all=Rate(1_000, 1_000), per_address=Rate(1_000, 1_000))
    with ExitStack() as held:
        for _ in range(UNDER_WAY_PER_ADDRESS):
            held.enter_context(at.call(HOME))
        refusal = knock(at, HOME)
        assert refusal is not None
        assert refusal.metadata["limit"] == "calls"
        assert knock(at, OTHER) is None
    assert knock(at, HOME) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("ipv4:192.0.2.1:443", "192.0.2.1"),
        ("ipv6:%5B2001:db8:1:2:3::4%5D:443", "2001:db8:1:2::/64"),
        ("ipv6:[2001:db8:1:2:ffff::4]:443", "2001:db8:1:2::/64"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:443", "192.0.2.1"),
        ("ipv6:%5Bfe80::1%25eth0%5D:443", "fe80::/64"),
        ("unix:/tmp/socket", "?"),
        ("", "?"),
    ],
)
def test_where_a_call_comes_from(address: str, network: str) -> None:
    """Ports do not count, and whoever has a network of IPv6 is one."""
    assert network_of(address) == network
