from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from rongan_share.audit.entry import ENTRY_VERSION, Entry, parse_entry

SEEDED = settings(deadline=None, derandomize=True, database=None, max_examples=200)
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "canonical.json").read_text("utf-8"))

NUMBERS = st.integers(0, 2**64 - 1)
TEXTS = st.text(max_size=20)
NAMES = st.text(min_size=1, max_size=8)
ENTRIES = st.builds(
    Entry,
    time_ns=NUMBERS,
    kind=TEXTS,
    method=TEXTS,
    decision=TEXTS,
    caller_kind=TEXTS,
    caller_id=TEXTS,
    serial_hex=TEXTS,
    agreement_version=NUMBERS,
    purpose=NUMBERS,
    origin=st.binary(max_size=40),
    counts=st.dictionaries(NAMES, NUMBERS, max_size=4),
    snapshot_sequence=NUMBERS,
    disclosure_digest=st.binary(max_size=32),
    request_commitment=st.binary(max_size=32),
    answer_commitment=st.binary(max_size=32),
    facts=st.dictionaries(NAMES, TEXTS, max_size=4),
    duration_us=NUMBERS,
)
SAMPLE = Entry(
    time_ns=1,
    kind="VERDICT",
    method="VerdictService/CheckSubject",
    decision="GRANTED",
    caller_id="bank-1",
    counts={"tokens": 3, "listed": 0},
    facts={"a": "b", "c": ""},
    answer_commitment=b"c" * 32,
)


def part(number: int, content: bytes) -> bytes:
    """Writes one field of an entry by hand."""
    return struct.pack("<HI", number, len(content)) + content


def test_entry_encodes_as_the_second_implementation() -> None:
    """An implementation that shares no code agrees on every byte of an entry."""
    golden = VECTORS["entry"]
    binary = {"origin", "disclosure_digest", "request_commitment", "answer_commitment"}
    values: dict[str, Any] = {
        name: bytes.fromhex(value) if name in binary else value
        for name, value in golden["fields"].items()
    }
    assert set(values) == {field.name for field in fields(Entry)}
    assert Entry(**values).encode().hex() == golden["canonical"]


@SEEDED
@given(entry=ENTRIES)
def test_entry_comes_back_as_it_was(entry: Entry) -> None:
    """What is encoded is read back equal, and encodes to the same bytes."""
    raw = entry.encode()
    assert raw[0] == ENTRY_VERSION
    assert parse_entry(raw) == entry
    assert parse_entry(raw).encode() == raw


@SEEDED
@given(entry=ENTRIES, other=ENTRIES)
def test_different_entries_have_different_bytes(entry: Entry, other: Entry) -> None:
    """No two entries may share their bytes, or a hash would stand for both."""
    assert (entry.encode() == other.encode()) == (entry == other)


def test_order_of_names_does_not_matter() -> None:
    """Counts and facts are mappings: their order in memory must not reach the bytes."""
    one = Entry(time_ns=1, kind="", method="", decision="", counts={"a": 1, "b": 2})
    other = Entry(time_ns=1, kind="", method="", decision="", counts={"b": 2, "a": 1})
    assert one.encode() == other.encode()


def test_every_flipped_byte_is_noticed() -> None:
    """Any changed byte gives a refusal or another entry, never the same one."""
    raw = SAMPLE.encode()
    for at in range(len(raw)):
        for flip in (0x01, 0x20, 0x80, 0xFF):
            broken = raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :]
            try:
                parsed = parse_entry(broken)
            except ValueError:
                continue
            assert parsed != SAMPLE


def test_every_cut_is_refused() -> None:
    """An entry that is cut off reads as an entry nowhere but at a field's end, and then differs."""
    raw = SAMPLE.encode()
    for length in range(len(raw)):
        try:
            parsed = parse_entry(raw[:length])
        except ValueError:
            continue
        assert parsed != SAMPLE


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00",
        b"\x02" + SAMPLE.encode()[1:],
        SAMPLE.encode() + b"\x00",
        SAMPLE.encode() + part(18, b"x"),
        b"\x01" + part(1, b"\x01"),
        b"\x01" + part(1, bytes(8)),
        b"\x01" + part(1, b"\x01" * 9),
        b"\x01" + part(6, b"\xff" * 64),
        b"\x01" + part(2, b"b") + part(1, b"\x01" + bytes(7)),
        b"\x01" + part(2, b"a") + part(2, b"b"),
        b"\x01" + part(2, b"\xff"),
        b"\x01" + part(2, b"\xed\xa0\x80"),
        b"\x01" + part(4, b""),
        b"\x01" + part(9, part(1, b"n") + part(2, b"\x01" * 9)),
        b"\x01" + part(9, part(1, b"b") + part(1, b"a")),
        b"\x01" + part(9, part(2, b"\x01" + bytes(7))),
        b"\x01" + part(9, part(1, b"n") + part(2, b"\x01" + bytes(7)) * 2),
        b"\x01" + part(15, part(1, b"n") + part(2, b"\xff")),
        b"\x01" + part(15, b"\x01"),
        b"\x01" + struct.pack("<HI", 2, 2**32 - 1) + b"a",
    ],
    ids=str,
)
def test_other_spellings_are_refused(raw: bytes) -> None:
    """There is one spelling of each entry; every other one is refused as ValueError."""
    with pytest.raises(ValueError, match=r"entry|codec"):
        parse_entry(raw)


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """Makes bytes that look like an entry further in than random ones do."""
    number = st.integers(0, 20) | st.integers(0, 65_535)
    pairs = st.lists(st.builds(part, st.integers(0, 3), st.binary(max_size=12)), max_size=4).map(
        b"".join
    )
    content = st.binary(max_size=20) | pairs | st.sampled_from([bytes(8), b"\xff" * 9])
    parts = draw(st.lists(st.builds(part, number, content), max_size=6))
    return b"\x01" + b"".join(parts) + draw(st.binary(max_size=3))


@SEEDED
@given(raw=st.binary(max_size=200) | hostile() | st.binary(max_size=60).map(b"\x01".__add__))
def test_hostile_bytes_raise_value_error_alone(raw: bytes) -> None:
    """Whatever stands in the log, a verifier meets an entry or ValueError."""
    try:
        entry = parse_entry(raw)
    except ValueError:
        return
    assert entry.encode() == raw


def test_long_hostile_entry_is_refused_in_time() -> None:
    """A very long entry of tiny fields neither recurses nor grows faster than its length."""
    with pytest.raises(ValueError, match="canonical"):
        parse_entry(b"\x01" + part(9, part(1, b"") * 100_000))
