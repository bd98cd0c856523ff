"""RETOKEN rows over a fake channel: what they carry, and what becomes of a row that is refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from partner_sdk import (
    InvalidRequestError,
    NoOpeningEpochError,
    NotAllowedError,
    retoken_rows,
)
from partner_sdk.sources.rows import ParsedRow, Row, parse_row
from rongan_share.v1.contribution_service_pb2 import ContributeResponse
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.reasons import Reason
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import RowOperation
from tests.sdk.doubles import FakeHub, epoch, fake_hub, refusal, trailer
from tests.sdk.test_epochs import NEW, OLD, changing_row, promoted
from tests.sdk.test_streams import end, row


@pytest.fixture(name="hub")
def open_hub() -> Iterator[FakeHub]:
    """Opens a fake hub."""
    with fake_hub() as hub:
        yield hub


def start(hub: FakeHub, *rows: ParsedRow, frame_rows: int = 10) -> Future[Any]:
    """Begins to give rows their next tokens."""
    future = hub.start(lambda: list(hub.client.retoken(retoken_rows(rows), frame_rows=frame_rows)))
    hub.answer("GetTokenEpoch", epoch(opening=True))
    return future


def refused_row(number: int, place: int) -> Any:  # noqa: ANN401 - what a call of grpc ends with
    """Makes the end of a stream for one row."""
    rule = "no live listing of this reference, category and token"
    sent = refusal(
        Reason.ROW_REFUSED, row=str(place), column="reference", rule=rule, frameNumber=str(number)
    )
    return trailer(sent)


def test_row_carries_tokens_and_nothing_else(hub: FakeHub) -> None:
    """Reference, category and both tokens; whatever else the file says of it stays out."""
    future = start(hub, row(2))
    rpc = hub.take_stream("Contribute")
    opening = rpc.take_request().open
    assert (opening.epoch, opening.next_epoch, opening.legal_basis_ref) == (1, 2, "")
    sent = rpc.take_request().frame
    assert (sent.operation, sent.token, sent.next_token) == (b"\4", OLD, NEW)
    assert (sent.reference, sent.category) == (row(2).reference, bytes([row(2).category]))
    named = ("operation", "token", "next_token", "reference", "category")
    for name, width in CONTRIBUTE_COLUMNS:
        assert name in named or getattr(sent, name) == bytes(width)
    rpc.send_response(ContributeResponse(frame_number=1, sequence=5, entry_index=8))
    end(rpc)
    (ack,) = future.result(5)
    assert (ack.epoch, ack.retokened_count, ack.row_count) == (2, 1, 1)
    assert (ack.left_out, ack.sequence, ack.entry_index) == ((), 5, 8)


def test_rows_of_a_file_that_have_a_token() -> None:
    """ADD and AMEND rows have one, each identity once in its record, aliases as contributed."""
    name = Row(
        line=7,
        reference="case 7",
        type="ORG_NAME",
        value="ACME LTD",
        category="E4",
        evidence="AUTHORITY_DETERMINED",
        source_class="COURT",
        legal_basis="PUBLIC_RECORD",
    )
    bare = replace(changing_row("AMEND", 8), canonical=None)
    given = [
        row(3),
        replace(changing_row("AMEND", 3), line=4),
        changing_row("WITHDRAW", 5),
        parse_row(name, packaged_taxonomy()),
        bare,
    ]
    made = list(retoken_rows(given))
    assert [each.line for each in made] == [4, 7, 7]
    assert {each.operation for each in made} == {RowOperation.RETOKEN}
    assert [bool(each.flags) for each in made] == [False, False, True]


def test_refused_rows_are_taken_out_and_named(hub: FakeHub) -> None:
    """The frame goes again under its number without the row; an emptied one is not sent."""
    future = start(hub, *map(row, range(2, 9)), frame_rows=3)
    rpc = hub.take_stream("Contribute")
    first = [rpc.take_request().frame for _ in range(3)][1:]
    rpc.terminate(*refused_row(1, 1))
    rpc = hub.take_stream("Contribute")
    again = [rpc.take_request().frame for _ in range(3)][1:]
    assert [each.frame_number for each in again] == [1, 2]
    assert again[1] == first[1]
    assert again[0].reference == first[0].reference[:16] + first[0].reference[32:]
    assert len(again[0].next_token) == 32
    rpc.send_response(ContributeResponse(frame_number=1, sequence=5))
    third = rpc.take_request().frame
    assert len(third.operation) == 1
    rpc.terminate(*refused_row(3, 0))
    rpc = hub.take_stream("Contribute")
    rpc.take_request()
    assert rpc.take_request().frame.frame_number == 2
    rpc.send_response(ContributeResponse(frame_number=2, sequence=6))
    end(rpc)
    acks = future.result(5)
    assert [(ack.retokened_count, ack.row_count, ack.sequence) for ack in acks] == [
        (2, 3, 5),
        (3, 3, 6),
        (0, 1, 0),
    ]
    assert [each.row.line for ack in acks for each in ack.left_out] == [3, 8]
    assert "no live listing" in acks[0].left_out[0].rule


def test_identity_stands_once_in_a_frame(hub: FakeHub) -> None:
    """A record that is scattered over a file is sent once a frame, and counted as it stands."""
    scattered = [row(2), row(3), replace(row(2), line=4)]
    future = start(hub, *scattered)
    rpc = hub.take_stream("Contribute")
    rpc.take_request()
    assert len(rpc.take_request().frame.operation) == 2
    rpc.send_response(ContributeResponse(frame_number=1, sequence=5))
    end(rpc)
    (ack,) = future.result(5)
    assert (ack.retokened_count, ack.row_count) == (2, 3)


def test_none_is_opening(hub: FakeHub) -> None:
    """Without an epoch that opens nothing is sent."""
    future = hub.start(lambda: list(hub.client.retoken(retoken_rows([row(2)]))))
    hub.answer("GetTokenEpoch", epoch())
    with pytest.raises(NoOpeningEpochError):
        future.result(5)


def test_what_the_client_kept_may_be_of_before(hub: FakeHub) -> None:
    """A client that learned of the epochs before one was opened asks again."""
    kept = hub.start(hub.client.token_epoch)
    hub.answer("GetTokenEpoch", epoch())
    assert kept.result(5).next is None
    future = start(hub, row(2))
    rpc = hub.take_stream("Contribute")
    assert rpc.take_request().open.next_epoch == 2
    rpc.send_response(ContributeResponse(frame_number=1, sequence=5))
    end(rpc)
    assert len(future.result(5)) == 1
    known = hub.client.opening_epoch()
    assert known is not None
    assert known.number == 2


def test_epoch_promoted_meanwhile(hub: FakeHub) -> None:
    """An epoch that opens no more ends it, whatever opens next."""
    future = start(hub, row(2))
    rpc = hub.take_stream("Contribute")
    rpc.terminate(*trailer(refusal(Reason.EPOCH_NOT_OPEN, frameNumber="1")))
    fresh = promoted()
    fresh.next.CopyFrom(epoch(2, opening=True).next)
    hub.answer("GetTokenEpoch", fresh)
    with pytest.raises(NoOpeningEpochError):
        future.result(5)


def test_partner_without_keys(hub: FakeHub) -> None:
    """Who is not given keys is told why."""
    future = hub.start(lambda: list(hub.client.retoken(retoken_rows([row(2)]))))
    hub.refuse("GetTokenEpoch", refusal(Reason.PARTNER_SUSPENDED))
    with pytest.raises(NotAllowedError):
        future.result(5)


@pytest.mark.parametrize("place", ["7", "", "x"])
def test_refusal_that_names_no_row_is_raised(hub: FakeHub, place: str) -> None:
    """What cannot be taken out is not guessed at."""
    future = start(hub, row(2))
    sent = refusal(Reason.ROW_REFUSED, row=place, column="token", rule="x", frameNumber="1")
    hub.take_stream("Contribute").terminate(*trailer(sent))
    with pytest.raises(InvalidRequestError):
        future.result(5)


@pytest.mark.parametrize("frame_rows", [0, 16_385])
def test_frame_size_is_bounded(hub: FakeHub, frame_rows: int) -> None:
    """A frame holds 1 to 16,384 rows."""
    with pytest.raises(MalformedError):
        hub.client.retoken([], frame_rows=frame_rows)
