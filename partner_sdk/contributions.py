"""From parsed rows to frames: aliases added, doubles within a record dropped, columns filled.

The same rows with the same frame size give the same frames, always: that is what makes an upload
resumable.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from rongan_share.v1.contribution_service_pb2 import ContributeFrame
from rongan_share.wire.frames import MAX_FRAME_ROWS, TOKEN_BYTES
from rongan_share.wire.identifiers import Grade
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.vocabulary import RowFlag, RowOperation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from partner_sdk.sources.rows import ParsedRow
    from partner_sdk.verdicts import QuotaLeft
    from rongan_share.wire.identifiers import Canonical

FRAME_ROWS = 10_000
"""Rows of a frame unless the caller says otherwise."""

_NO_TOKEN = bytes(TOKEN_BYTES)
_BOTH_TOKENS = (RowOperation.ADD, RowOperation.RETOKEN)


@dataclass(frozen=True, slots=True)
class RowFrame:
    """Rows that will travel in one frame, not yet turned into tokens.

    Attributes:
        rows: 1 to 16,384 rows.
    """

    rows: tuple[ParsedRow, ...]

    def encode(
        self,
        number: int,
        token_of: Callable[[Canonical], bytes],
        next_token_of: Callable[[Canonical], bytes] | None = None,
    ) -> ContributeFrame:
        """Fills the columns of the wire.

        Args:
            number: Frame number, from 1.
            token_of: Makes a token of the current epoch.
            next_token_of: Makes a token of the epoch that is opening; None = there is none.
        """
        rows = self.rows
        count = len(rows)
        return ContributeFrame(
            frame_number=number,
            operation=bytes(row.operation for row in rows),
            reference=b"".join(row.reference for row in rows),
            type=bytes(_type(row) for row in rows),
            token=b"".join(token_of(row.canonical) if row.canonical else _NO_TOKEN for row in rows),
            next_token=_next_tokens(rows, next_token_of) if next_token_of else b"",
            flags=bytes(_flags(row) for row in rows),
            category=bytes(row.category for row in rows),
            severity=bytes(row.severity for row in rows),
            evidence=bytes(row.evidence for row in rows),
            source_class=bytes(row.source_class for row in rows),
            original_source=struct.pack(f"<{count}Q", *(row.original_source for row in rows)),
            legal_basis=bytes(row.legal_basis for row in rows),
            event_day=struct.pack(f"<{count}H", *(row.event_day for row in rows)),
            expiry_day=struct.pack(f"<{count}H", *(row.expiry_day for row in rows)),
        )


def _next_tokens(rows: Iterable[ParsedRow], token_of: Callable[[Canonical], bytes]) -> bytes:
    # What changes a listing names it by one token and acts under both.
    return b"".join(
        token_of(row.canonical) if row.canonical and row.operation in _BOTH_TOKENS else _NO_TOKEN
        for row in rows
    )


def _type(row: ParsedRow) -> int:
    if row.canonical is None or row.operation is RowOperation.RETOKEN:
        return 0
    return row.canonical.type


def _flags(row: ParsedRow) -> int:
    # A RETOKEN row says nothing but tokens; its flags only tell us which rows are aliases.
    return 0 if row.operation is RowOperation.RETOKEN else row.flags


@dataclass(slots=True)
class FrameCounts:
    """What became of rows on their way into frames.

    Attributes:
        duplicates: Rows of a record that repeat another and were dropped.
        aliases: Rows added for aliases.
    """

    duplicates: int = 0
    aliases: int = 0


@dataclass(frozen=True, slots=True)
class Ack:
    """A frame is durable at the hub.

    Attributes:
        frame_number: The frame.
        sequence: The hub-wide number it was accepted under.
        added_count: Rows that made a new listing.
        amended_count: Listings whose values were replaced.
        withdrawn_count: Listings that were withdrawn.
        unchanged_count: Rows equal to a live listing.
        repeated: The hub had it already, from a try whose acknowledgement was lost; the counts
            are zero.
        row_count: Rows of the frame, aliases included.
        quota_left: What the agreement still allows.
        entry_index: Place of the entry in the hub's audit log.
    """

    frame_number: int
    sequence: int
    added_count: int
    amended_count: int
    withdrawn_count: int
    unchanged_count: int
    repeated: bool
    row_count: int
    quota_left: QuotaLeft
    entry_index: int


@dataclass(frozen=True, slots=True)
class ContributionState:
    """How far a stream of contributions came.

    Attributes:
        frame_number: The highest durable frame; 0 = the stream is new.
        sequence: Its sequence; 0 = none.
        entry_index: Place of its entry in the hub's audit log.
    """

    frame_number: int
    sequence: int
    entry_index: int


def frames_of_rows(
    rows: Iterable[ParsedRow], *, frame_rows: int = FRAME_ROWS, counts: FrameCounts | None = None
) -> Iterator[RowFrame]:
    """Cuts rows into frames, in order, with the aliases of their identifiers.

    Rows of one reference that follow each other are one record. Within it a repeated row is sent
    once, and an alias that is there already is not added: the hub refuses a frame that names an
    identity twice.

    Args:
        rows: Parsed rows.
        frame_rows: Rows of a frame, 1 to 16,384, aliases included.
        counts: Where to count what was dropped and added.

    Raises:
        MalformedError: `frame_rows` is out of range.
    """
    if not 1 <= frame_rows <= MAX_FRAME_ROWS:
        raise MalformedError("frame_rows", f"1 to {MAX_FRAME_ROWS}")
    waiting: list[ParsedRow] = []
    for _, record in groupby(rows, key=attrgetter("reference")):
        waiting.extend(with_aliases(record, counts or FrameCounts()))
        while len(waiting) >= frame_rows:
            yield RowFrame(tuple(waiting[:frame_rows]))
            del waiting[:frame_rows]
    if waiting:
        yield RowFrame(tuple(waiting))


def with_aliases(record: Iterable[ParsedRow], counts: FrameCounts) -> Iterator[ParsedRow]:
    """Yields a record's rows without repetitions, then the aliases that none of them is.

    Args:
        record: Rows of one reference.
        counts: Where to count what was dropped and added.
    """
    # Rows alike in all but their line are one; rows that contradict each other are the hub's to
    # refuse.
    given = list(record)
    rows = list({replace(row, line=0): row for row in given}.values())
    counts.duplicates += len(given) - len(rows)
    seen = {_identity(row) for row in rows}
    yield from rows
    for row in rows:
        for alias in row.aliases:
            other = replace(row, canonical=alias, aliases=(), flags=_alias_flags(row, alias))
            if _identity(other) not in seen:
                seen.add(_identity(other))
                counts.aliases += 1
                yield other


def _alias_flags(row: ParsedRow, alias: Canonical) -> RowFlag:
    # WITHDRAW rows carry no flags.
    if row.operation is RowOperation.WITHDRAW:
        return row.flags
    if row.operation is RowOperation.RETOKEN:
        return RowFlag.ALIAS
    doubtful = RowFlag.SUSPECT if alias.grade is Grade.SUSPECT else RowFlag(0)
    weak = RowFlag.WEAK if alias.weak else RowFlag(0)
    return row.flags | RowFlag.ALIAS | doubtful | weak


def _identity(row: ParsedRow) -> tuple[int, str]:
    return row.category, row.canonical.text if row.canonical else ""
