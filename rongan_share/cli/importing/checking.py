"""Judging blocks: by the rules of Contribute, then against what lives; tokens enciphered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from rongan_share.cli.importing.blocks import Faults
from rongan_share.services.import_rows import ImportRows, compare_with_live, find_broken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rongan_share.cli.importing.blocks import Block
    from rongan_share.columns.snapshot import Snapshot
    from rongan_share.ledger.cipher import TokenCipher
    from rongan_share.services.row_terms import RowTerms

    Blind = Callable[[Sequence[bytes]], bytes]


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What blocks are judged by, the same for all.

    Attributes:
        terms: Whose rows they are, and what may be contributed.
        consent_named: Whether a legal basis' reference was given.
        cipher: The hub's key over tokens.
        blind: Makes the digest that is kept of what was read.
        snapshot: Look-ups that know every frame of the partner; None if it has no listings.
    """

    terms: RowTerms
    consent_named: bool
    cipher: TokenCipher
    blind: Blind
    snapshot: Snapshot | None


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A block that was judged.

    Attributes:
        end_row: Row of the file behind its last.
        columns: Of the rows that are new, tokens enciphered.
        rows: Row of the file that each of those is.
        faults: What is wrong with it; then what remains of it is not used.
        digest: Of what was read, 32 bytes.
    """

    end_row: int
    columns: dict[str, NDArray[Any]]
    rows: NDArray[np.int64]
    faults: Faults
    digest: bytes


def judge(bench: Bench, block: Block, *, from_row: int = 0) -> Judged:
    """Judges a block.

    Args:
        bench: What it is judged by.
        block: The rows.
        from_row: Rows of the file before it were judged and staged already.
    """
    faults = Faults()
    faults.add(block.faults.first, total=block.faults.total)
    columns = block.columns
    rows = ImportRows(columns=columns, consent_named=bench.consent_named)
    rules = find_broken(bench.terms, rows)
    enciphered = np.frombuffer(bench.cipher.encipher(columns["token"].tobytes()), "S16")
    numbers = np.arange(block.first_row, block.first_row + block.row_count)
    new = numbers >= from_row
    if bench.snapshot is not None:
        unchanged, differing = compare_with_live(
            bench.terms, rows, bench.snapshot, enciphered=enciphered
        )
        new &= ~unchanged
        rules += differing
    for column, rule, broken in rules:
        # What could not be read was told already.
        shown = broken if block.unread is None else broken & ~block.unread
        faults.mark(block.first_row, column, rule, broken=shown)
    columns = columns | {"token": enciphered}
    if not new.all():
        columns = {name: column[new] for name, column in columns.items()}
        numbers = numbers[new]
    return Judged(
        end_row=block.first_row + block.row_count,
        columns=columns,
        rows=numbers,
        faults=faults,
        digest=digest_of(bench.blind, block),
    )


def digest_of(blind: Blind, block: Block) -> bytes:
    """Makes the digest of a block as it was read."""
    names = sorted(block.columns)
    return blind([block.columns[name].tobytes() for name in names])


def chained(blind: Blind, content: bytes, digest: bytes) -> bytes:
    """Makes the digest of a file up to the end of a block from that up to its beginning."""
    return blind([content, digest])
