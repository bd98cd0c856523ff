"""Whoever writes columns may be killed at any moment: what is opened afterwards is whole."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from rongan_share.columns.freeze import newest
from tests.support.freezing import columns_of, freeze
from tests.support.hub import running_hub
from tests.support.processes import ROOT
from tests.walk.asking import LISTED, Row, check, contribute, fresh

KILLS = 8
ROWS, FRAMES = 8_000, 12

WRITER = """
import sys, threading
from rongan_share.clock import SystemClock
from pathlib import Path
from rongan_share.columns.freeze import Freezer
from rongan_share.config import load_settings
from rongan_share.ledger.environment import Ledger
from rongan_share.processes.column_folder import frozen_columns

settings = load_settings(Path(sys.argv[1]))
with Ledger(settings.data_directory, writable=False) as ledger:
    freezer = Freezer(ledger, frozen_columns(settings, ledger), SystemClock())
    print("begins", flush=True)
    freezer.freeze(threading.Event())
    print("written", flush=True)
"""


def freeze_killed(home: Path, wait: float) -> str:
    """Freezes in another process that is killed so long after it began; returns what it said."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
        return process.stdout.read()


def test_freeze_killed_at_any_moment(tmp_path: Path) -> None:
    """Columns that can be opened are those of a whole freeze; drafts go with the next one."""
    rng = random.Random(31)
    with running_hub(tmp_path / "home") as hub:
        giver, asker = hub.partner("bank-a"), hub.partner("bank-b")
        columns = columns_of(hub)
        folder = columns.directory
        listed = [Row(token=fresh(), reference=fresh()) for _ in range(ROWS)]
        for frame in range(FRAMES):
            contribute(giver, listed[frame * ROWS // FRAMES : (frame + 1) * ROWS // FRAMES])
        for _ in range(KILLS):
            said = freeze_killed(hub.home, rng.uniform(0.0, 0.08))
            snapshot = newest(hub.hub.ledger, columns)
            assert snapshot.listing_count in ({ROWS} if said else {0, ROWS})
            columns.retire(0 if rng.random() < 0.7 else snapshot.sequence)
        assert freeze(hub, serve=True) or columns.sequences()
        assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
        for row in rng.sample(listed, 50):
            assert check(asker, row.token).state == LISTED
