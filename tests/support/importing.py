"""Importing into a hub under test: rows as packed columns, and the job that takes them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from partner_sdk.credentials import Credentials
from rongan_share.cli.connection import Connection
from rongan_share.cli.importing.blocks import Source
from rongan_share.cli.importing.job import ImportJob
from rongan_share.cli.importing.outcome import Outcome
from rongan_share.cli.importing.packed import FORMAT, MANIFEST, PackedSource
from rongan_share.cli.importing.store import ImportStore
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS
from tests.support.hub import HubUnderTest
from tests.walk.asking import Row, check, fresh

ALWAYS, NEVER = 1, 1 << 40
"""Rows from which on columns are written beforehand; whoever commits those waits a second."""


def write_packed(folder: Path, rows: Sequence[Row]) -> PackedSource:
    """Writes rows as packed columns."""
    folder.mkdir(parents=True)
    for name, width in CONTRIBUTE_COLUMNS:
        if name != "next_token":
            raw = b"".join(row.cell(name, width) for row in rows)
            (folder / f"{name}.bin").write_bytes(raw)
    manifest = {"format": FORMAT, "rows": len(rows), "epoch": 1}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return PackedSource(folder)


@contextmanager
def import_job(
    hub: HubUnderTest,
    source: Source,
    partner_id: str,
    *,
    columns_from: int = NEVER,
    on_rows: Callable[[int], None] = lambda _count: None,
) -> Iterator[ImportJob]:
    """Makes the job of an import beside a hub in this process."""
    with ImportStore(hub.settings, hub.clock, ledger=hub.hub.ledger) as store:
        yield ImportJob(
            store,
            source,
            partner_id=partner_id,
            columns_from=columns_from,
            on_rows=on_rows,
        )


def run_import(
    hub: HubUnderTest,
    source: Source,
    partner_id: str,
    *,
    columns_from: int = NEVER,
    before: Callable[[], object] = lambda: None,
) -> Outcome:
    """Imports as alice; `before` runs when all is staged and nothing committed."""
    with import_job(hub, source, partner_id, columns_from=columns_from) as job:
        return job.run(lambda: connected(hub, before))


@contextmanager
def connected(
    hub: HubUnderTest, before: Callable[[], object] = lambda: None
) -> Iterator[Connection]:
    """Connects as alice."""
    before()
    files = hub.pki.hierarchy.operator("alice")
    credentials = Credentials.from_files(files.certificate, files.key, files.roots)
    with Connection(hub.target, credentials) as connection:
        yield connection


def staged_only(
    hub: HubUnderTest, source: Source, partner_id: str, *, columns_from: int = NEVER
) -> None:
    """Stages a file and breaks off before the commit."""

    def give_up() -> None:
        raise OSError("a test")

    with pytest.raises(OSError, match="a test"):
        run_import(hub, source, partner_id, before=give_up, columns_from=columns_from)


class Partners:
    """A partner for whom is imported, one who contributes the like, and one who asks."""

    def __init__(self, hub: HubUnderTest) -> None:
        self.names = [f"t-{fresh().hex()[:8]}" for _ in range(3)]
        self._minted = [hub.pki.partner(name) for name in self.names]
        for name, minted in zip(self.names, self._minted, strict=True):
            hub.create_partner(name)
            hub.register(minted)
            hub.agree(name)
        self.hub = hub
        self.connect()

    @property
    def name(self) -> str:
        """The one for whom is imported."""
        return self.names[0]

    def connect(self) -> None:
        """Connects all, after a restart again."""
        self.giver, self.like, self.asker = map(self.hub.connect, self._minted)

    def states(self, *rows: Row) -> list[int]:
        """Asks for each row's token."""
        return [check(self.asker, row.token).state for row in rows]


def make_rows(count: int, seed: int = 1) -> list[Row]:
    """Makes good rows, some under a token that others have too."""
    rng = random.Random(seed)
    hot = fresh()
    return [
        Row(
            token=hot if rng.random() < 0.01 else fresh(),
            reference=fresh(),
            severity=rng.randint(1, 4),
            original_source=rng.choice([0, 7, 9]),
        )
        for _ in range(count)
    ]
