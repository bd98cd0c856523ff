"""The compiled look-up says what the plain one says, in any world."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rongan_share.columns import kernel, kernel_numpy
from rongan_share.columns.key_index import KeyIndex
from rongan_share.columns.owner_keys import OwnerKeys
from rongan_share.columns.run import NO_IDS, Run, merge
from rongan_share.columns.snapshot import Snapshot
from rongan_share.columns.view import View, bit_table
from rongan_share.model.hub_key import Target
from rongan_share.model.listing import LISTING_DTYPE
from rongan_share.wire.vocabulary import RowFlag, SummaryFlag

OWNER_KEYS = OwnerKeys.of_secret(b"a secret")
TARGET = Target(1, 1)
DAY, HUB, ALLOWLIST = 20_000, 1, 5
NEVER_HIDDEN = 1 << 7
WORLDS = 60

Generator = np.random.Generator


def make_tokens(rng: Generator, count: int) -> NDArray[np.bytes_]:
    """Makes distinct tokens, some equal in their first half and some ending in zeros."""
    raw = rng.integers(0, 256, (count, 16), np.uint8)
    raw[: count // 4, :8] = raw[0, :8]
    raw[count // 4 : count // 3, 15] = 0
    return np.unique(raw.reshape(-1).view("S16"))


def make_rows(
    rng: Generator, ids: NDArray[np.uint64], tokens: NDArray[np.bytes_]
) -> NDArray[np.void]:
    """Makes rows in which everything that a fold looks at takes its few values."""
    rows = np.zeros(ids.size, LISTING_DTYPE)
    rows["listing_id"] = ids
    # The first token is hot: a quarter of all rows are under it.
    hot = rng.random(ids.size) < 0.25
    rows["token"] = np.where(hot, tokens[0], rng.choice(tokens, ids.size))
    rows["reference"] = rng.integers(0, 256, (ids.size, 16), np.uint8).reshape(-1).view("S16")
    rows["contributor"] = rng.integers(HUB, 300, ids.size)
    rows["original_source"] = rng.choice(np.array([0, 0, 7, 9, 300], np.uint64), ids.size)
    rows["expiry_day"] = rng.choice([0, DAY - 1, DAY, DAY + 1, 65_535], ids.size)
    rows["category"] = rng.choice([0, 1, ALLOWLIST, 7, 63], ids.size)
    rows["type"] = rng.choice([0, 1, 63, 64, 255], ids.size)
    rows["source_class"] = rng.choice([0, 1, 9, 15], ids.size)
    rows["severity"] = rng.integers(1, 5, ids.size)
    rows["evidence"] = rng.integers(0, 6, ids.size)
    rows["flags"] = rng.choice([0, *map(int, RowFlag), sum(RowFlag)], ids.size)
    return rows


def make_snapshot(rng: Generator, tokens: NDArray[np.bytes_]) -> Snapshot:
    """Lays up to five runs over one another; newer ones replace or withdraw what is in older.

    Half of them count their listing ids from a base of their own, as imports do.
    """
    runs: list[Run] = []
    known = NO_IDS
    for _ in range(rng.integers(1, 6)):
        first = int(known[-1]) + 1 if known.size else 1
        fresh = np.arange(first, first + rng.integers(1, 400), dtype="<u8")
        replaced = np.sort(rng.choice(known, known.size // 5, replace=False))
        amended = np.sort(rng.choice(replaced, replaced.size // 2, replace=False))
        ids = np.concatenate((amended, fresh)).astype("<u8")
        rows = make_rows(rng, ids, tokens)
        base = int(ids[0]) - int(rng.integers(0, 2)) if ids.size and rng.random() < 0.5 else 0
        rows["listing_id"] -= np.uint64(base)
        runs.append(Run.of_rows(rows, replaced, owner_keys=OWNER_KEYS, id_base=base))
        known = np.union1d(known, fresh)
    return Snapshot(1, tuple(runs), OWNER_KEYS, TARGET)


def make_view(rng: Generator) -> View:
    """Makes a caller's view: some categories, classes and types, some contributors suspended."""

    def some() -> int:
        return int(rng.integers(0, 1 << 63)) | int(rng.integers(0, 2)) << 63

    flags = rng.integers(0, 256, 256, np.uint8)
    rows = (bit_table(some() & ~(1 << ALLOWLIST)), bit_table(some()), bit_table(some()))
    suspended = rng.choice([0, int(SummaryFlag.SOURCE_SUSPENDED)], rng.integers(0, 200))
    return View(
        tables=np.stack((*rows, bit_table(NEVER_HIDDEN), flags)),
        confidence=rng.integers(0, 101, (256, 256), np.uint8),
        suspended=suspended.astype(np.uint8),
        day=DAY,
        hub_number=HUB,
        allowlist_bit=ALLOWLIST,
    )


