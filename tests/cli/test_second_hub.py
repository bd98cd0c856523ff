"""Two hubs in one place would each answer for half of the truth, so the second is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.hub_process import RunningHub, make_hub, run_hub, serving


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """The first hub."""
    home = tmp_path_factory.mktemp("first") / "home"
    assert make_hub(home).code == 0
    with serving(home) as running:
        yield running


def test_same_store_is_refused(hub: RunningHub) -> None:
    """A second hub on the same store ends at once and says why; the first one goes on."""
    done = run_hub(hub.home, "serve")
    assert (done.code, done.out) == (1, "")
    assert "another hub holds" in done.err
    assert "Traceback" not in done.err
    assert hub.run("status").code == 0


def test_same_port_is_refused(hub: RunningHub, tmp_path: Path) -> None:
    """A second hub on the same port ends at once and names the address; its store is let go."""
    home = tmp_path / "home"
    made = run_hub(home, "init", "--trust-domain", "rongan.test", "--address", hub.address)
    assert made.code == 0, made.err
    for _ in range(2):
        done = run_hub(home, "serve")
        assert (done.code, done.out) == (1, "")
        assert hub.address in done.err
        assert "Traceback" not in done.err
    assert hub.run("status").code == 0
