"""Listing a contributor's own rows out of runs larger than what is looked through at once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rongan_share.columns.owner_keys import OwnerKeys
from rongan_share.columns.run import NO_IDS, Run
from rongan_share.columns.snapshot import Snapshot
from rongan_share.model.hub_key import Target
from rongan_share.model.listing import LISTING_DTYPE

LARGE, SPARSE, LATE, NOBODY = 1, 2, 3, 4
"""Partners: one that owns most, one whose rows lie far apart, one that comes last, one without."""

ROWS = 200_000
OWNER_KEYS = OwnerKeys.of_secret(b"a secret")
TARGET = Target(1, 1)
REPLACED = slice(10_000, 60_000)
"""Rows of the large partner that the newer run replaces: more than are taken at once."""


def make_rows(ids: NDArray[np.uint64], contributor: NDArray[np.uint32]) -> NDArray[np.void]:
    """Makes rows whose owner keys stand in another order than their ids."""
    rows = np.zeros(ids.size, LISTING_DTYPE)
    rows["listing_id"] = ids
    rows["contributor"] = contributor
    rows["reference"] = np.frombuffer(np.random.default_rng(7).bytes(16 * ids.size), "S16")
    return rows


@pytest.fixture(scope="module", name="snapshot")
def two_runs() -> Snapshot:
    """A large run and, over it, one that withdraws most of a stretch and amends the rest of it."""
    ids = np.arange(1, ROWS + 1, dtype="<u8") * 3
    contributor = np.full(ROWS, LARGE, np.uint32)
    contributor[::20_000] = SPARSE
    contributor[-5:] = LATE
    older = make_rows(ids, contributor)
    stretch = older[REPLACED]
    amended = stretch[::100].copy()
    amended["severity"] = 4
    newer_rows = make_rows(np.array([ids[-1] + 3], "<u8"), np.array([SPARSE], np.uint32))
    newer = Run.of_rows(
        np.concatenate((amended, newer_rows)),
        np.sort(stretch["listing_id"]),
        owner_keys=OWNER_KEYS,
    )
    return Snapshot(
        2, (Run.of_rows(older, NO_IDS, owner_keys=OWNER_KEYS), newer), OWNER_KEYS, TARGET
    )


def expected(snapshot: Snapshot, contributor: int) -> dict[int, int]:
    """Gives severity by listing id of a contributor's live rows, by looking at every row."""
    live: dict[int, int] = {}
    for run in snapshot.runs:
        for gone in run.replaced.tolist():
            live.pop(gone, None)
        own = run.rows[run.rows["contributor"] == contributor]
        live.update(zip(own["listing_id"].tolist(), own["severity"].tolist(), strict=True))
    return dict(sorted(live.items()))


@pytest.mark.parametrize(
    ("contributor", "most"),
    [
        *((LARGE, most) for most in (1_001, 5_000, 50_000, 1_000_000)),
        *((partner, most) for partner in (SPARSE, LATE, NOBODY) for most in (1, 7, 1_001)),
    ],
)
def test_pages_hold_every_row_once(snapshot: Snapshot, contributor: int, most: int) -> None:
    """Pages of any size, one after another, give every live row of its owner once, in order."""
    found: list[tuple[int, int]] = []
    after = 0
    while True:
        rows = snapshot.list_owned(contributor, after, most=most)
        assert rows.size <= most
        found += zip(rows["listing_id"].tolist(), rows["severity"].tolist(), strict=True)
        if rows.size < most:
            break
        after = found[-1][0]
    assert found == list(expected(snapshot, contributor).items())


def test_empty_snapshot_lists_nothing() -> None:
    """Without runs there is nothing to list."""
    assert Snapshot(0, (), OWNER_KEYS, TARGET).list_owned(LARGE, 0, most=5).size == 0