@pytest.mark.skipif(not kernel.COMPILED, reason="numba is not installed")
@pytest.mark.parametrize("seed", range(WORLDS))
def test_kernels_agree(seed: int) -> None:
    """Listed tokens, summaries and listings shown are the same, bit for bit."""
    rng = np.random.default_rng(seed)
    tokens = make_tokens(rng, 40)
    snapshot, view = make_snapshot(rng, tokens), make_view(rng)
    asked = np.concatenate((rng.choice(tokens, 90), rng.choice(make_tokens(rng, 300), 400)))
    rng.shuffle(asked)
    wanted = rng.random(asked.size) < 0.9
    enciphered = asked.tobytes()
    plain = kernel_numpy.judge(snapshot.find_tokens, enciphered, wanted, view=view)
    listed, summaries, ids = kernel.judge(snapshot, enciphered, wanted, view=view)
    assert listed.tolist() == plain[0].tolist()
    assert summaries.tobytes() == plain[1].tobytes()
    assert sorted(ids.tolist()) == sorted(plain[2].tolist())


@pytest.mark.parametrize("seed", range(20))
def test_merged_runs_say_the_same(seed: int) -> None:
    """A snapshot whose runs were all merged into one judges as it did before."""
    rng = np.random.default_rng(1_000 + seed)
    tokens = make_tokens(rng, 40)
    snapshot, view = make_snapshot(rng, tokens), make_view(rng)
    runs = list(snapshot.runs)
    while len(runs) > 1:
        newer, older = runs.pop(), runs.pop()
        runs.append(merge(older, newer, bottom=not runs))
    whole = Snapshot(1, tuple(runs), OWNER_KEYS, TARGET)
    assert whole.listing_count == snapshot.listing_count == runs[0].row_count
    enciphered, wanted = tokens.tobytes(), np.ones(tokens.size, np.bool_)
    before = snapshot.judge(enciphered, wanted, view)
    after = whole.judge(enciphered, wanted, view)
    assert before[0].tolist() == after[0].tolist()
    assert before[1].tobytes() == after[1].tobytes()
    assert sorted(before[2].tolist()) == sorted(after[2].tolist())


