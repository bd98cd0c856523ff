"""Merging runs into the columns of one, file by file and chunk by chunk, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rongan_share.columns.homes import Home, homes_of, rows_at
from rongan_share.columns.key_index import KeyIndex, bucket_bits
from rongan_share.columns.key_spill import Keys
from rongan_share.columns.rekeyed import RekeyedKeys
from rongan_share.columns.rows import pick_rows
from rongan_share.columns.run import STRETCH_DTYPE
from rongan_share.columns.run_files import KEY_BITS, ColumnFile, finish, write_index, writer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from threading import Event

    from numpy.typing import NDArray

    from rongan_share.columns.owner_keys import OwnerKeys
    from rongan_share.columns.run import Run


class MergeStoppedError(Exception):
    """The hub stops: what was written so far is of no use."""


class Merged(NamedTuple):
    """What was written.

    Attributes:
        files: Columns by name.
        epochs: Epochs of its tokens, ascending.
        shift: Shift of the buckets of the keys; there are as many of tokens as of owners.
    """

    files: dict[str, ColumnFile]
    epochs: tuple[int, ...]
    shift: int


class Chunk(NamedTuple):
    """How much is done at once, between two looks at whether the hub stops.

    Attributes:
        rows: Rows that are copied.
        keys: Keys that are merged, on average: they are as good as random, so no range of them is
            much longer unless that many listings share one token.
    """

    rows: int
    keys: int


IN_SERVICE = Chunk(rows=1 << 18, keys=1 << 19)
"""Well under a second each, and some tens of megabytes."""


class Merger:
    """Writes the listings of several runs as the columns of one.

    Args:
        runs: All runs of a snapshot, oldest first.
        folder: Where to write; it holds none of the files yet.
        stopping: Set when the hub stops; looked at before each chunk.
        owner_keys: Makes the keys of the second index.
        chunk: How much is done at once.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        folder: Path,
        stopping: Event | None,
        *,
        owner_keys: OwnerKeys,
        chunk: Chunk = IN_SERVICE,
    ) -> None:
        self._folder = folder
        self._stopping = stopping
        self._chunk = chunk
        self._homes = homes_of(runs)
        self._count = sum(home.live for home in self._homes)
        self._files: dict[str, ColumnFile] = {}
        self._rekeyed = RekeyedKeys(folder, owner_keys)

    def write(self) -> Merged:
        """Writes every file through to the disk.

        Raises:
            MergeStoppedError: The hub stops.
            OSError: Something could not be written.
            RonganError: STORE_CORRUPT, the runs do not fit one another.
        """
        with self._rekeyed:
            epochs = self._write_rows()
            bits = bucket_bits(self._count)
            self._write_index("token", bits, lambda run: run.tokens)
            self._write_index("owner", bits, lambda run: run.owners)
        return Merged(self._files, epochs, KEY_BITS - bits)

    def _write_rows(self) -> tuple[int, ...]:
        epochs: set[int] = set()
        stretches = _Stretches()
        with writer_of(self._folder, "rows") as file:
            for place, home in enumerate(self._homes):
                for begin in range(home.first, home.run.row_count, self._chunk.rows):
                    self._look_up()
                    end = min(begin + self._chunk.rows, home.run.row_count)
                    rows = rows_at(self._homes, place, begin, end=end)
                    rekeyed = home.find_rekeyed(begin, end)
                    if rekeyed is not None:
                        self._rekeyed.add(pick_rows(rows, rekeyed), rekeyed + file.count)
                    file.append(rows)
                    stretches.append(rows["contributor"])
                    epochs |= _epochs_of(rows)
            self._files["rows"] = finish(file)
        with writer_of(self._folder, "stretches") as file:
            file.append(stretches.by_contributor())
            self._files["stretches"] = finish(file)
        return tuple(sorted(epochs))

    def _write_index(self, name: str, bits: int, index_of: Callable[[Run], KeyIndex]) -> None:
        indexes = [index_of(home.run) for home in self._homes]
        total = sum(index.keys.size for index in indexes)
        range_bits = min((total // self._chunk.keys).bit_length(), bits)
        ranges = self._ranges(indexes, range_bits, self._rekeyed.ranges(name, range_bits))
        self._files |= write_index(
            self._folder, name, ranges=ranges, bits=bits, range_bits=range_bits
        )

    def _ranges(
        self, indexes: Sequence[KeyIndex], range_bits: int, rekeyed: Iterator[Keys]
    ) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.uint32]]]:
        """Yields the keys of each range that remain, merged, and their new places."""
        at = [0] * len(indexes)
        for number in range(1 << range_bits):
            self._look_up()
            ends = [_end_of(index.keys, number + 1, range_bits) for index in indexes]
            ranges = list(zip(at, ends, strict=True))
            yield _merge_ranges(self._homes, indexes, ranges, rekeyed=next(rekeyed))
            at = ends

    def _look_up(self) -> None:
        if self._stopping is not None and self._stopping.is_set():
            raise MergeStoppedError


