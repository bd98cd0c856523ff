"""Runs merged chunk by chunk into files hold what the same runs joined in memory do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rongan_share.columns.checksum import block_digest, file_digests, mix_numpy
from rongan_share.columns.column_files import map_column
from rongan_share.columns.compiled.checksum import mix as mix_compiled
from rongan_share.columns.homes import homes_of
from rongan_share.columns.merging import Chunk, Merger, MergeStoppedError
from rongan_share.columns.owner_keys import OwnerKeys
from rongan_share.columns.run import Run, merge
from rongan_share.columns.run_files import COLUMNS
from rongan_share.columns.spilling import Spilling
from rongan_share.errors import RonganError
from rongan_share.ledger.journal import JournalFrame
from rongan_share.model.listing import VALUE_COLUMNS
from rongan_share.wire.vocabulary import RowOperation
from tests.unit.columns.test_columns_machine import EMPTY, History, Identity

SMALL = Chunk(rows=7, keys=16)


def random_frames(seed: int, *, frame_count: int) -> list[JournalFrame]:
    """Makes a history in which every kind of change meets rows of every age."""
    rng = np.random.default_rng(seed)
    history, numbers = History(), iter(range(1 << 30))
    for _ in range(frame_count):
        partner = int(rng.integers(1, 4))
        own = [n for n, (identity, _) in history.live.items() if identity[0] == partner]
        rows = []
        if own and rng.random() < 0.6:
            operation = rng.choice([RowOperation.AMEND, RowOperation.WITHDRAW], min(len(own), 9))
            chosen = rng.choice(own, operation.size, replace=False).tolist()
            rows = [
                (RowOperation(change), history.live[number][0], some_values(rng))
                for change, number in zip(operation.tolist(), chosen, strict=True)
            ]
        else:
            new = [some_identity(partner, next(numbers)) for _ in range(rng.integers(1, 30))]
            rows = [(RowOperation.ADD, identity, some_values(rng)) for identity in new]
        history.append(partner, rows)
    return history.frames


def some_identity(partner: int, number: int) -> Identity:
    """Makes an identity of its own, but one token in four is another one's too."""
    token = number // 4 * 4 if number % 4 == 1 else number
    return partner, number.to_bytes(16, "big"), 1, token.to_bytes(8, "big")[::-1] * 2


def some_values(rng: np.random.Generator) -> dict[str, int]:
    """Makes values that tell one change from another."""
    return dict.fromkeys(VALUE_COLUMNS, int(rng.integers(0, 256)))


def joined(runs: tuple[Run, ...]) -> Run:
    """Joins runs in memory."""
    rest = list(runs)
    while len(rest) > 1:
        newer, older = rest.pop(), rest.pop()
        rest.append(merge(older, newer, bottom=not rest))
    return rest[0]


def counted_from(run: Run, base: int) -> Run:
    """Counts the ids of a run from a base, as those of an import are."""
    rows = run.rows.copy()
    rows["listing_id"] -= np.uint64(base)
    return run._replace(rows=rows, id_base=base)


@pytest.mark.parametrize("seed", range(12))
def test_merged_files_are_those_of_the_joined_run(tmp_path: Path, seed: int) -> None:
    """Rows, keys, buckets, stretches, epochs and digests are the same, however long a chunk is."""
    scratch, folder = tmp_path / "scratch", tmp_path / "columns"
    scratch.mkdir()
    folder.mkdir()
    spilling = Spilling(scratch, EMPTY, large=(60, 20, 1 << 30)[seed % 3])
    for frame in random_frames(seed, frame_count=50):
        spilling.follow([frame])
    runs = list(spilling.snapshot.runs)
    expected = joined(tuple(runs))
    if seed % 2:
        runs[0] = counted_from(runs[0], 1 << 14)
    merged = Merger(runs, folder, None, chunk=SMALL, owner_keys=EMPTY.owner_keys).write()
    found = {
        name: map_column(folder / name, dtype, merged.files[name].count)
        for name, dtype in COLUMNS.items()
    }
    assert found["rows"].tobytes() == expected.rows.tobytes()
    assert found["stretches"].tobytes() == expected.stretches.tobytes()
    for name, index in (("token", expected.tokens), ("owner", expected.owners)):
        keys, order = found[f"{name}_keys"], found[f"{name}_order"]
        assert keys.tobytes() == index.keys.tobytes()
        assert found[f"{name}_starts"].tobytes() == index.starts.tobytes()
        # Equal keys may stand in any order.
        pairs = zip(index.keys.tolist(), index.order.tolist(), strict=True)
        assert sorted(zip(keys.tolist(), order.tolist(), strict=True)) == sorted(pairs)
    assert merged.shift == expected.tokens.shift
    assert merged.epochs == tuple(np.unique(expected.rows["epoch"]).tolist())
    digests = file_digests([folder / name for name in COLUMNS])
    assert digests == [merged.files[name].digest for name in COLUMNS]