@pytest.mark.parametrize("seed", range(20))
def test_ids_counted_from_a_base_are_never_seen(seed: int) -> None:
    """A run says the same, by token, owner and id, wherever its listing ids are counted from."""
    rng = np.random.default_rng(2_000 + seed)
    tokens = make_tokens(rng, 40)
    base = int(rng.integers(1, 1 << 50))
    ids = np.unique(rng.integers(base, base + 5_000, 300, np.uint64))
    rows = make_rows(rng, ids, tokens)
    plain = Run.of_rows(rows, NO_IDS, owner_keys=OWNER_KEYS)
    moved = rows.copy()
    moved["listing_id"] -= np.uint64(base)
    counted = Run.of_rows(moved, NO_IDS, owner_keys=OWNER_KEYS, id_base=base)
    asked = np.concatenate((ids, ids + np.uint64(1), ids - np.uint64(base)))
    assert counted.find_ids(asked).tolist() == plain.find_ids(asked).tolist()
    assert counted.find_tokens(tokens).rows.tobytes() == plain.find_tokens(tokens).rows.tobytes()
    one, other = (Snapshot(1, (run,), OWNER_KEYS, TARGET) for run in (plain, counted))
    assert other.rows_of(ids).tobytes() == one.rows_of(ids).tobytes() == rows.tobytes()
    for contributor in np.unique(rows["contributor"]).tolist():
        for after in (0, base, int(ids[ids.size // 2]), int(ids[-1])):
            shown = other.list_owned(contributor, after, most=3).tobytes()
            assert shown == one.list_owned(contributor, after, most=3).tobytes()
    # Merged, it counts from nowhere any more.
    empty = Run.of_rows(rows[:0], NO_IDS, owner_keys=OWNER_KEYS)
    assert merge(counted, empty, bottom=True).rows.tobytes() == rows.tobytes()


@pytest.mark.parametrize("size", [0, 1, 5, 1_000, 40_000])
def test_places_of_keys(size: int) -> None:
    """Every range of keys is found where a plain search finds it, equal keys and ends included."""
    rng = np.random.default_rng(size)
    keys = rng.integers(0, 1 << 63, size, np.uint64) * np.uint64(2)
    keys[: size // 3] = keys[-1] if size else 0
    index = KeyIndex.of_rows(keys)
    ends = np.array([0, 1, (1 << 64) - 1], np.uint64)
    low = np.concatenate(
        (rng.choice(keys, 500) if size else ends, rng.integers(0, 1 << 63, 500, np.uint64), ends)
    )
    high = low | np.uint64(0xFF)
    first, last = index.find(low, high)
    assert first.tolist() == np.searchsorted(index.keys, low, side="left").tolist()
    found = last > first
    expected = np.searchsorted(index.keys, high, side="right")
    assert (last - first)[found].tolist() == (expected - first)[found].tolist()
    assert (expected[~found] <= first[~found]).all()


@pytest.mark.parametrize("size", [0, 1, 256, 257, 5_000])
@pytest.mark.parametrize("bits", [8, 40, 64])
def test_ids_in_order(size: int, bits: int) -> None:
    """Ids of any length are sorted, equal ones, the lowest and the highest among them."""
    rng = np.random.default_rng(size)
    ids = rng.integers(0, (1 << bits) - 1, size, np.uint64, endpoint=True)
    ids[: size // 2] = rng.choice(np.array([0, (1 << bits) - 1, 7], np.uint64), size // 2)
    assert kernel.sort(ids).tolist() == sorted(ids.tolist())


@pytest.mark.skipif(not kernel.COMPILED, reason="numba is not installed")
@pytest.mark.parametrize("size", [0, 1, 300, 100_000])
def test_sieve_lets_every_key_pass(size: int) -> None:
    """A key that is there always passes; of the others, few do."""
    from rongan_share.columns.compiled.sieve import bits_of  # noqa: PLC0415 - needs numba

    rng = np.random.default_rng(size)
    keys = rng.integers(0, (1 << 64) - 1, size, np.uint64, endpoint=True)
    keys[: size // 100] = rng.choice(np.array([0, 1, (1 << 64) - 1], np.uint64), size // 100)
    index = KeyIndex.of_rows(keys).sieved()
    shift, parts = np.uint64(index.shift), index.sieve.size
    plain = kernel_numpy.make_sieve(index.keys, index.shift, first=0, count=parts)
    assert index.sieve.tolist() == plain.tolist()
    half = index.keys[index.keys >> shift >= parts // 2]
    upper = kernel.sieve_of(half, index.shift, first=parts // 2, count=parts - parts // 2)
    assert upper.tolist() == plain[parts // 2 :].tolist()

    def passes(key: np.uint64) -> bool:
        bits = bits_of(key)
        return bool(index.sieve[key >> shift] & bits == bits)

    assert all(passes(key) for key in keys[:3_000])
    others = rng.integers(0, (1 << 64) - 1, 2_000, np.uint64, endpoint=True)
    assert sum(map(passes, others)) < 2_000 * 0.05
