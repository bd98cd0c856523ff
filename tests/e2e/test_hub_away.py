"""A hub that stops or stays away: streams end, and whoever waits for one hears so."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from partner_sdk.errors import UnavailableError
from rongan_share.wire.vocabulary import State
from tests.e2e.test_shared_streams import check, client_of, phone, threads_of_lanes
from tests.support.hub import running_hub


def test_hub_that_stays_away_is_told(tmp_path: Path) -> None:
    """Whoever asks while no hub is there hears so after a few tries, not at its deadline."""
    with running_hub(tmp_path / "home") as hub:
        client = client_of(hub, tmp_path / "bank-alone", timeout=300.0)
        assert check(client, [phone(0)]).state is State.NOT_LISTED
    with client, ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(check, client, [phone(place)]) for place in range(8)]
        for future in asked:
            with pytest.raises(UnavailableError):
                future.result(60)


def test_hub_that_stops_ends_streams(tmp_path: Path) -> None:
    """An open stream that nobody uses does not hold a stop for its grace."""
    with (
        running_hub(tmp_path / "home") as hub,
        client_of(hub, tmp_path / "bank-open") as client,
    ):
        check(client, [phone(0)])
        assert threads_of_lanes()
        began = time.monotonic()
        hub.hub.stop(grace_seconds=60.0)
        assert time.monotonic() - began < 30
