"""Seeded listings: which tokens exist, and frames of rows that hold them.

Of N listings 30 % share their token with one other, of another contributor. Tokens are numbers
mixed into 16 bytes, so that listed and unlisted ones look alike and none need be kept.
"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from rongan_share.cli.importing.packed import FORMAT, MANIFEST
from rongan_share.clock import SystemClock
from rongan_share.ledger.counters import put_last_of_partner, put_list_sequence
from rongan_share.ledger.journal import PackedFrame, RowsHeader
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.frames import MAX_FRAME_ROWS
from rongan_share.wire.vocabulary import (
    Evidence,
    IdentifierType,
    LegalBasis,
    RowOperation,
    SourceClass,
    Suite,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rongan_share.ledger.cipher import TokenCipher
    from rongan_share.ledger.environment import Ledger

SEED = 20_261_124
DISTINCT_SHARE = 0.85
"""Distinct tokens among listings: 70 % alone, and 30 % in pairs."""

UNLISTED = 1 << 40
"""Numbers from here on are never listed by the loader."""

FIRST_EPOCH = 1
_CATEGORY_BIT = 1
_EXPIRY_DAYS = 60
_GROUP_FRAMES = 16
_PACKED_ROWS = 1 << 18
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((30, np.uint64(0xBF58476D1CE4E5B9)), (27, np.uint64(0x94D049BB133111EB)))


@dataclass(frozen=True, slots=True)
class Population:
    """What is listed.

    Attributes:
        listing_count: N.
        day: Present day.
    """

    listing_count: int
    day: int

    @property
    def distinct_count(self) -> int:
        """Number of listed tokens; their numbers are those below it."""
        return max(1, int(self.listing_count * DISTINCT_SHARE))

    def token_numbers(self, first: int, count: int) -> NDArray[np.uint64]:
        """Returns the token numbers of consecutive listings; the last 15 % are second ones."""
        numbers = np.arange(first, first + count, dtype=np.uint64)
        return numbers % np.uint64(self.distinct_count)


def tokens_of(numbers: NDArray[np.uint64]) -> bytes:
    """Returns the tokens of numbers, 16 bytes each."""
    halves = np.empty((numbers.size, 2), np.uint64)
    halves[:, 0] = _mix(numbers * np.uint64(2) + np.uint64(SEED))
    halves[:, 1] = _mix(numbers * np.uint64(2) + np.uint64(SEED + 1))
    return halves.tobytes()


def columns_of(
    token_numbers: NDArray[np.uint64], references: NDArray[np.uint64], day: int
) -> dict[str, bytes]:
    """Returns the columns of a frame of ADD rows, tokens as partners make them."""
    count = token_numbers.size
    severity = (token_numbers % np.uint64(4) + np.uint64(1)).astype(np.uint8)
    return {
        "operation": _repeated(RowOperation.ADD, count),
        "reference": tokens_of(references | np.uint64(1 << 62)),
        "type": _repeated(IdentifierType.CN_RID, count),
        "token": tokens_of(token_numbers),
        "flags": bytes(count),
        "category": _repeated(_CATEGORY_BIT, count),
        "severity": severity.tobytes(),
        "evidence": _repeated(Evidence.VERIFIED, count),
        "source_class": _repeated(SourceClass.PEER_DOMESTIC, count),
        "original_source": bytes(8 * count),
        "legal_basis": _repeated(LegalBasis.ANTI_TELECOM_FRAUD_LAW, count),
        "event_day": bytes(2 * count),
        "expiry_day": np.full(count, day + _EXPIRY_DAYS, "<u2").tobytes(),
    }


def load_journal(
    ledger: Ledger,
    population: Population,
    cipher: TokenCipher,
    *,
    contributors: Sequence[int],
    time_ns: int,
) -> None:
    """Writes the listings straight into a new hub's journal, while no hub serves it.

    For benchmarks only: no walk, no entries. What the hub keeps beside a frame it needs to go on,
    the last sequences, is kept right.

    Args:
        ledger: The ledger, its journal empty.
        population: What is listed.
        cipher: The hub's key.
        contributors: Numbers of two partners; the second has the listings that share a token.
        time_ns: When they are said to have been decided.
    """
    starts = list(range(0, population.listing_count, MAX_FRAME_ROWS))
    for group in range(0, len(starts), _GROUP_FRAMES):
        with ledger.write() as txn:
            for place, first in enumerate(starts[group : group + _GROUP_FRAMES]):
                sequence = group + place + 1
                count = min(MAX_FRAME_ROWS, population.listing_count - first)
                shared = first >= population.distinct_count
                number = contributors[1 if shared else 0]
                columns = columns_of(
                    population.token_numbers(first, count),
                    np.arange(first, first + count, dtype=np.uint64),
                    population.day,
                )
                columns["token"] = cipher.encipher(columns["token"])
                header = RowsHeader(
                    key_id=cipher.key_id,
                    suite=Suite.HMAC_SHA256,
                    epoch=FIRST_EPOCH,
                    next_epoch=0,
                    partner_number=number,
                    row_count=count,
                    time_ns=time_ns,
                )
                _pack(header, columns).append(txn, sequence)
                put_last_of_partner(txn, number, sequence)
                put_list_sequence(txn, sequence)


def write_packed(folder: Path, population: Population) -> None:
    """Writes the listings as packed columns for `rongan-hub import`, tokens as partners make them.

    Any number of them, a part at a time. Those that share a token have references of their own, so
    all may be one partner's.

    Args:
        folder: Where; made if it is not there.
        population: What is listed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for first in range(0, population.listing_count, _PACKED_ROWS):
            count = min(_PACKED_ROWS, population.listing_count - first)
            columns = columns_of(
                population.token_numbers(first, count),
                np.arange(first, first + count, dtype=np.uint64),
                population.day,
            )
            for name, column in columns.items():
                if name not in files:
                    files[name] = stack.enter_context((folder / f"{name}.bin").open("wb"))
                files[name].write(column)
    manifest = {"format": FORMAT, "rows": population.listing_count, "epoch": FIRST_EPOCH}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def main() -> None:
    """Writes as many listings as are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.listings", description=__doc__)
    parser.add_argument("count", type=int, help="how many")
    parser.add_argument("folder", type=Path, help="where their packed columns go")
    arguments = parser.parse_args()
    today = shanghai_day(SystemClock().now())
    write_packed(arguments.folder, Population(arguments.count, today))


def _pack(header: RowsHeader, columns: dict[str, bytes]) -> PackedFrame:
    no_rows, no_ids = np.zeros(0, "<u4"), np.zeros(0, "<u8")
    return PackedFrame(header, columns, pair_rows=no_rows, pair_ids=no_ids)


def _repeated(value: int, count: int) -> bytes:
    return bytes([value]) * count


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scrambles numbers one to one, after the SplitMix64 generator of Steele, Lea and Flood."""
    mixed = numbers * _GOLDEN
    for shift, factor in _MIX:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * factor
    return mixed ^ (mixed >> np.uint64(31))


if __name__ == "__main__":
    main()