class _Stretches:
    """Gathers neighbouring rows of one contributor."""

    def __init__(self) -> None:
        self._first: list[NDArray[np.int64]] = []
        self._names: list[NDArray[np.uint32]] = []
        self._count = 0

    def append(self, contributors: NDArray[np.uint32]) -> None:
        """Takes the contributors of the next rows."""
        if not contributors.size:
            return
        first = np.flatnonzero(contributors[1:] != contributors[:-1]) + 1
        if not self._names or self._names[-1][-1] != contributors[0]:
            first = np.concatenate(([0], first))
        if first.size:
            self._first.append(first + self._count)
            self._names.append(contributors[first])
        self._count += contributors.size

    def by_contributor(self) -> NDArray[np.void]:
        """Returns the stretches by contributor, then place (STRETCH_DTYPE)."""
        if not self._first:
            return np.zeros(0, STRETCH_DTYPE)
        first = np.concatenate(self._first)
        stretches = np.zeros(first.size, STRETCH_DTYPE)
        stretches["first"] = first
        stretches["last"] = np.append(first[1:], self._count)
        stretches["contributor"] = np.concatenate(self._names)
        return stretches[np.argsort(stretches["contributor"], kind="stable")]


def _epochs_of(rows: NDArray[np.void]) -> set[int]:
    """Returns the epochs of rows; almost always there is one, and nothing is sorted."""
    epochs = rows["epoch"]
    if not rows.size or (epochs == epochs[0]).all():
        return set(epochs[:1].tolist())
    return set(np.unique(epochs).tolist())


def _end_of(keys: NDArray[np.uint64], number: int, bits: int) -> int:
    """Returns the place behind the keys whose first bits are below a number."""
    if number >> bits:
        return int(keys.size)
    return int(np.searchsorted(keys, np.uint64(number << KEY_BITS - bits)))


def _merge_ranges(
    homes: Sequence[Home],
    indexes: Sequence[KeyIndex],
    ranges: Sequence[tuple[int, int]],
    *,
    rekeyed: Keys,
) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Merges ranges of keys of all runs; returns those that remain and their new places."""
    keys, order = [rekeyed.keys], [rekeyed.places]
    for home, index, (begin, end) in zip(homes, indexes, ranges, strict=True):
        if begin == end:
            continue
        stays, places = home.new_places(index.order[begin:end])
        if places.size:
            some = index.keys[begin:end]
            keys.append(some if stays is None else some[stays])
            order.append(places)
    if len(keys) == 2 and not rekeyed.keys.size:  # noqa: PLR2004 - of one run only
        return keys[1], order[1]
    joined = np.concatenate(keys)
    # Sorted runs one behind the other: a stable sort finds them and merges.
    by_key = np.argsort(joined, kind="stable")
    return joined[by_key], np.concatenate(order)[by_key]
