"""Rows of a partner's machine: identifiers of a CSV file into tokens, on every core."""

from __future__ import annotations

import statistics
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.identifiers import write_identifiers
from benchmarks.machine import on_all_cores
from benchmarks.report import Family, Result
from partner_sdk.bulk import BulkTokenizer, tokenise_csv
from rongan_share.wire.tokens import EPOCH_KEY_BYTES, Tokenizer
from rongan_share.wire.vocabulary import Suite

if TYPE_CHECKING:
    from benchmarks.world import World

_ROWS = 1_000_000
_MOST_REJECTED = 0.02


class TokensMissingError(Exception):
    """Fewer tokens came out than the file must give."""


def _rate(world: World, suite: Suite, name: str) -> list[Result]:
    path = _file(world.folder, world.scale.of(_ROWS))
    rates: list[float] = []
    with (
        on_all_cores() as cores,
        BulkTokenizer(Tokenizer(suite, bytes(EPOCH_KEY_BYTES)), processes=cores) as workers,
    ):
        began = time.perf_counter()
        _run(path, workers)
        first_seconds = time.perf_counter() - began
        for _ in range(world.scale.runs):
            began = time.perf_counter()
            tokens = _run(path, workers)
            rates.append(tokens / (time.perf_counter() - began))
    note = (
        f"{min(rates) / 1e6:.2f} to {max(rates) / 1e6:.2f} M; {cores} processes, running already;"
        f" {first_seconds:.1f} s with their start"
    )
    value = statistics.median(rates)
    return [Result(name=name, value=value, unit="tokens/s", runs=len(rates), note=note)]


@cache
def _file(folder: Path, count: int) -> Path:
    path = folder / f"identifiers-{count}.csv"
    write_identifiers(path, count)
    return path


def _run(path: Path, workers: BulkTokenizer) -> int:
    """Makes all tokens of the file; returns how many."""
    rows = tokens = 0
    for columns in tokenise_csv(path, workers):
        rows += columns.row_count
        tokens += columns.token_count
    if tokens < rows * (1 - _MOST_REJECTED):
        raise TokensMissingError(f"{rows - tokens} of {rows} rows rejected")
    return tokens


FAMILIES = (
    Family(("tokens_per_s",), lambda world: _rate(world, Suite.HMAC_SHA256, "tokens_per_s")),
    Family(("tokens_sm3_per_s",), lambda world: _rate(world, Suite.HMAC_SM3, "tokens_sm3_per_s")),
)
