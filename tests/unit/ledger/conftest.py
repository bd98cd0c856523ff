"""A ledger of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rongan_share.ledger.environment import Ledger


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An empty ledger's directory, not open."""
    path = tmp_path / "ledger"
    Ledger.create(path)
    return path


@pytest.fixture
def ledger(directory: Path) -> Iterator[Ledger]:
    """An open, empty ledger."""
    with Ledger(directory) as opened:
        yield opened
