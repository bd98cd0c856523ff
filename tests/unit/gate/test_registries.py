from __future__ import annotations

from pathlib import Path

from rongan_share.gate.registries import Registries
from rongan_share.ledger import counters
from rongan_share.ledger.environment import Ledger, Table
from tests.support.hub import running_hub


def test_registry_follows_the_generation_of_its_transaction(tmp_path: Path) -> None:
    """A registry is read again only when the generation moved, and an old reader gets its own."""
    with running_hub(tmp_path / "home") as hub:
        directory = hub.settings.data_directory
    with Ledger(directory) as ledger:
        registries = Registries()
        with ledger.read() as early:
            first = registries.current(early)
            assert registries.current(early) is first
            with ledger.write() as txn:
                txn.put(Table.OBJECTS, b"unrelated", b"v")
            with ledger.read() as txn:
                assert registries.current(txn) is first
            with ledger.write() as txn:
                bumped = counters.bump_generation(txn)
            with ledger.read() as txn:
                second = registries.current(txn)
            assert second.generation == bumped == first.generation + 1
            assert registries.current(early).generation == first.generation
        with ledger.read() as txn:
            assert registries.current(txn).generation == bumped
