"""An import may be killed at any moment: the next run ends it, and every row is there once."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.listings import columns_of
from rongan_share.cli.importing.packed import FORMAT, MANIFEST
from rongan_share.ledger.imports import list_imports
from rongan_share.ledger.journal import list_frames
from rongan_share.wire.days import shanghai_day
from tests.support.hub import running_hub
from tests.support.processes import ROOT

KILLS, ROWS = 3, 200_000

IMPORTER = """
import sys
from functools import partial
from pathlib import Path
from rongan_share.cli.importing.committing import hub_of
from rongan_share.cli.importing.job import ImportJob
from rongan_share.cli.importing.packed import PackedSource
from rongan_share.cli.importing.store import ImportStore
from rongan_share.cli.options import Options
from rongan_share.processes.tls_policy import force_tls13

force_tls13()
home, folder = map(Path, sys.argv[1:])
options = Options(home=home, operator="alice")
with ImportStore(options.load_settings()) as store:
    job = ImportJob(store, PackedSource(folder), partner_id="bank-a", columns_from=1)
    print("begins", flush=True)
    done = job.run(partial(hub_of, options, store))
    print(done.added, done.taken_up, done.first_sequence, done.last_sequence, flush=True)
"""


def import_killed(home: Path, folder: Path, wait: float | None) -> list[int]:
    """Imports in another process that is killed so long after it began; returns what it said."""
    command = [sys.executable, "-c", IMPORTER, str(home), str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
        return list(map(int, process.stdout.read().split()))


def test_import_killed_at_any_moment(tmp_path: Path) -> None:
    """No row is lost or doubled, and nothing is visible before all is."""
    rng = random.Random(17)
    home, folder = tmp_path / "home", tmp_path / "packed"
    with running_hub(home) as hub:
        hub.create_partner("bank-a")
        hub.agree("bank-a")
        day = shanghai_day(hub.clock.now())
    numbers = np.arange(ROWS, dtype=np.uint64)
    columns = columns_of(numbers, numbers, day)
    folder.mkdir()
    for name, raw in columns.items():
        (folder / f"{name}.bin").write_bytes(raw)
    manifest = {"format": FORMAT, "rows": ROWS, "epoch": 1}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    said: list[int] = []
    for _ in range(KILLS):
        said = said or import_killed(home, folder, rng.uniform(0.05, 0.7))
    added, _, first, last = said or import_killed(home, folder, None)
    assert (added, last - first + 1) == (ROWS, -(-ROWS // 16_384))
    with running_hub(home) as hub:
        snapshot = hub.hub.follower.snapshot()
        assert (snapshot.listing_count, snapshot.imported_count) == (ROWS, 1)
        with hub.hub.ledger.read() as txn:
            frames = list(list_frames(txn, 0))
            assert sum(1 for _ in list_imports(txn)) == 1
        references = b"".join(frame.columns["reference"].tobytes() for frame in frames)
        assert references == columns["reference"]
