"""Whoever compacts the journal may be killed at any moment: nobody finds another listing."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np

from rongan_share.audit.verify import verify_log
from rongan_share.columns.build import follow
from rongan_share.columns.journal_reader import JournalReader
from rongan_share.columns.snapshot import Snapshot
from rongan_share.ledger.compacted import get_compacted
from rongan_share.ledger.environment import Ledger
from rongan_share.model.listing import VALUE_COLUMNS
from rongan_share.wire.vocabulary import RowOperation
from tests.property.test_compaction import append
from tests.support.processes import ROOT
from tests.unit.columns.test_columns_machine import EMPTY, History, Identity, shown

KILLS, FRAMES, ROWS = 5, 60, 60

COMPACTOR = """
import sys, threading
from pathlib import Path
from rongan_share.ledger.compaction import Compactor
from rongan_share.ledger.environment import Ledger

with Ledger(Path(sys.argv[1])) as ledger:
    print("begins", flush=True)
    Compactor(ledger, threading.Event()).run(1 << 40, 1 << 40, now_ns=1, epochs=(4,))
    print("done", flush=True)
"""


def compact_killed(directory: Path, wait: float | None) -> str:
    """Compacts in another process that is killed so long after it began; returns what it said."""
    with subprocess.Popen(
        [sys.executable, "-c", COMPACTOR, str(directory)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
        return process.stdout.read()


def long_history() -> History:
    """Frames that add listings, then frames that amend them twice and withdraw two in three."""
    history, value = History(), dict.fromkeys(VALUE_COLUMNS, 1)
    for frame in range(FRAMES):
        made: list[Identity] = [
            (1, (frame * ROWS + row).to_bytes(16, "big"), 1, b"\x05" * 16) for row in range(ROWS)
        ]
        history.append(1, [(RowOperation.ADD, identity, value) for identity in made])
        for flags in (2, 3):
            amended = value | {"flags": flags}
            history.append(1, [(RowOperation.AMEND, identity, amended) for identity in made])
        ended = [identity for row, identity in enumerate(made) if row % 3]
        history.append(1, [(RowOperation.WITHDRAW, identity, value) for identity in ended])
    return history


def read_whole(ledger: Ledger) -> Snapshot:
    """Reads the journal from its beginning."""
    reader, snapshot = JournalReader(ledger), EMPTY
    while frames := reader.next(snapshot.sequence):
        snapshot = follow(snapshot, frames)
    return snapshot


def test_compaction_killed_at_any_moment(tmp_path: Path) -> None:
    """The journal gives the same listings after each kill, and the next pass goes on from there."""
    rng = random.Random(47)
    directory = tmp_path / "ledger"
    Ledger.create(directory)
    history = long_history()
    with Ledger(directory) as ledger:
        for frame in history.frames:
            append(ledger, frame)
    numbers = np.array(sorted(history.live), "<u8")
    expected = [history.row(number) for number in numbers.tolist()]
    dropped: list[int] = []
    for wait in [*(rng.uniform(0.0, 0.25) for _ in range(KILLS)), None]:
        said = compact_killed(directory, wait)
        with Ledger(directory, writable=False) as ledger:
            snapshot = read_whole(ledger)
            assert snapshot.listing_count == numbers.size
            assert [shown(row) for row in snapshot.rows_of(numbers)] == expected
            assert verify_log(ledger, on_progress=lambda _done, _size: None).fault is None
            with ledger.read() as txn:
                dropped.append(get_compacted(txn).row_count)
    assert said == "done\n"
    assert dropped == sorted(dropped)
    # Per three rows: two ADDs, three and two AMENDs, two WITHDRAWs.
    assert dropped[-1] == FRAMES * ROWS // 3 * 9
