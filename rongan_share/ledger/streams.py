"""Positions of contribution streams, and what was asked before: what makes a resend harmless."""

from __future__ import annotations

import struct
from typing import NamedTuple

import msgspec

from rongan_share.ledger.environment import Table, Transaction

FRAME_MEMORY_NS = 30 * 86_400 * 1_000_000_000
"""How long digest and sequence of a contribution frame are kept; the highest number for ever."""

REPEAT_MEMORY_NS = 86_400 * 1_000_000_000
"""How long a question is known again."""

_FRAME = struct.Struct("<32sQQQ")
_REPEAT = struct.Struct("<32sQB")
_LAYOUTS = {Table.FRAMES: _FRAME, Table.REPEATS: _REPEAT}


class StreamKey(NamedTuple):
    """Names a partner's stream of contributions, or a batch or call of questions.

    Attributes:
        partner_number: The partner.
        stream_id: 16 bytes that the partner made.
    """

    partner_number: int
    stream_id: bytes


class KeptFrame(msgspec.Struct, frozen=True):
    """A contribution frame that is durable.

    Attributes:
        digest: Keyed BLAKE2b, under a key derived from the hub key, of the frame's canonical
            request less its number and the stream's id (`SideKeys.blind`), 32 bytes.
        sequence: The sequence it was accepted under.
        entry_index: Place of its entry in the audit log.
        time_ns: When it was accepted.
    """

    digest: bytes
    sequence: int
    entry_index: int
    time_ns: int


class Repeat(msgspec.Struct, frozen=True):
    """A question that was answered before.

    Attributes:
        digest: Keyed BLAKE2b, likewise, of its canonical request less its ids.
        time_ns: When it was first answered.
        uncharged_count: How often it was answered again without charge.
    """

    digest: bytes
    time_ns: int
    uncharged_count: int


def get_highest_frame(txn: Transaction, stream: StreamKey) -> int:
    """Returns the highest durable frame number of a stream; 0 for a new stream."""
    payload = txn.get(Table.STREAMS, _stream_key(stream))
    return int.from_bytes(payload or b"", "little")


def put_highest_frame(txn: Transaction, stream: StreamKey, number: int) -> None:
    """Records the highest durable frame number of a stream."""
    txn.put(Table.STREAMS, _stream_key(stream), number.to_bytes(8, "little"))


def find_frame(txn: Transaction, stream: StreamKey, number: int) -> KeptFrame | None:
    """Returns what is known of a frame, or None if nothing is (any more)."""
    payload = txn.get(Table.FRAMES, _numbered_key(stream, number))
    return None if payload is None else KeptFrame(*_FRAME.unpack(payload))


def put_frame(txn: Transaction, stream: StreamKey, number: int, *, frame: KeptFrame) -> None:
    """Records a durable frame."""
    payload = _FRAME.pack(frame.digest, frame.sequence, frame.entry_index, frame.time_ns)
    txn.put(Table.FRAMES, _numbered_key(stream, number), payload)


def find_repeat(txn: Transaction, stream: StreamKey, number: int) -> Repeat | None:
    """Returns what is known of a question, or None."""
    payload = txn.get(Table.REPEATS, _numbered_key(stream, number))
    return None if payload is None else Repeat(*_REPEAT.unpack(payload))


def put_repeat(txn: Transaction, stream: StreamKey, number: int, *, repeat: Repeat) -> None:
    """Records a question."""
    payload = _REPEAT.pack(repeat.digest, repeat.time_ns, repeat.uncharged_count)
    txn.put(Table.REPEATS, _numbered_key(stream, number), payload)


class Claim(msgspec.Struct, frozen=True):
    """A question that wants to be remembered, provided that nothing else was meanwhile.

    Attributes:
        stream: Its batch or call.
        number: Its number in it.
        seen: What it was decided on; None for a question that was never asked.
        kept: What is remembered; a time of 0 stands for that of the commit.
    """

    stream: StreamKey
    number: int
    seen: Repeat | None
    kept: Repeat


def is_unmoved(txn: Transaction, claim: Claim) -> bool:
    """Tells whether a question stands as it was decided on."""
    return find_repeat(txn, claim.stream, claim.number) == claim.seen


def put_claim(txn: Transaction, claim: Claim, time_ns: int) -> bool:
    """Remembers a question; returns False, and writes nothing, if it was decided on less.

    Args:
        txn: The commit's transaction.
        claim: The question.
        time_ns: The commit's instant.
    """
    kept = claim.kept
    payload = _REPEAT.pack(kept.digest, kept.time_ns or time_ns, kept.uncharged_count)
    key = _numbered_key(claim.stream, claim.number)
    if claim.seen is None:
        return txn.put_new(Table.REPEATS, key, payload)
    if not is_unmoved(txn, claim):
        return False
    txn.put(Table.REPEATS, key, payload)
    return True


def list_outdated(
    txn: Transaction, table: Table, before_ns: int, *, start: bytes, limit: int
) -> tuple[list[bytes], bytes]:
    """Looks through at most `limit` frames or questions for those older than an instant.

    Returns:
        The keys of the old ones, and the key to go on from; empty at the end of the table.
    """
    outdated: list[bytes] = []
    for count, (key, payload) in enumerate(txn.scan(table, start)):
        if count == limit:
            return outdated, key
        kind = KeptFrame if table is Table.FRAMES else Repeat
        time_ns = kind(*_LAYOUTS[table].unpack(payload)).time_ns
        if time_ns < before_ns:
            outdated.append(key)
    return outdated, b""


def _stream_key(stream: StreamKey) -> bytes:
    return stream.partner_number.to_bytes(4, "big") + stream.stream_id


def _numbered_key(stream: StreamKey, number: int) -> bytes:
    return _stream_key(stream) + number.to_bytes(8, "big")
