"""Contributions while an epoch is opening: which rows carry both tokens, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rongan_share.ledger.entries import find_nonce
from rongan_share.ledger.journal import find_frame_at
from rongan_share.v1 import agreement_pb2
from rongan_share.v1 import agreement_service_pb2 as agreement_service_pb
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.canonical import commitment, encode_message
from rongan_share.wire.vocabulary import RowOperation, Suite
from tests.support.hub import AMPLE, HubUnderTest, Stubs
from tests.walk.asking import (
    LISTED,
    Row,
    check,
    contribute,
    contribute_frame,
    contribute_open,
    entries_from,
    fresh,
    log_size,
    refused,
    send_frames,
    withdrawal,
)
from tests.walk.rolling import both_frame, contribute_both, next_of, open_epoch, retoken

OPEN = {"currentEpoch": "1", "currentSuite": "HMAC_SHA256", "frameNumber": "1"}


@pytest.fixture(scope="module")
def old() -> Row:
    """A listing that was there before."""
    return Row(token=fresh(), reference=fresh())


@pytest.fixture(scope="module")
def source(hub: HubUnderTest, old: Row) -> Stubs:
    """An institution that contributes; since then epoch 2 is opening."""
    partner = hub.partner("n-source")
    early = contribute_open(fresh(), next_epoch=2)
    told = refused(hub, lambda: send_frames(partner, early, both_frame(1, [old])))
    assert told == ("FAILED_PRECONDITION", "EPOCH_NOT_OPEN", OPEN)
    told = refused(hub, lambda: contribute(partner, [retoken(old)]))
    assert told.metadata["rule"] == "RETOKEN with open.next_epoch"
    contribute(partner, [old])
    epoch = open_epoch(hub, 2, Suite.HMAC_SM3)
    assert (epoch.epoch, int(epoch.suite), int(epoch.state)) == (2, int(Suite.HMAC_SM3), 1)
    return partner


def new() -> Row:
    """Makes a row of a listing that there is not."""
    return Row(token=fresh(), reference=fresh())


def test_added_rows_carry_both_tokens(hub: HubUnderTest, source: Stubs) -> None:
    """An ADD that names no next epoch is told which one is opening (trust: V7)."""
    told = refused(hub, lambda: contribute(source, [new()]), by="n-source")
    wanted = {"nextEpoch": "2", "nextSuite": "HMAC_SM3", "frameNumber": "1"}
    assert told == ("FAILED_PRECONDITION", "NEXT_EPOCH_NEEDED", wanted)
    row = new()
    answer = contribute_both(source, [row])[0]
    assert answer.added_count == 1
    assert check(source, row.token).state == LISTED
    with hub.hub.ledger.read() as txn:
        frame = find_frame_at(txn, answer.sequence)
    assert frame is not None
    assert (frame.header.epoch, frame.header.next_epoch) == (1, 2)
    assert frame.columns["next_token"].tobytes() != next_of(row.token)


@pytest.mark.parametrize("terms", [{"next_epoch": 3}, {"next_epoch": 1}, {"epoch": 2}], ids=str)
def test_other_epochs_are_refused(hub: HubUnderTest, source: Stubs, terms: dict[str, Any]) -> None:
    """An epoch that is unknown, old or next is refused, naming the current one (trust: V7)."""
    told = refused(hub, lambda: contribute_both(source, [new()], **terms), by="n-source")
    assert told == ("FAILED_PRECONDITION", "EPOCH_NOT_OPEN", OPEN)


@pytest.mark.parametrize("epoch", [0, 2, 3])
def test_questions_stay_in_the_current_epoch(
    hub: HubUnderTest, source: Stubs, old: Row, epoch: int
) -> None:
    """Nobody asks in the epoch that is opening, or in one that there is not (trust: V7)."""
    told = refused(hub, lambda: check(source, old.token, epoch=epoch), by="n-source")
    wanted = {"currentEpoch": "1", "currentSuite": "HMAC_SHA256"}
    assert told == ("FAILED_PRECONDITION", "EPOCH_NOT_OPEN", wanted)


NOT_ZERO = "not zero in ADD and RETOKEN"
RULES: dict[str, tuple[Callable[[Row], Row], dict[str, bytes], str, str]] = {
    "ADD without": (lambda _: new(), {"next_token": bytes(16)}, "next_token", NOT_ZERO),
    "RETOKEN without": (retoken, {"next_token": bytes(16)}, "next_token", NOT_ZERO),
    "WITHDRAW with": (
        lambda row: withdrawal(row.token, row.reference),
        {"next_token": bytes([1]) * 16},
        "next_token",
        "0 in AMEND and WITHDRAW",
    ),
    "RETOKEN without token": (retoken, {"token": bytes(16)}, "token", "not zero in RETOKEN"),
    **{
        f"RETOKEN with {name}": (retoken, {name: bytes([1]) + bytes(width)}, name, "0 in RETOKEN")
        for name, width in (
            ("type", 0),
            ("flags", 0),
            ("severity", 0),
            ("evidence", 0),
            ("source_class", 0),
            ("original_source", 7),
            ("legal_basis", 0),
            ("event_day", 1),
            ("expiry_day", 1),
        )
    },
    "RETOKEN of nothing": (
        lambda _: retoken(new()),
        {},
        "reference",
        "no live listing of this reference, category and token",
    ),
}


@pytest.mark.parametrize("case", RULES, ids=str)
def test_rules_of_rows(hub: HubUnderTest, source: Stubs, old: Row, case: str) -> None:
    """Each rule is told by row and column, and nothing of the frame is kept."""
    make, columns, column, rule = RULES[case]
    row = make(old)
    frame = contribute_frame(1, [row], **({"next_token": next_of(row.token)} | columns))
    opening = contribute_open(fresh(), next_epoch=2)
    told = refused(hub, lambda: send_frames(source, opening, frame), by="n-source")
    wanted = {"row": "0", "column": column, "rule": rule, "frameNumber": "1"}
    assert told == ("INVALID_ARGUMENT", "ROW_REFUSED", wanted)


@pytest.mark.parametrize(
    ("next_epoch", "column", "rule"),
    [
        (0, bytes(16), "empty without open.next_epoch"),
        (2, b"", "16 bytes for each of 1 rows"),
        (2, bytes(15), "16 bytes for each of 1 rows"),
    ],
)
def test_length_of_the_column(
    hub: HubUnderTest, source: Stubs, next_epoch: int, column: bytes, rule: str
) -> None:
    """The column stands there exactly where the next epoch is named."""
    opening = contribute_open(fresh(), next_epoch=next_epoch)
    frame = contribute_frame(1, [new()], next_token=column)
    told = refused(hub, lambda: send_frames(source, opening, frame), by="n-source")
    wanted = {"column": "next_token", "rule": rule, "frameNumber": "1"}
    assert told == ("INVALID_ARGUMENT", "COLUMN_MALFORMED", wanted)


def test_retoken_is_free(hub: HubUnderTest, source: Stubs, old: Row) -> None:
    """RETOKEN costs nothing, is open over quota, and may stand beside other changes."""
    quota = agreement_pb2.Quota(**(AMPLE | {"day_count": 1}))
    hub.agree("n-source", contribution_quota=quota)
    told = refused(hub, lambda: contribute_both(source, [new(), new()]), by="n-source")
    assert told.reason == "QUOTA_EXCEEDED"
    before = log_size(hub)
    answer = contribute_both(source, [retoken(old)])[0]
    assert (answer.added_count, answer.unchanged_count) == (0, 0)
    counts = entries_from(hub, before)[0].counts
    assert (counts["rows"], counts["retokened"], counts.get("charged", 0)) == (1, 1, 0)
    hub.agree("n-source")


def test_equal_add_brings_the_next_token(hub: HubUnderTest, source: Stubs) -> None:
    """An ADD of a listing that lives stands in the journal as what gives it the next token."""
    row = new()
    first, second = contribute_both(source, [row], [row, new()])
    assert (second.added_count, second.unchanged_count) == (1, 1)
    with hub.hub.ledger.read() as txn:
        frame = find_frame_at(txn, second.sequence)
    assert frame is not None
    assert frame.columns["operation"].tolist() == [RowOperation.RETOKEN, RowOperation.ADD]
    assert frame.pair_ids.tolist() == [first.sequence << 14]


def test_retoken_needs_an_agreement(hub: HubUnderTest, source: Stubs, old: Row) -> None:
    """A suspended partner may take back, and no more: not even RETOKEN."""
    hub.alice.operators.SuspendPartner(
        operator_pb.SuspendPartnerRequest(partner_id="n-source", reason="a test")
    )
    told = refused(hub, lambda: contribute_both(source, [retoken(old)]), by="n-source")
    assert told.reason == "PARTNER_SUSPENDED"
    # What names by reference alone is taken, whatever its stream says of the next epoch.
    taken = [withdrawal(bytes(16), old.reference)]
    assert contribute_both(source, taken, next_epoch=9)[0].withdrawn_count == 1
    hub.alice.operators.ResumePartner(
        operator_pb.ResumePartnerRequest(partner_id="n-source", reason="a test")
    )


def test_suite_of_next_tokens(hub: HubUnderTest, source: Stubs) -> None:
    """Next tokens of a suite that the agreement does not name are refused."""
    hub.agree("n-source", suites=[Suite.HMAC_SHA256])
    told = refused(hub, lambda: contribute_both(source, [new()]), by="n-source")
    wanted = {"scope": "suite", "value": "HMAC_SM3", "frameNumber": "1"}
    assert told == ("PERMISSION_DENIED", "SCOPE_NOT_GRANTED", wanted)
    hub.agree("n-source")


def test_both_keys_are_handed_out(hub: HubUnderTest, source: Stubs) -> None:
    """The next key comes beside the current one; the entry binds to neither (trust: D2)."""
    before = log_size(hub)
    answer: Any = source.agreements.GetTokenEpoch(agreement_service_pb.GetTokenEpochRequest())
    assert (answer.epoch, answer.next.epoch, answer.next.suite) == (1, 2, Suite.HMAC_SM3)
    key = (hub.settings.keys.epoch_keys / "epoch-2.key").read_text().strip()
    assert answer.next.key.hex() == key
    entry = entries_from(hub, before)[0]
    assert entry.facts == {"epoch": "1", "next_epoch": "2"}
    with hub.hub.ledger.read() as txn:
        nonce = hub.hub.walk.hub.side_keys.open_nonce(find_nonce(txn, before) or b"")
    answer.key = answer.next.key = b""
    assert entry.answer_commitment == commitment(nonce, encode_message(answer))


def test_exchanged_next_key_is_not_handed_out(hub: HubUnderTest, source: Stubs) -> None:
    """A key that is not the one that the epoch was opened with is refused (trust: K1)."""
    path = hub.settings.keys.epoch_keys / "epoch-2.key"
    kept = path.read_text()
    path.write_text("5a" * 32 + "\n")
    request = agreement_service_pb.GetTokenEpochRequest()
    told = refused(hub, lambda: source.agreements.GetTokenEpoch(request), by="n-source")
    assert told.reason == "STORE_FAILED"
    path.write_text(kept)


def test_resend_with_other_next_tokens(hub: HubUnderTest, source: Stubs) -> None:
    """What a frame says of next tokens is its content: other ones are another frame."""
    row, stream = new(), fresh()
    contribute_both(source, [row], stream_id=stream)
    again = contribute_both(source, [row], stream_id=stream)[0]
    assert again.repeated
    opening = contribute_open(stream, next_epoch=2)
    other = contribute_frame(1, [row], next_token=fresh())
    told = refused(hub, lambda: send_frames(source, opening, other), by="n-source")
    assert told.reason == "FRAME_CONFLICT"
