"""Requests as partners make them, and refusals as both ends see them."""

from __future__ import annotations

import hashlib
import itertools
import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message

from rongan_share.audit.entry import Entry, parse_entry
from rongan_share.ledger.entries import get_frontier, list_entries
from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    Evidence,
    IdentifierType,
    LegalBasis,
    Purpose,
    RowOperation,
    SourceClass,
    Suite,
)
from tests.support.clock import FakeClock
from tests.support.hub import HubUnderTest, Stubs, refusal

TIMEOUT = 20.0
"""Seconds after which a call of a test is lost."""

Rpc = Callable[..., Any]
"""A method of a stub."""

Answer = Any
"""What an RPC answers; tests know which."""

LISTED, NOT_LISTED, NOT_ENTITLED = 1, 2, 3

_numbers = itertools.count(1)
_acknowledged: dict[bytes, int] = {}
"""The last sequence that a test was told, by the address of its hub."""


class Refused(NamedTuple):
    """What a caller is told."""

    code: str
    reason: str
    metadata: dict[str, str]

    def of_stream(self) -> Refused:
        """Leaves the frame out: the stream may have been ended before its frame came."""
        metadata = {key: text for key, text in self.metadata.items() if key != "frameNumber"}
        return self._replace(metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a contribution, a good one of E4 by default."""

    token: bytes
    operation: int = RowOperation.ADD
    reference: bytes = b"a reference here"
    type: int = IdentifierType.PASSPORT
    flags: int = 0
    category: int | str = "E4"
    severity: int = 3
    evidence: int = Evidence.AUTHORITY_DETERMINED
    source_class: int = SourceClass.INTL_LIST
    original_source: int = 0
    legal_basis: int = LegalBasis.PUBLIC_RECORD
    event_day: int = 0
    expiry_day: int = 0

    def cell(self, name: str, width: int) -> bytes:
        """Returns one value as its column holds it."""
        value = getattr(self, name)
        if name == "category" and isinstance(value, str):
            value = packaged_taxonomy().by_code(value).bit
        return value if isinstance(value, bytes) else int(value).to_bytes(width, "little")


def fresh() -> bytes:
    """Returns sixteen bytes that no test of this run has had before."""
    return token(f"fresh {next(_numbers)}")


def token(text: str) -> bytes:
    """Returns a token, always the same one for a text."""
    return hashlib.sha256(text.encode()).digest()[:16]


def withdrawal(row_token: bytes, reference: bytes, category: int | str = "E4") -> Row:
    """Makes a WITHDRAW row."""
    return Row(
        operation=RowOperation.WITHDRAW,
        token=row_token,
        reference=reference,
        category=category,
        severity=0,
        evidence=0,
        source_class=0,
        legal_basis=0,
        type=0 if row_token == bytes(16) else IdentifierType.PASSPORT,
    )


def contribute_open(stream_id: bytes, **terms: object) -> contribution_pb.ContributeRequest:
    """Makes the first message of Contribute."""
    opening: dict[str, Any] = {"stream_id": stream_id, "suite": Suite.HMAC_SHA256, "epoch": 1}
    opening |= terms
    return contribution_pb.ContributeRequest(open=contribution_pb.ContributeOpen(**opening))


def contribute_frame(
    number: int, rows: Sequence[Row], **columns: bytes
) -> contribution_pb.ContributeRequest:
    """Makes a frame of rows; whole columns may be overridden."""
    made = {
        name: b"".join(row.cell(name, width) for row in rows)
        for name, width in CONTRIBUTE_COLUMNS
        if name != "next_token"
    }
    frame = contribution_pb.ContributeFrame(frame_number=number, **(made | columns))
    return contribution_pb.ContributeRequest(frame=frame)


def contribute(
    partner: Stubs, *frames: Sequence[Row], stream_id: bytes | None = None, first: int = 1
) -> list[contribution_pb.ContributeResponse]:
    """Sends frames of rows in one stream and returns what acknowledges them."""
    messages = [contribute_open(stream_id or fresh())]
    messages += [contribute_frame(number, rows) for number, rows in enumerate(frames, first)]
    return send_frames(partner, *messages)


def send_frames(
    partner: Stubs, *messages: contribution_pb.ContributeRequest
) -> list[contribution_pb.ContributeResponse]:
    """Sends messages of Contribute as they are."""
    answers = list(partner.contributions.Contribute(iter(messages), timeout=TIMEOUT))
    latest = max((answer.sequence for answer in answers), default=0)
    address = _address(partner)
    _acknowledged[address] = max(latest, _acknowledged.get(address, 0))
    return answers


def question(*tokens: bytes, **terms: object) -> verdict_pb.CheckSubjectRequest:
    """Makes a CheckSubject request."""
    asked = _terms() | {"request_id": fresh(), "tokens": b"".join(tokens), **terms}
    return verdict_pb.CheckSubjectRequest(**asked)


def check(partner: Stubs, *tokens: bytes, **terms: object) -> verdict_pb.CheckSubjectResponse:
    """Asks about one subject, and waits for what was contributed before."""
    terms = {"at_least_sequence": _acknowledged.get(_address(partner), 0)} | terms
    return partner.verdicts.CheckSubject(question(*tokens, **terms), timeout=TIMEOUT)


def verdict_open(**terms: object) -> verdict_pb.StreamVerdictsRequest:
    """Makes the first message of StreamVerdicts."""
    asked = _terms() | {"batch_id": fresh(), **terms}
    return verdict_pb.StreamVerdictsRequest(open=verdict_pb.VerdictOpen(**asked))


def verdict_frame(number: int, tokens: bytes, **columns: bytes) -> verdict_pb.StreamVerdictsRequest:
    """Makes a frame of tokens."""
    frame = verdict_pb.VerdictFrame(frame_number=number, tokens=tokens, **columns)
    return verdict_pb.StreamVerdictsRequest(frame=frame)


def stream(
    partner: Stubs, *frames: bytes, first: int = 1, **terms: object
) -> list[verdict_pb.StreamVerdictsResponse]:
    """Asks about frames of tokens in one stream, and waits for what was contributed before."""
    terms = {"at_least_sequence": _acknowledged.get(_address(partner), 0)} | terms
    messages = [verdict_open(**terms)]
    messages += [verdict_frame(number, tokens) for number, tokens in enumerate(frames, first)]
    return ask_stream(partner, *messages)


def ask_stream(
    partner: Stubs, *messages: verdict_pb.StreamVerdictsRequest
) -> list[verdict_pb.StreamVerdictsResponse]:
    """Sends messages as they are."""
    return list(partner.verdicts.StreamVerdicts(iter(messages), timeout=TIMEOUT))


class OpenStream:
    """A stream that a test feeds message by message."""

    def __init__(self, rpc: Rpc) -> None:
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._call = rpc(iter(self._messages.get, None), timeout=TIMEOUT)

    def send(self, *messages: Message) -> Answer:
        """Sends messages and returns the next answer."""
        for message in messages:
            self._messages.put(message)
        return next(self._call)

    def close(self) -> None:
        """Ends the requests."""
        self._messages.put(None)

    def await_end(self) -> None:
        """Waits until the hub has ended the stream, too."""
        for _ in self._call:
            pass


@contextmanager
def opened(rpc: Rpc) -> Iterator[OpenStream]:
    """Opens a stream for a block."""
    fed = OpenStream(rpc)
    try:
        yield fed
    finally:
        fed.close()


def log_size(hub: HubUnderTest) -> int:
    """Counts the entries of the audit log."""
    with hub.hub.ledger.read() as txn:
        return get_frontier(txn).size


def entries_from(hub: HubUnderTest, start: int) -> list[Entry]:
    """Reads the audit log from an index on."""
    with hub.hub.ledger.read() as txn:
        return [parse_entry(raw) for _, raw in list_entries(txn, start)]


def refused(
    hub: HubUnderTest, call: Callable[[], Any], *, by: str | None = None, still: bool = False
) -> Refused:
    """Makes a call that must be refused, and checks the entry that the refusal left.

    A faked clock moves on by a second first, so that each refusal gets an entry of its own.

    Args:
        hub: The hub.
        call: Makes the call.
        by: Whom the entry must name; anyone by default.
        still: Leaves a faked clock alone.
    """
    if isinstance(hub.clock, FakeClock) and not still:
        hub.clock.advance(timedelta(seconds=1))
    before = log_size(hub)
    with pytest.raises(grpc.RpcError) as caught:
        call()
    told = Refused(*refusal(caught.value))
    # Refusals that were only counted before may be entered meanwhile; this one stands by itself.
    entered = [
        entry
        for entry in entries_from(hub, before)
        if (entry.kind, entry.decision, _said(entry), entry.counts)
        == ("REFUSAL", told.reason, told.metadata, {"refused": 1})
    ]
    assert len(entered) == 1, "exactly one entry of its own"
    assert by is None or entered[0].caller_id == by
    return told


def _said(entry: Entry) -> dict[str, str]:
    """Gives what an entry says of a refusal, without the call id."""
    facts = dict(entry.facts)
    facts.pop("callId", None)
    return facts


def set_clock(hub: HubUnderTest, instant: datetime) -> None:
    """Sets a faked clock."""
    assert isinstance(hub.clock, FakeClock)
    hub.clock.advance(instant - hub.clock.now())


def advance(hub: HubUnderTest, **delta: float) -> None:
    """Moves a faked clock on."""
    assert isinstance(hub.clock, FakeClock)
    hub.clock.advance(timedelta(**delta))


def _address(partner: Stubs) -> bytes:
    channel: Any = partner.channel
    address: bytes = channel._channel.target()
    return address


def _terms() -> dict[str, Any]:
    return {
        "purpose": Purpose.SANCTIONS,
        "channel": Channel.OUTLET,
        "suite": Suite.HMAC_SHA256,
        "epoch": 1,
        "detail_level": DetailLevel.PROVENANCE,
    }
