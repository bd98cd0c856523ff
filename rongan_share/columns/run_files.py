"""The files of a run: their names and types, how its indexes are written, how it is mapped."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from rongan_share.columns import kernel
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
    "token_sieve": np.dtype("<u8"),
    "owner_keys": np.dtype("<u8"),
    "owner_order": np.dtype("<u4"),
    "owner_starts": np.dtype("<u4"),
    "stretches": STRETCH_DTYPE,
}
"""The files of a run and the type of their items."""

KEY_BITS = 64
"""Bits of a key."""

_INDEX_KINDS = ("keys", "order", "starts", "sieve")
"""Files of an index; only that of tokens has a sieve, for most tokens that are asked about are not
there."""

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
    names = [f"{name}_{kind}" for kind in _INDEX_KINDS if f"{name}_{kind}" in COLUMNS]
    shift, done = KEY_BITS - bits, 0
    buckets = 1 << bits - range_bits
    with ExitStack() as stack:
        files = {name: stack.enter_context(writer_of(folder, name)) for name in names}
        for number, (keys, order) in enumerate(ranges):
            first = number * buckets
            files[f"{name}_keys"].append(keys)
            files[f"{name}_order"].append(order)
            bucket = (keys >> np.uint64(shift)).astype(np.int64) - first
            counts = np.bincount(bucket, minlength=buckets)
            files[f"{name}_starts"].append(done + np.cumsum(counts) - counts)
            if f"{name}_sieve" in files:
                words = kernel.sieve_of(keys, shift, first=first, count=buckets)
                files[f"{name}_sieve"].append(words)
            done += keys.size
        files[f"{name}_starts"].append(np.array([done]))
        return {name: finish(file) for name, file in files.items()}


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
            columns.get(f"{name}_sieve", NO_SIEVE),
        )
        for name, shift in (("token", known.token_shift), ("owner", known.owner_shift))
    )
    return Run(
        columns["rows"],
        NO_IDS,
        near(tokens),
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