def test_spilled_runs_leave_memory(tmp_path: Path) -> None:
    """What has grown large lies in files, and the rest stays small however long the journal is."""
    spilling = Spilling(tmp_path, EMPTY, large=40)
    for frame in random_frames(5, frame_count=120):
        spilling.follow([frame])
    held = [
        run for run in spilling.snapshot.runs if run.rows.base is None or run.rows.flags.owndata
    ]
    assert sum(run.row_count for run in held) < 2 * 40
    assert sum(run.row_count for run in spilling.snapshot.runs) > 200


def test_merge_ends_between_chunks_when_the_hub_stops(tmp_path: Path) -> None:
    """A long merge does not hold a stop up."""
    snapshot = Spilling(tmp_path, EMPTY)
    snapshot.follow(random_frames(1, frame_count=9))
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(MergeStoppedError):
        Merger(snapshot.snapshot.runs, tmp_path, stopping, owner_keys=EMPTY.owner_keys).write()


def test_amended_listing_without_a_home_is_corruption(tmp_path: Path) -> None:
    """A run that amends what no older one holds is refused, not written among the others."""
    rows = np.zeros(3, COLUMNS["rows"])
    keys = OwnerKeys.of_secret(b"")
    rows["listing_id"] = (10, 20, 30)
    older = Run.of_rows(rows, np.zeros(0, "<u8"), owner_keys=keys)
    lost = rows[:1].copy()
    lost["listing_id"] = 15
    newer = Run.of_rows(lost, lost["listing_id"].copy(), owner_keys=keys)
    assert [home.live for home in homes_of([older, newer])] == [3, 0]
    with pytest.raises(RonganError):
        Merger((older, newer), tmp_path, None, owner_keys=keys).write()


@pytest.mark.parametrize("size", [0, 1, 8, 16_383, 16_384, 16_385, 100_000, 1 << 20])
def test_checksums_are_the_same_either_way(size: int) -> None:
    """Compiled loops and numpy find one checksum."""
    words = np.random.default_rng(size).integers(0, 1 << 63, size // 8, np.uint64)
    words = words[: words.size // 2_048 * 2_048]
    ways = [mix_numpy, mix_compiled]
    lanes = [np.arange(2_048, dtype=np.uint64) for _ in ways]
    for way, lane in zip(ways, lanes, strict=True):
        way(words, lane)
    assert all(lane.tobytes() == lanes[0].tobytes() for lane in lanes)


@pytest.mark.parametrize("way", [mix_numpy, mix_compiled])
def test_no_bit_undoes_another(way: Callable[..., None]) -> None:
    """A flipped bit leaves a lane with several that differ, seldom the same ones twice."""
    before = np.random.default_rng(3).integers(0, 1 << 63, 2_048, np.uint64) * np.uint64(2)
    plain = before.copy()
    way(np.zeros(before.size, np.uint64), plain)
    for bit in range(64):
        flipped = before.copy()
        way(np.full(before.size, 1 << bit, np.uint64), flipped)
        differ = plain ^ flipped
        assert np.unpackbits(differ[:, None].view(np.uint8), axis=1).sum(axis=1).min() > 3
        assert np.unique(differ, return_counts=True)[1].max() < 0.02 * differ.size


def test_two_flipped_bits_are_found() -> None:
    """Those that one multiplication let pass: bit 34 of a word and bit 63 of the lane's next."""
    block, row = np.random.default_rng(2).bytes(1 << 16), 2_048 * 8
    whole = block_digest(block)
    for word in range(0, 2_048, 64):
        changed = bytearray(block)
        changed[word * 8 + 4] ^= 1 << 2
        changed[word * 8 + row + 7] ^= 1 << 7
        assert block_digest(changed) != whole


def test_checksum_tells_what_is_like() -> None:
    """Swapped rows of lanes, the same bit flipped in two, and zeros more are all told apart."""
    block = np.random.default_rng(1).bytes(1 << 16)
    row = 2_048 * 8
    swapped = block[row : 2 * row] + block[:row] + block[2 * row :]
    twice = bytearray(block)
    twice[7] ^= 0x80
    twice[row + 7] ^= 0x80
    alike = [block, swapped, bytes(twice), block + b"\0", block[:-1], bytes(1 << 16), bytes(8)]
    assert len({block_digest(one) for one in alike}) == len(alike)
