"""The files of a run: their names and types, how its indexes are written, how it is mapped."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from rongan_share.columns.checksum import file_digests
from rongan_share.columns.column_files import ColumnWriter, map_column, near
from rongan_share.columns.key_index import NO_SIEVE, KeyIndex
from rongan_share.columns.run import NO_IDS, STRETCH_DTYPE, Run
from rongan_share.model.listing import LISTING_DTYPE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

COLUMNS = {
    "rows": LISTING_DTYPE,
    "token_keys": np.dtype("<u8"),
    "token_order": np.dtype("<u4"),
    "token_starts": np.dtype("<u4"),
    "owner_keys": np.dtype("<u8"),
    "owner_order": np.dtype("<u4"),
    "owner_starts": np.dtype("<u4"),
    "stretches": STRETCH_DTYPE,
}
"""The files of a run and the type of their items."""

KEY_BITS = 64
"""Bits of a key."""

_log = logging.getLogger(__name__)


class ColumnFile(msgspec.Struct, frozen=True):
    """A column's file.

    Attributes:
        count: Items.
        digest: Digest of its bytes, in hex; see `columns/checksum.py`.
    """

    count: int
    digest: str


class RunFiles(Protocol):
    """What is known of the files of a run, by whichever manifest."""

    @property
    def token_shift(self) -> int:
        """Shift of the buckets of the tokens' keys."""
        ...

    @property
    def owner_shift(self) -> int:
        """Shift of the buckets of the owners' keys."""
        ...

    @property
    def files(self) -> dict[str, ColumnFile]:
        """The columns by name."""
        ...


def writer_of(folder: Path, name: str) -> ColumnWriter:
    """Begins a column of a run, to be used as a context manager."""
    return ColumnWriter(folder / name, COLUMNS[name])


def finish(column: ColumnWriter) -> ColumnFile:
    """Ends a column's file, written through to the disk."""
    return ColumnFile(column.count, column.finish())


def write_index(
    folder: Path,
    name: str,
    *,
    ranges: Iterable[tuple[NDArray[np.uint64], NDArray[np.uint32]]],
    bits: int,
    range_bits: int,
) -> dict[str, ColumnFile]:
    """Writes a key index, one range of keys after the other.

    Args:
        folder: Where.
        name: Of the index.
        ranges: Sorted keys and the place of the row of each, of every range: ranges are told apart
            by the first bits of a key, ascending.
        bits: How many first bits tell a key's bucket; see `bucket_bits`.
        range_bits: How many tell its range, not more, so that a range is of whole buckets.
    """
    done = 0
    with (
        writer_of(folder, f"{name}_keys") as keys_file,
        writer_of(folder, f"{name}_order") as order_file,
        writer_of(folder, f"{name}_starts") as starts_file,
    ):
        for number, (keys, order) in enumerate(ranges):
            keys_file.append(keys)
            order_file.append(order)
            bucket = (keys >> np.uint64(KEY_BITS - bits)).astype(np.int64)
            counts = np.bincount(
                bucket - (number << bits - range_bits), minlength=1 << bits - range_bits
            )
            starts_file.append(done + np.cumsum(counts) - counts)
            done += keys.size
        starts_file.append(np.array([done]))
        return {
            f"{name}_keys": finish(keys_file),
            f"{name}_order": finish(order_file),
            f"{name}_starts": finish(starts_file),
        }


def map_run(folder: Path, known: RunFiles, *, verified: bool = False) -> Run | None:
    """Maps a run into memory and verifies every byte; None if anything is not as written.

    Args:
        folder: Where its files are.
        known: What they must be.
        verified: Whether whoever wrote them a moment ago asks, so that they need not be read.
    """
    try:
        wrong = [] if verified else _find_damaged(folder, known)
        columns = {
            name: map_column(folder / name, dtype, known.files[name].count)
            for name, dtype in COLUMNS.items()
        }
    except (OSError, ValueError, KeyError):
        _log.warning("columns cannot be mapped folder=%s", folder.name)
        return None
    if wrong:
        _log.error("columns are damaged folder=%s files=%s", folder.name, wrong)
        return None
    tokens, owners = (
        KeyIndex(
            columns[f"{name}_keys"],
            columns[f"{name}_order"],
            columns[f"{name}_starts"],
            shift,
            NO_SIEVE,
        )
        for name, shift in (("token", known.token_shift), ("owner", known.owner_shift))
    )
    return Run(
        columns["rows"],
        NO_IDS,
        near(tokens).sieved(),
        owners,
        columns["stretches"],
        on_disk=True,
    )


def _find_damaged(folder: Path, known: RunFiles) -> list[str]:
    """Names the columns whose bytes are not as written."""
    digests = file_digests([folder / name for name in COLUMNS])
    return [
        name
        for name, digest in zip(COLUMNS, digests, strict=True)
        if digest != known.files[name].digest
    ]
