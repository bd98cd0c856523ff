"""Bare LMDB as a peer: a B-tree of the listed tokens, asked in its own process, one get a token."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import lmdb
import numpy as np

from benchmarks.listings import tokens_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAP_BYTES = 64 << 30
_STEP = 1 << 17
_TOKEN_BYTES = 16


@contextmanager
def open_store(folder: Path, distinct_count: int) -> Iterator[lmdb.Environment]:
    """Makes a store of every listed token, its value as long as the token itself."""
    tokens = np.frombuffer(tokens_of(np.arange(distinct_count, dtype=np.uint64)), ">u8")
    halves = tokens.reshape(-1, 2)
    # Ascending keys are appended, which is the only way to load this many within seconds.
    ordered = halves[np.lexsort((halves[:, 1], halves[:, 0]))].tobytes()
    path = folder / "peer-lmdb"
    with lmdb.open(str(path), map_size=_MAP_BYTES, sync=False) as store:
        for begin in range(0, len(ordered), _STEP * _TOKEN_BYTES):
            keys = _split(ordered[begin : begin + _STEP * _TOKEN_BYTES])
            with store.begin(write=True) as txn, txn.cursor() as cursor:
                cursor.putmulti([(key, key) for key in keys], append=True)
        yield store


def gets_per_second(store: lmdb.Environment, numbers: NDArray[np.uint64]) -> float:
    """Asks for one token after the other; returns tokens a second."""
    keys = _split(tokens_of(numbers))
    with store.begin(buffers=True) as txn:
        get = txn.get
        began = time.perf_counter()
        for key in keys:
            get(key)
        return len(keys) / (time.perf_counter() - began)


def _split(tokens: bytes) -> list[bytes]:
    return [tokens[at : at + _TOKEN_BYTES] for at in range(0, len(tokens), _TOKEN_BYTES)]
