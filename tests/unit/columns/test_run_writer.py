"""A run that was written block by block is the run that its rows make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rongan_share.columns.owner_keys import OwnerKeys
from rongan_share.columns.run import NO_IDS, Run
from rongan_share.columns.run_files import map_run
from rongan_share.columns.run_writer import RunWriter, WrittenRun
from rongan_share.model.listing import LISTING_DTYPE

OWNER_KEYS = OwnerKeys.of_secret(b"a secret")


def make_rows(count: int, seed: int) -> np.ndarray:
    """Makes rows of one contributor, a few of them with the identity of another."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, LISTING_DTYPE)
    rows["listing_id"] = np.arange(count)
    rows["contributor"] = 4
    for name in ("token", "reference"):
        raw = rng.integers(0, 256, (count, 16), np.uint8)
        rows[name] = raw.reshape(-1).view("S16")
    rows["category"] = rng.integers(0, 3, count)
    return rows


def write(folder: Path, rows: np.ndarray, *, block: int) -> WrittenRun:
    """Writes rows in blocks."""
    folder.mkdir()
    writer = RunWriter(folder, OWNER_KEYS)
    try:
        for begin in range(0, rows.size, block):
            writer.add(rows[begin : begin + block])
        return writer.finish()
    finally:
        writer.close()


@pytest.mark.parametrize(("count", "block"), [(0, 1), (1, 1), (257, 100), (40_000, 16_384)])
def test_written_run_is_the_run(tmp_path: Path, count: int, block: int) -> None:
    """Every column and every index is the same, byte by byte where its order is determined."""
    rows = make_rows(count, count)
    written = write(tmp_path / "run", rows, block=block)
    run = map_run(tmp_path / "run", written)
    assert run is not None
    plain = Run.of_rows(rows, NO_IDS, owner_keys=OWNER_KEYS)
    assert run.rows.tobytes() == plain.rows.tobytes()
    assert run.stretches.tobytes() == plain.stretches.tobytes()
    for mine, theirs in ((run.tokens, plain.tokens), (run.owners, plain.owners)):
        assert mine.keys.tobytes() == theirs.keys.tobytes()
        assert mine.starts.tobytes() == theirs.starts.tobytes()
        assert mine.shift == theirs.shift
    assert run.find_tokens(rows["token"]).rows.tobytes() == rows.tobytes()
    assert not list((tmp_path / "run").glob("*.spill"))
    assert written.repeated.size == 0


def test_identities_that_stand_twice_are_found(tmp_path: Path) -> None:
    """Equal reference, category and token; not where any of them differs."""
    rows = make_rows(5_000, 9)
    for again, first in ((4_000, 7), (4_001, 7), (20, 19)):
        rows[again] = rows[first]
        rows["listing_id"][again] = again
    rows[300] = rows[301] = rows[299]
    rows["category"][300], rows["token"][301] = 77, b"other"
    rows["listing_id"] = np.arange(rows.size)
    written = write(tmp_path / "run", rows, block=999)
    assert written.repeated.tolist() == [20, 4_000, 4_001]
