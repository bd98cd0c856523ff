"""Following a long journal in bounded memory: runs that have grown are put into files of their own.

Those files last as long as whoever follows; nothing is answered from them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rongan_share.columns.build import follow
from rongan_share.columns.column_files import map_column
from rongan_share.columns.key_index import NO_SIEVE, KeyIndex
from rongan_share.columns.run import STRETCH_DTYPE, Run
from rongan_share.columns.snapshot import Merging
from rongan_share.model.listing import LISTING_DTYPE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from rongan_share.columns.journal_reader import JournalReader
    from rongan_share.columns.snapshot import Snapshot
    from rongan_share.ledger.journal import JournalFrame

SPILLED_ROWS = 1 << 18
"""Rows from which a run is put into files."""

_REPLACED_PER_ROW = 8
"""Ids of replaced listings that take the memory of a row, about."""


class Spilling:
    """Follows the journal from a snapshot on.

    Args:
        folder: Where to put files.
        snapshot: Where to begin.
        large: Rows from which a run is put into files.
    """

    def __init__(self, folder: Path, snapshot: Snapshot, *, large: int = SPILLED_ROWS) -> None:
        self._folder = folder
        self._kept = len(snapshot.runs)
        self._large = large
        self._file_count = 0
        self.snapshot = snapshot

    def read_on(self, reader: JournalReader) -> bool:
        """Takes the next step through the journal; tells whether there was one.

        Raises:
            LedgerCorruptError: Frames that were accepted are not there, or one is damaged.
            ForgottenError: As `JournalReader.next` does.
        """
        taken = reader.take(self.snapshot.sequence)
        if taken is None:
            frames = reader.next(self.snapshot.sequence)
            self.follow(frames)
            return bool(frames)
        # What is below an import's columns will never be merged with what is above them.
        followed = self._with_spilled(self.snapshot, len(self.snapshot.runs))
        self.snapshot = followed.with_file(*taken)
        self._kept = len(self.snapshot.runs)
        return True

    def follow(self, frames: Iterable[JournalFrame]) -> None:
        """Reads further frames, which must follow without a gap."""
        merging = Merging(most_rows=2 * self._large, kept=self._kept)
        followed = follow(self.snapshot, frames, merging=merging)
        places = range(self._kept, len(followed.runs))
        large = [place for place in places if self._is_large(followed.runs[place])]
        # Those below a large one will never be merged with what is above it.
        end = large[-1] + 1 if large else self._kept
        self.snapshot = self._with_spilled(followed, end)
        self._kept = end

    def _with_spilled(self, snapshot: Snapshot, end: int) -> Snapshot:
        """Puts the runs up to before a place into files that are not in any yet."""
        runs = list(snapshot.runs)
        for place in range(self._kept, end):
            runs[place] = self._spill(runs[place])
        return replace(snapshot, runs=tuple(runs))

    def _spill(self, run: Run) -> Run:
        return Run(
            self._column(run.rows, LISTING_DTYPE),
            self._column(run.replaced, np.dtype("<u8")),
            self._index(run.tokens),
            self._index(run.owners),
            self._column(run.stretches, STRETCH_DTYPE),
            run.id_base,
            rekeyed=self._column(run.rekeyed, np.dtype("<u8")),
        )

    def _index(self, index: KeyIndex) -> KeyIndex:
        return KeyIndex(
            self._column(index.keys, np.dtype("<u8")),
            self._column(index.order, np.dtype("<u4")),
            self._column(index.starts, np.dtype("<u4")),
            index.shift,
            # Nothing is asked of it but to be merged.
            NO_SIEVE,
        )

    def _column(self, column: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        self._file_count += 1
        path = self._folder / str(self._file_count)
        column.tofile(path)
        return map_column(path, dtype, column.size)

    def _is_large(self, run: Run) -> bool:
        return run.row_count + run.replaced.size // _REPLACED_PER_ROW >= self._large
