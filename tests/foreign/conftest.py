"""A hub for each client, in a process of its own; a partner that lists, and one that asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.foreign.world import World, world_in


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything that a foreign client needs."""
    with world_in(tmp_path_factory.mktemp("foreign")) as made:
        yield made
