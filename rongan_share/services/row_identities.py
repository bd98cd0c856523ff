"""Which listings the rows of a frame name, as far as the frame itself tells: none of them twice."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np

from rongan_share.columns.owner_keys import OwnerKeys
from rongan_share.wire.vocabulary import RowOperation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rongan_share.services.frames import ContributionFrame
    from rongan_share.services.row_terms import Rule

_FRAME_KEYS = OwnerKeys.of_secret(secrets.token_bytes(32))
"""Tells quickly that no identity stands twice in a frame; never stored, so a secret a process.

Its secret keeps contributors from choosing references whose keys meet, which would put every frame
of theirs to the slow comparison.
"""


def identity_rules(frame: ContributionFrame) -> list[Rule]:
    """One identity once; and one (reference, category) either added or changed, not both."""
    columns, operation = frame.columns, frame.columns["operation"]
    adding = operation == RowOperation.ADD
    mixes = adding.any() and not adding.all()
    if not mixes and not _may_repeat(frame):
        return []
    # An identity is reference, category and token, 33 bytes; what it is mixed by, the first 17.
    pair = np.zeros((frame.row_count, 33), np.uint8)
    pair[:, :16] = np.frombuffer(frame.raw["reference"], np.uint8).reshape(-1, 16)
    pair[:, 16] = columns["category"]
    pair[:, 17:] = np.frombuffer(frame.raw["token"], np.uint8).reshape(-1, 16)
    _, first = np.unique(pair.reshape(-1).view("V33"), return_index=True)
    repeated = np.ones(frame.row_count, np.bool_)
    repeated[first] = False
    mixed = np.zeros(frame.row_count, np.bool_)
    if mixes:
        group = np.ascontiguousarray(pair[:, :17]).reshape(-1).view("V17")
        mixed = ~adding & np.isin(group, group[adding])
    return [
        ("reference", "one identity once in a frame", repeated),
        ("reference", "either added or changed in one frame, not both", mixed),
    ]


def _may_repeat(frame: ContributionFrame) -> bool:
    """Tells whether an identity may stand there twice: equal ones have equal keys."""
    columns = frame.columns
    keys, _ = _FRAME_KEYS.ranges(
        np.zeros(frame.row_count, np.uint32),
        columns["reference"],
        columns["category"],
        token=columns["token"],
    )
    keys.sort()
    return bool((keys[1:] == keys[:-1]).any())


def named_twice(
    query: NDArray[np.int64], rows: NDArray[np.void], adding: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Marks changing rows that name a listing which an earlier row named already."""
    _, first = np.unique(rows["listing_id"], return_index=True)
    again = np.ones(query.size, np.bool_)
    again[first] = False
    marked = np.zeros(adding.size, np.bool_)
    marked[query[again]] = True
    return marked
