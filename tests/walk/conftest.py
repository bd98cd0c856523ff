"""One hub for each test file; partners are cheap, hubs are not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hub import HubUnderTest, running_hub


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub with a faked clock, shared by the tests of a file."""
    with running_hub(tmp_path_factory.mktemp("hub") / "home") as running:
        yield running
