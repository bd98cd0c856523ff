"""Every number that docs/protocol.md shows in a block is what the code makes of its example."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from google.protobuf.message import Message

from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.wire.canonical import commitment, encode_bytes, encode_message
from rongan_share.wire.frames import SUMMARY
from rongan_share.wire.vocabulary import Suite
from tests.foreign.example import (
    CANONICALS,
    GRANTED_TYPES,
    NONCE,
    check_question,
    contribution,
    stream_question,
    token_of,
)
from tests.support.hub import running_hub
from tests.support.processes import ROOT

PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
FLAGS = re.MULTILINE | re.DOTALL
BLOCK = re.compile(r"^```(token|columns|canonical|commitment) (\w+)\n(.*?)^```$", FLAGS)
WIDTHS = {
    "category_bits": 8,
    "source_class_bits": 2,
    "severity": 1,
    "confidence": 1,
    "source_count": 1,
    "expiry_day": 2,
    "flags": 1,
}


class Exchange(NamedTuple):
    """The example as a hub carried it out."""

    answer: verdict_pb.StreamVerdictsResponse
    request_commitment: bytes
    answer_commitment: bytes


def blocks(kind: str) -> dict[str, str]:
    """Finds the blocks of a kind by name."""
    return {name: text for found, name, text in BLOCK.findall(PAGE) if found == kind}


def hexadecimal(text: str) -> bytes:
    """Reads lines of hexadecimal digits; behind two spaces stands a remark."""
    lines = (line.strip().partition("  ")[0] for line in text.splitlines())
    return b"".join(bytes.fromhex(digits) for digits in lines)


def columns(text: str) -> dict[str, bytes]:
    """Reads columns: a name before the first line of each."""
    read: defaultdict[str, bytes] = defaultdict(bytes)
    name = ""
    for line in text.splitlines():
        label, digits = re.fullmatch(r"(\w*) +(.*)", line).groups()  # type: ignore[union-attr]
        name = label or name
        read[name] += hexadecimal(digits)
    return dict(read)


def bytes_fields(message: Message) -> dict[str, bytes]:
    """Gives the columns of a message that hold anything, but the nonce."""
    names = [field.name for field in message.DESCRIPTOR.fields if field.name != "nonce"]
    values = {name: getattr(message, name) for name in names}
    return {name: value for name, value in values.items() if value and isinstance(value, bytes)}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """Carries the example out on a new hub."""
    with running_hub(tmp_path_factory.mktemp("page") / "home") as hub:
        giver = hub.partner("giver")
        bits = sum(1 << int(each) for each in GRANTED_TYPES)
        asker = hub.partner("asker", identifier_type_bits=bits)
        opening, rows = contribution()
        given = (
            contribution_pb.ContributeRequest(open=opening),
            contribution_pb.ContributeRequest(frame=rows),
        )
        (acknowledged,) = giver.contributions.Contribute(iter(given))
        assert (acknowledged.sequence, acknowledged.added_count) == (1, 3)
        terms, frame = stream_question()
        asked = (
            verdict_pb.StreamVerdictsRequest(open=terms),
            verdict_pb.StreamVerdictsRequest(frame=frame),
        )
        (answer,) = asker.verdicts.StreamVerdicts(iter(asked))
        entry = hub.entries()[answer.entry_index]
        yield Exchange(answer, entry.request_commitment, entry.answer_commitment)


def streamed_question() -> bytes:
    """Writes the question of the stream as canonical bytes."""
    opening, frame = stream_question()
    assert (len(encode_message(opening)), len(encode_message(frame))) == (134, 133)
    return encode_bytes(1, encode_message(opening)) + encode_bytes(2, encode_message(frame))


def test_tokens() -> None:
    """The tokens of both suites."""
    shown = blocks("token")
    assert set(shown) == {suite.name for suite in Suite}
    for suite in Suite:
        lines = [line.split("  ", 1) for line in shown[suite.name].splitlines()]
        assert [text for _, text in lines] == list(CANONICALS)
        assert [token for token, _ in lines] == [token_of(suite, text).hex() for _, text in lines]


def test_columns(exchange: Exchange) -> None:
    """The columns of both frames, and of what a hub answers to them."""
    shown = {name: columns(text) for name, text in blocks("columns").items()}
    _, rows = contribution()
    _, frame = stream_question()
    assert shown.pop("ContributeFrame") == bytes_fields(rows)
    assert shown.pop("VerdictFrame") == bytes_fields(frame)
    assert shown.pop("StreamVerdictsResponse") == bytes_fields(exchange.answer)
    summary = shown.pop("Summary")
    assert {name: len(value) for name, value in summary.items()} == WIDTHS
    assert b"".join(summary.values()) == exchange.answer.listed_summary[-SUMMARY.size :]
    assert shown == {}
    answer = exchange.answer
    assert (answer.token_count, answer.not_listed_count) == (5, 1)


def test_canonical_bytes(exchange: Exchange) -> None:
    """The canonical bytes of a question, and of a hub's answer."""
    shown = {name: hexadecimal(text) for name, text in blocks("canonical").items()}
    answer = encode_message(exchange.answer, skip=("quota_left", "entry_index", "nonce"))
    expected = {
        "CheckSubjectRequest": encode_message(check_question()),
        "StreamVerdictsResponse": answer,
    }
    assert shown == expected


def test_commitments(exchange: Exchange) -> None:
    """The commitments under the example's nonce; under the hub's own they stand in its log."""
    shown = {name: hexadecimal(text) for name, text in blocks("commitment").items()}
    answer = hexadecimal(blocks("canonical")["StreamVerdictsResponse"])
    assert shown == {
        "CheckSubjectRequest": commitment(NONCE, encode_message(check_question())),
        "StreamVerdictsRequest": commitment(NONCE, streamed_question()),
        "StreamVerdictsResponse": commitment(NONCE, answer),
    }
    nonce = exchange.answer.nonce
    assert exchange.request_commitment == commitment(nonce, streamed_question())
    assert exchange.answer_commitment == commitment(nonce, answer)


def test_page_is_found_from_the_others() -> None:
    """The index and the README lead to the page."""
    for page in (Path("docs") / "index.md", Path("README.md")):
        assert "protocol.md" in (ROOT / page).read_text(encoding="utf-8")
