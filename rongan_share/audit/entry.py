"""What one entry says, as canonical bytes that open with a version byte.

An entry never holds a token. It binds question and answer by commitments whose nonce lies beside
the log.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

import msgspec

from rongan_share.wire.canonical import encode_bytes, encode_integer

ENTRY_VERSION = 1
"""First byte of every entry written now."""

GRANTED = "GRANTED"
"""Decision of an entry that is no refusal; refusals name their reason."""

_VERSION = bytes([ENTRY_VERSION])
_CACHED_NAMES = 256
_HEADER = struct.Struct("<HI")
_INTEGER_BYTES = 8


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry.

    Attributes:
        time_ns: The commit's instant, nanoseconds since 1970-01-01 UTC.
        kind: Class of the entry, by which it is kept: what the route table calls its audit kind.
        method: RPC, or `hub/start` and the like for what the hub itself notes.
        caller_kind: `partner`, `operator` or `hub`; empty if the certificate could not be read.
        caller_id: Its id.
        serial_hex: Serial number of the certificate.
        agreement_version: Version that ruled; 0 none.
        purpose: Number of the purpose; 0 none.
        origin: Canonical bytes of the partner's Origin message.
        counts: How many of what, by name.
        snapshot_sequence: Look-ups knew every change up to it.
        decision: GRANTED or the reason of a refusal.
        disclosure_digest: SHA-256 over the listing ids shown; empty for none.
        request_commitment: SHA-256(nonce || canonical request).
        answer_commitment: SHA-256(nonce || canonical answer).
        facts: What an operator's act changed, or where a refusal lay, by name.
        duration_us: Microseconds from receipt to commit.
    """

    time_ns: int
    kind: str
    method: str
    decision: str
    caller_kind: str = ""
    caller_id: str = ""
    serial_hex: str = ""
    agreement_version: int = 0
    purpose: int = 0
    origin: bytes = b""
    counts: Mapping[str, int] = MappingProxyType({})
    snapshot_sequence: int = 0
    disclosure_digest: bytes = b""
    request_commitment: bytes = b""
    answer_commitment: bytes = b""
    facts: Mapping[str, str] = MappingProxyType({})
    duration_us: int = 0

    def encode(self) -> bytes:
        """Returns the entry's canonical bytes."""
        counts = b"".join(
            [
                _encode_name(name) + encode_integer(2, count)
                for name, count in sorted(self.counts.items())
            ]
        )
        facts = b"".join(
            [
                _encode_name(name) + encode_bytes(2, text.encode())
                for name, text in sorted(self.facts.items())
            ]
        )
        # Written out, not looped over: it is done for every item, inside the commit.
        return b"".join(
            (
                _VERSION,
                encode_integer(1, self.time_ns),
                encode_bytes(2, self.method.encode()),
                encode_bytes(3, self.caller_kind.encode()),
                encode_bytes(4, self.caller_id.encode()),
                encode_bytes(5, self.serial_hex.encode()),
                encode_integer(6, self.agreement_version),
                encode_integer(7, self.purpose),
                encode_bytes(8, self.origin),
                encode_bytes(9, counts),
                encode_integer(10, self.snapshot_sequence),
                encode_bytes(11, self.decision.encode()),
                encode_bytes(12, self.disclosure_digest),
                encode_bytes(13, self.request_commitment),
                encode_bytes(14, self.answer_commitment),
                encode_bytes(15, facts),
                encode_integer(16, self.duration_us),
                encode_bytes(17, self.kind.encode()),
            )
        )


def parse_entry(raw: bytes) -> Entry:
    """Reads an entry.

    Raises:
        ValueError: It is not the canonical form of an entry of a known version.
    """
    if raw[:1] != _VERSION:
        msg = "entry of an unknown version"
        raise ValueError(msg)
    values: dict[str, object] = {"decision": "", "kind": "", "method": "", "time_ns": 0}
    for number, content in _fields(raw, 1):
        if number in _READERS:
            name, read = _READERS[number]
            values[name] = read(content)
    entry = Entry(**values)  # type: ignore[arg-type]  # checked by encoding it again
    if entry.encode() != raw:
        msg = "entry is not in its canonical form"
        raise ValueError(msg)
    return entry


def _read_counts(content: bytes) -> dict[str, int]:
    return {name: _read_integer(count) for name, count in _pairs(content)}


def _read_facts(content: bytes) -> dict[str, str]:
    return {name: text.decode() for name, text in _pairs(content)}


def _read_integer(content: bytes) -> int:
    if len(content) > _INTEGER_BYTES:
        msg = "entry holds an integer that is too long"
        raise ValueError(msg)
    return int.from_bytes(content, "little")


_READERS: dict[int, tuple[str, Callable[[bytes], object]]] = {
    1: ("time_ns", _read_integer),
    2: ("method", bytes.decode),
    3: ("caller_kind", bytes.decode),
    4: ("caller_id", bytes.decode),
    5: ("serial_hex", bytes.decode),
    6: ("agreement_version", _read_integer),
    7: ("purpose", _read_integer),
    8: ("origin", bytes),
    9: ("counts", _read_counts),
    10: ("snapshot_sequence", _read_integer),
    11: ("decision", bytes.decode),
    12: ("disclosure_digest", bytes),
    13: ("request_commitment", bytes),
    14: ("answer_commitment", bytes),
    15: ("facts", _read_facts),
    16: ("duration_us", _read_integer),
    17: ("kind", bytes.decode),
}


@lru_cache(maxsize=_CACHED_NAMES)
def _encode_name(name: str) -> bytes:
    return encode_bytes(1, name.encode())


def _fields(raw: bytes, at: int) -> list[tuple[int, bytes]]:
    fields: list[tuple[int, bytes]] = []
    while at < len(raw):
        try:
            number, length = _HEADER.unpack_from(raw, at)
        except struct.error as error:
            msg = "entry is cut short"
            raise ValueError(msg) from error
        at += _HEADER.size
        fields.append((number, raw[at : at + length]))
        at += length
    return fields


def _pairs(content: bytes) -> list[tuple[str, bytes]]:
    """Reads (name, value) pairs; a value that is empty was left out."""
    pairs: list[tuple[str, bytes]] = []
    for number, value in _fields(content, 0):
        if number == 1:
            pairs.append((value.decode(), b""))
        elif pairs:
            pairs[-1] = (pairs[-1][0], value)
    return pairs
