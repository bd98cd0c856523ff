"""Writes a run as files while its rows come in, of any number of rows, in bounded memory.

Rows come ordered by their ids and are written at once. Keys come in any order: each block of them
is spread over ranges of keys and set aside in a file; at the end one range after another is
sorted. Keys are as good as random, so ranges of one width hold about as many keys each. From there
on everything is as where runs are merged (`columns/merging.py`), whose keys come sorted.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rongan_share.columns.column_files import map_column
from rongan_share.columns.key_index import bucket_bits
from rongan_share.columns.key_spill import RANGE_BITS, Keys, KeySpill
from rongan_share.columns.run import STRETCH_DTYPE, token_keys
from rongan_share.columns.run_files import KEY_BITS, ColumnFile, finish, write_index, writer_of
from rongan_share.model.listing import LISTING_DTYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from rongan_share.columns.owner_keys import OwnerKeys

_PLACE_BITS = 32


class WrittenRun(NamedTuple):
    """What was written.

    Attributes:
        files: The columns by name.
        shift: Shift of the buckets of the keys; there are as many of tokens as of owners.
        repeated: Places of rows whose identity a row before them has, ascending.
    """

    files: dict[str, ColumnFile]
    shift: int
    repeated: NDArray[np.int64]

    @property
    def token_shift(self) -> int:
        """Shift of the buckets of the tokens' keys."""
        return self.shift

    @property
    def owner_shift(self) -> int:
        """Shift of the buckets of the owners' keys."""
        return self.shift


class RunWriter:
    """Writes the run of one contributor's new rows into a folder.

    Args:
        folder: Where; it exists and holds none of the files.
        owner_keys: Makes the keys of the second index.
    """

    def __init__(self, folder: Path, owner_keys: OwnerKeys) -> None:
        self._folder = folder
        self._owner_keys = owner_keys
        self._ending = ExitStack()
        self._rows = self._ending.enter_context(writer_of(folder, "rows"))
        self._spills = {name: KeySpill(folder / f"{name}.spill") for name in ("token", "owner")}
        for spill in self._spills.values():
            self._ending.callback(spill.close)
        self._count = 0
        self._contributor = 0

    def add(self, rows: NDArray[np.void]) -> None:
        """Appends rows (LISTING_DTYPE) of one contributor, ascending by listing id.

        Raises:
            ValueError: There are more rows than a run can have.
        """
        if self._count + rows.size >= 1 << _PLACE_BITS:
            raise ValueError("rows")
        if not rows.size:
            return
        self._contributor = int(rows["contributor"][0])
        self._rows.append(rows)
        places = np.arange(self._count, self._count + rows.size, dtype=np.uint32)
        self._spills["token"].add(token_keys(rows["token"]), places)
        self._spills["owner"].add(self._owner_keys.of_rows(rows), places)
        self._count += rows.size

    def finish(self) -> WrittenRun:
        """Sorts and writes the indexes.

        Raises:
            OSError: They could not be written.
        """
        files = {"rows": finish(self._rows)}
        rows = map_column(self._folder / "rows", LISTING_DTYPE, self._count)
        bits = bucket_bits(self._count)
        repeated = [np.zeros(0, np.int64)]
        with ThreadPoolExecutor(len(self._spills)) as pool:
            tokens = pool.submit(self._write_index, "token", bits)
            # Equal identities have neighbouring owner keys.
            owners = pool.submit(
                self._write_index,
                "owner",
                bits,
                lambda *some: repeated.append(_repeated(rows, *some)),
            )
            files |= tokens.result() | owners.result()
        with writer_of(self._folder, "stretches") as file:
            stretches = np.zeros(min(self._count, 1), STRETCH_DTYPE)
            stretches["contributor"] = self._contributor
            stretches["last"] = self._count
            file.append(stretches)
            files["stretches"] = finish(file)
        return WrittenRun(files, KEY_BITS - bits, np.sort(np.concatenate(repeated)))

    def close(self) -> None:
        """Lets go of what is open and removes what was set aside."""
        self._ending.close()

    def _write_index(
        self, name: str, bits: int, look: Callable[..., object] = lambda *_: None
    ) -> dict[str, ColumnFile]:
        """Writes one index; `look` is shown the keys and places of each range."""
        range_bits = min(RANGE_BITS, bits)

        def shown() -> Iterator[Keys]:
            for some in self._spills[name].ranges(range_bits):
                look(*some)
                yield some

        return write_index(self._folder, name, ranges=shown(), bits=bits, range_bits=range_bits)


def _repeated(
    rows: NDArray[np.void], keys: NDArray[np.uint64], places: NDArray[np.uint32]
) -> NDArray[np.int64]:
    """Returns the places of rows with an identity that stands further up, among sorted keys."""
    same = np.flatnonzero(keys[1:] == keys[:-1])
    if not same.size:
        return np.zeros(0, np.int64)
    # Keys may meet by chance; identities are compared in full.
    asked = np.sort(places[np.union1d(same, same + 1)].astype(np.int64))
    identity = np.empty((asked.size, 33), np.uint8)
    identity[:, :16] = np.ascontiguousarray(rows["reference"][asked]).view(np.uint8).reshape(-1, 16)
    identity[:, 16] = rows["category"][asked]
    identity[:, 17:] = np.ascontiguousarray(rows["token"][asked]).view(np.uint8).reshape(-1, 16)
    _, first = np.unique(identity.reshape(-1).view("V33"), return_index=True)
    again = np.ones(asked.size, np.bool_)
    again[first] = False
    return asked[again]
