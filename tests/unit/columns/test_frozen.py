"""Frozen columns are used only as they were written, and for what they were written."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from rongan_share.columns.frozen import MANIFEST, FrozenColumns, Origin
from rongan_share.columns.owner_keys import OwnerKeys
from rongan_share.columns.run import NO_IDS, Run
from rongan_share.columns.snapshot import FrozenPart, Snapshot
from rongan_share.model.hub_key import Target
from rongan_share.model.listing import LISTING_DTYPE

OWNER_KEYS = OwnerKeys.of_secret(b"a secret")
ORIGIN = Origin(hub_id="hub.example", epoch=2, key_id=1, owners="o", taxonomy_version=3)
TARGET = Target(2, 1)
SEQUENCE = 7
FLIPS = 40
"""Bits flipped in each file, the first and the last among them."""


@pytest.fixture(name="columns")
def written_columns(tmp_path: Path) -> FrozenColumns:
    """Columns of a few hundred listings."""
    rng = np.random.default_rng(3)
    rows = np.zeros(300, LISTING_DTYPE)
    rows["listing_id"] = np.arange(1, 301)
    rows["token"] = rng.integers(0, 256, (300, 16), np.uint8).reshape(-1).view("S16")
    rows["contributor"] = rng.integers(1, 4, 300)
    rows["epoch"] = 2
    columns = FrozenColumns(tmp_path / "columns", ORIGIN, OWNER_KEYS)
    run = Run.of_rows(rows, NO_IDS, owner_keys=OWNER_KEYS)
    columns.write(Snapshot(SEQUENCE, (run,), OWNER_KEYS, TARGET), b"seal", time_ns=9)
    return columns


def folder(tmp_path: Path) -> Path:
    """Where they were written."""
    (only,) = (tmp_path / "columns").iterdir()
    return only


def opened(columns: FrozenColumns) -> Snapshot | None:
    """Opens the newest columns as a start does."""
    (sequence,) = columns.sequences()
    manifest = columns.manifest(sequence)
    return None if manifest is None else columns.open(manifest)


def test_manifest_says_what_it_holds(columns: FrozenColumns) -> None:
    """Sequence, origin, epochs and the seal of the journal value are in it."""
    manifest = columns.manifest(SEQUENCE)
    assert manifest is not None
    assert (manifest.sequence, manifest.origin, manifest.epochs) == (SEQUENCE, ORIGIN, (2,))
    assert manifest.seal == b"seal".hex()
    snapshot = opened(columns)
    assert snapshot is not None
    assert (snapshot.sequence, snapshot.frozen, snapshot.listing_count) == (
        SEQUENCE,
        FrozenPart(SEQUENCE, 9),
        300,
    )


def test_any_flipped_bit_is_found(columns: FrozenColumns, tmp_path: Path) -> None:
    """No bit of any file can be another one and the columns still be used."""
    rng = random.Random(11)
    for path in sorted(folder(tmp_path).iterdir()):
        raw = path.read_bytes()
        bits = len(raw) * 8
        for bit in {0, bits - 1, *(rng.randrange(bits) for _ in range(FLIPS))}:
            flipped = bytearray(raw)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            assert opened(columns) is None, (path.name, bit)
        path.write_bytes(raw)
    assert opened(columns) is not None


@pytest.mark.parametrize("damage", ["cut", "longer", "missing"])
def test_file_of_another_length_is_found(
    columns: FrozenColumns, tmp_path: Path, damage: str
) -> None:
    """A file that was cut, has grown or is gone is not read."""
    for path in sorted(folder(tmp_path).iterdir()):
        raw = path.read_bytes()
        path.write_bytes(raw[:-1] if damage == "cut" else raw + b"\0")
        if damage == "missing":
            path.unlink()
        assert opened(columns) is None, path.name
        path.write_bytes(raw)
    assert opened(columns) is not None


@pytest.mark.parametrize(
    "change", [{"hub_id": "other.example"}, {"key_id": 2}, {"owners": "x"}, {"taxonomy_version": 4}]
)
def test_columns_of_another_origin_are_not_used(
    columns: FrozenColumns, tmp_path: Path, change: dict[str, object]
) -> None:
    """Another hub, key, secret or taxonomy makes its own."""
    assert columns.manifest(SEQUENCE) is not None
    other = FrozenColumns(
        tmp_path / "columns", msgspec.structs.replace(ORIGIN, **change), OWNER_KEYS
    )
    assert other.manifest(SEQUENCE) is None


def test_columns_under_another_sequence_are_not_used(
    columns: FrozenColumns, tmp_path: Path
) -> None:
    """A folder that was renamed does not pass for what it is not."""
    folder(tmp_path).rename(tmp_path / "columns" / f"{SEQUENCE + 1:020d}")
    assert columns.manifest(SEQUENCE + 1) is None


def test_draft_is_never_read_and_is_cleared(columns: FrozenColumns, tmp_path: Path) -> None:
    """What a killed writer left behind is no columns, and goes with the next ones."""
    draft = tmp_path / "columns" / ".draft-x"
    shutil.copytree(folder(tmp_path), draft)
    (draft / MANIFEST).unlink()
    assert columns.sequences() == [SEQUENCE]
    columns.retire(SEQUENCE)
    assert [path.name for path in (tmp_path / "columns").iterdir()] == [f"{SEQUENCE:020d}"]


def test_retired_columns_go_on_being_read(columns: FrozenColumns, tmp_path: Path) -> None:
    """Whoever has columns mapped is not disturbed by their removal."""
    snapshot = opened(columns)
    assert snapshot is not None
    token = snapshot.runs[0].rows["token"][:1].tobytes()
    columns.retire(SEQUENCE + 1)
    assert not list((tmp_path / "columns").iterdir())
    assert snapshot.find_tokens(token).query.size == 1


def test_columns_in_the_way_are_replaced(columns: FrozenColumns, tmp_path: Path) -> None:
    """Columns of another origin under the same sequence do not stop new ones."""
    origin = msgspec.structs.replace(ORIGIN, taxonomy_version=4)
    other = FrozenColumns(tmp_path / "columns", origin, OWNER_KEYS)
    snapshot = opened(columns)
    assert snapshot is not None
    other.write(snapshot, b"seal", time_ns=10)
    assert opened(other) is not None
    assert opened(columns) is None


def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns that cannot be written whole are not visible at all."""
    columns = FrozenColumns(tmp_path / "columns", ORIGIN, OWNER_KEYS)
    run = Run.of_rows(np.zeros(1, LISTING_DTYPE), NO_IDS, owner_keys=OWNER_KEYS)

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="space"):
        columns.write(Snapshot(1, (run,), OWNER_KEYS, TARGET), b"seal", time_ns=9)
    assert not list((tmp_path / "columns").iterdir())
