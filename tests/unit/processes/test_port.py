from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from rongan_share.errors import StartRefusedError
from rongan_share.processes import port as port_module
from rongan_share.processes.port import ReservedPort


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries a port that is taken only once."""
    monkeypatch.setattr(port_module, "BIND_TRIES", 1)


@pytest.fixture
def port() -> Iterator[int]:
    """A port that is reserved on the loopback."""
    with closing(ReservedPort("127.0.0.1:0")) as reserved:
        yield int(reserved.address.rpartition(":")[2])


def listen(port: int, *, shares: bool) -> socket.socket:
    """Listens as a worker does, or as a stranger that shares nothing."""
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shares))
    try:
        opened.bind(("127.0.0.1", port))
        opened.listen()
    except OSError:
        opened.close()
        raise
    return opened


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "[::]", "localhost", ""])
def test_second_hub_is_refused(port: int, host: str, workers: int) -> None:
    """Whether workers listen yet or not, no address that holds the port can be reserved again."""
    with ExitStack() as listening:
        for _ in range(workers):
            listening.enter_context(listen(port, shares=True))
        with pytest.raises(StartRefusedError, match=f"cannot listen on .*:{port}; is another hub"):
            ReservedPort(f"{host}:{port}")


def test_stranger_is_refused(port: int) -> None:
    """A program that does not share its port cannot take a reserved one."""
    with pytest.raises(OSError, match="in use"):
        listen(port, shares=False)


def test_reservation_takes_no_connection(port: int) -> None:
    """Every connection reaches a worker, none the supervisor, which would not answer."""
    with listen(port, shares=True) as worker:
        worker.settimeout(5)
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                worker.accept()[0].close()


def test_port_is_let_go() -> None:
    """A reservation that was closed leaves the port to anybody."""
    first = ReservedPort("127.0.0.1:0")
    first.close()
    second = ReservedPort(first.address)
    assert second.address == first.address
    second.close()


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.0.0.1:port", "192.0.2.1:0", "127.0.0.1:99999"]
)
def test_impossible_address_is_refused(address: str) -> None:
    """What is no address of this machine is refused in a sentence that names it."""
    with pytest.raises(StartRefusedError, match=f"cannot listen on {address}"):
        ReservedPort(address)
