"""One look-up for many tokens: find, see, allow, fold.

Says what `columns/kernel_numpy.py` says, row for row; a test holds them equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rongan_share.columns.compiled.fold import fold_tokens, scratch_room
from rongan_share.columns.compiled.search import link_alike, locate, locate_few
from rongan_share.columns.kernel_numpy import FEW
from rongan_share.wire.fold import SUMMARY_DTYPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rongan_share.columns.view import View


def judge(
    table: NDArray[np.int64], tokens: NDArray[np.uint64], wanted: NDArray[np.bool_], view: View
) -> tuple[NDArray[np.int64], NDArray[np.void], NDArray[np.uint64]]:
    """Judges tokens, equal ones among them as well.

    Args:
        table: What `run_table` says of the runs.
        tokens: Enciphered tokens as two halves each, N x 2.
        wanted: Which of them are asked about.
        view: What the caller may see.

    Returns:
        The tokens that are listed, ascending; a summary each; ids of the listings that took
        part, each once.
    """
    count = len(tokens)
    first = np.empty((len(table), count), np.int64)
    last = np.empty((len(table), count), np.int64)
    found = np.empty(count, np.int64)
    find = locate_few if count <= FEW else locate
    found = found[: find(table, tokens, wanted, first, last, found)]
    if not found.size:
        return found, np.zeros(0, SUMMARY_DTYPE), np.zeros(0, np.uint64)
    alike = np.empty(found.size, np.int64)
    slots = np.full(1 << (2 * found.size - 1).bit_length(), -1, np.int32)
    row_count = link_alike(tokens, first, last, found, alike, slots)
    summaries = np.zeros(found.size, SUMMARY_DTYPE)
    ids = np.empty(row_count, np.uint64)
    listed_count, id_count = fold_tokens(
        (table, tokens, first, last), (found, alike), view, summaries, ids, scratch_room()
    )
    return found[:listed_count], summaries[:listed_count], ids[:id_count]
