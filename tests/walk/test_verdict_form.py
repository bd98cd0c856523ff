from __future__ import annotations

from typing import Any

import grpc
import pytest

from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.wire.vocabulary import DetailLevel, IdentifierType, Suite
from tests.support.hub import HubUnderTest, Stubs, bits, refusal
from tests.walk.asking import (
    TIMEOUT,
    ask_stream,
    check,
    fresh,
    log_size,
    question,
    refused,
    verdict_frame,
    verdict_open,
)

INVALID = "INVALID_ARGUMENT"
FOUR_MIB = 4 << 20
TOKEN = fresh()
PASSPORT = bytes([IdentifierType.PASSPORT])


@pytest.fixture(scope="module")
def asker(hub: HubUnderTest) -> Stubs:
    """An institution that may ask everything."""
    return hub.partner("f-asker")


COLUMNS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no token": ({"tokens": b""}, "tokens", "1 to 16 tokens"),
    "15 bytes": ({"tokens": bytes(15)}, "tokens", "a multiple of 16 bytes"),
    "17 bytes": ({"tokens": bytes(17)}, "tokens", "a multiple of 16 bytes"),
    "17 tokens": ({"tokens": bytes(16 * 17)}, "tokens", "1 to 16 tokens"),
    "too many types": ({"types": PASSPORT * 2}, "types", "one byte for each token, or empty"),
    "type 0": ({"types": b"\x00"}, "types", "known identifier types"),
    "type 35": ({"types": b"\x23"}, "types", "known identifier types"),
    "type 255": ({"types": b"\xff"}, "types", "known identifier types"),
}


@pytest.mark.parametrize("case", COLUMNS, ids=str)
def test_column_of_a_question(hub: HubUnderTest, asker: Stubs, case: str) -> None:
    """A column that does not fit is refused by name and rule."""
    fields, column, rule = COLUMNS[case]
    told = refused(hub, lambda: check(asker, TOKEN, **fields), by="f-asker")
    assert told == (INVALID, "COLUMN_MALFORMED", {"column": column, "rule": rule})


FIELDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no purpose": ({"purpose": 0}, "purpose", "a known Purpose"),
    "purpose 99": ({"purpose": 99}, "purpose", "a known Purpose"),
    "purpose -1": ({"purpose": -1}, "purpose", "a known Purpose"),
    "no channel": ({"channel": 0}, "channel", "a known Channel"),
    "channel 10": ({"channel": 10}, "channel", "a known Channel"),
    "no suite": ({"suite": 0}, "suite", "a known Suite"),
    "suite 3": ({"suite": 3}, "suite", "a known Suite"),
    "no detail": ({"detail_level": 0}, "detail_level", "a known DetailLevel"),
    "detail 4": ({"detail_level": 4}, "detail_level", "a known DetailLevel"),
    "category at VERDICT": (
        {"detail_level": DetailLevel.VERDICT, "category_bits": bits("E4")},
        "category_bits",
        "none at detail VERDICT",
    ),
    "category bit 63": (
        {"category_bits": 1 << 63},
        "category_bits",
        "only categories of the taxonomy",
    ),
    "source class 0": ({"source_class_bits": 1}, "source_class_bits", "only known source classes"),
    "source class 31": (
        {"source_class_bits": 1 << 31},
        "source_class_bits",
        "only known source classes",
    ),
    "branch of 65": (
        {"origin": verdict_pb.Origin(branch_code="b" * 65)},
        "origin.branch_code",
        "1 to 64 printable characters",
    ),
    "staff with a line break": (
        {"origin": verdict_pb.Origin(staff_ref="a\nb")},
        "origin.staff_ref",
        "1 to 64 printable characters",
    ),
    "system of 66 bytes": (
        {"origin": verdict_pb.Origin(system="系" * 22)},
        "origin.system",
        "at most 64 bytes of UTF-8",
    ),
}


@pytest.mark.parametrize("case", FIELDS, ids=str)
def test_field_of_a_question(hub: HubUnderTest, asker: Stubs, case: str) -> None:
    """A field out of its range is refused by name and rule, in both RPCs."""
    fields, field, rule = FIELDS[case]
    told = refused(hub, lambda: check(asker, TOKEN, **fields), by="f-asker")
    assert told == (INVALID, "REQUEST_MALFORMED", {"field": field, "rule": rule})
    messages = verdict_open(**fields), verdict_frame(1, TOKEN)
    told = refused(hub, lambda: ask_stream(asker, *messages), by="f-asker")
    looked_up = case.startswith(("category bit", "source class"))
    # Bits are judged with the frame, against taxonomy and agreement.
    found = {"field": field, "frameNumber": "1"} if looked_up else {"field": f"open.{field}"}
    assert told == (INVALID, "REQUEST_MALFORMED", found | {"rule": rule})


IDS = {"request_id": b"short", "business_ref": bytes(17)}


@pytest.mark.parametrize("name", IDS)
def test_ids_are_sixteen_bytes(hub: HubUnderTest, asker: Stubs, name: str) -> None:
    """Ids that the partner makes have sixteen bytes."""
    told = refused(hub, lambda: check(asker, TOKEN, **{name: IDS[name]}), by="f-asker")
    assert told == (INVALID, "REQUEST_MALFORMED", {"field": name, "rule": "16 bytes"})


OTHER_EPOCHS = [{"epoch": 0}, {"epoch": 2}, {"suite": Suite.HMAC_SM3}]


@pytest.mark.parametrize("fields", OTHER_EPOCHS, ids=str)
def test_other_epoch_or_suite(hub: HubUnderTest, asker: Stubs, fields: dict[str, int]) -> None:
    """Tokens of another epoch or suite are refused, naming the current one."""
    current = {"currentEpoch": "1", "currentSuite": "HMAC_SHA256"}
    told = refused(hub, lambda: check(asker, TOKEN, **fields), by="f-asker")
    assert told == ("FAILED_PRECONDITION", "EPOCH_NOT_OPEN", current)
    messages = verdict_open(**fields), verdict_frame(3, TOKEN)
    told = refused(hub, lambda: ask_stream(asker, *messages), by="f-asker")
    assert told == ("FAILED_PRECONDITION", "EPOCH_NOT_OPEN", current | {"frameNumber": "3"})


SUBJECTS = "ascending, 1 to 16 tokens a subject, the last one N"
FRAMES: dict[str, tuple[dict[str, bytes], str, str]] = {
    "no token": ({"tokens": b""}, "tokens", "1 to 65536 tokens"),
    "65,537 tokens": ({"tokens": bytes(16 * 65_537)}, "tokens", "1 to 65536 tokens"),
    "33 bytes": ({"tokens": bytes(33)}, "tokens", "a multiple of 16 bytes"),
    "types": ({"types": PASSPORT}, "types", "one byte for each token, or empty"),
    "subject_end of 3 bytes": ({"subject_end": bytes(3)}, "subject_end", "a multiple of 4 bytes"),
    "subject_end short of N": ({"subject_end": b"\x01\0\0\0"}, "subject_end", SUBJECTS),
    "empty subject": ({"subject_end": b"\x01\0\0\0\x01\0\0\0\x02\0\0\0"}, "subject_end", SUBJECTS),
    "descending": ({"subject_end": b"\x02\0\0\0\x01\0\0\0\x02\0\0\0"}, "subject_end", SUBJECTS),
    "17 tokens": (
        {"tokens": bytes(16 * 17), "subject_end": b"\x11\0\0\0"},
        "subject_end",
        SUBJECTS,
    ),
    "business_ref": (
        {"business_ref": bytes(16)},
        "business_ref",
        "16 bytes for each subject, or empty",
    ),
}


@pytest.mark.parametrize("case", FRAMES, ids=str)
def test_column_of_a_frame(hub: HubUnderTest, asker: Stubs, case: str) -> None:
    """A frame whose columns do not fit is refused whole, with its number."""
    columns, column, rule = FRAMES[case]
    made = {"tokens": TOKEN + fresh()} | columns
    messages = verdict_open(), verdict_frame(7, **made)
    told = refused(hub, lambda: ask_stream(asker, *messages), by="f-asker")
    metadata = {"column": column, "rule": rule, "frameNumber": "7"}
    assert told == (INVALID, "COLUMN_MALFORMED", metadata)


def test_types_are_declared_once(hub: HubUnderTest, asker: Stubs) -> None:
    """Types are declared for the stream or for each token, not both, and must be known."""
    both = verdict_open(type=IdentifierType.PAN), verdict_frame(1, TOKEN, types=PASSPORT)
    told = refused(hub, lambda: ask_stream(asker, *both), by="f-asker")
    metadata = {"column": "types", "rule": "empty where open.type is set", "frameNumber": "1"}
    assert told == (INVALID, "COLUMN_MALFORMED", metadata)
    told = refused(hub, lambda: ask_stream(asker, verdict_open(type=77)), by="f-asker")
    metadata = {"field": "open.type", "rule": "a known IdentifierType"}
    assert told == (INVALID, "REQUEST_MALFORMED", metadata)


ORDERS: dict[str, tuple[list[Any], str, dict[str, str]]] = {
    "no open": (
        [verdict_frame(1, TOKEN)],
        "REQUEST_MALFORMED",
        {"field": "open", "rule": "the first message"},
    ),
    "two opens": (
        [verdict_open(), verdict_open()],
        "REQUEST_MALFORMED",
        {"field": "frame", "rule": "every message after the first"},
    ),
    "empty message": (
        [verdict_open(), verdict_pb.StreamVerdictsRequest()],
        "REQUEST_MALFORMED",
        {"field": "frame", "rule": "every message after the first"},
    ),
    "batch id": (
        [verdict_open(batch_id=b"short")],
        "REQUEST_MALFORMED",
        {"field": "open.batch_id", "rule": "16 bytes"},
    ),
    "frame 0": (
        [verdict_open(), verdict_frame(0, TOKEN)],
        "REQUEST_MALFORMED",
        {"field": "frame.frame_number", "rule": "from 1"},
    ),
}


@pytest.mark.parametrize("case", ORDERS, ids=str)
def test_order_of_messages(hub: HubUnderTest, asker: Stubs, case: str) -> None:
    """A stream is one open, then frames from 1 on."""
    messages, reason, metadata = ORDERS[case]
    told = refused(hub, lambda: ask_stream(asker, *messages), by="f-asker")
    assert told == (INVALID, reason, metadata)


@pytest.mark.parametrize("second", [5, 6, 8, 1 << 63])
def test_frames_are_numbered_without_gaps(hub: HubUnderTest, asker: Stubs, second: int) -> None:
    """A stream begins at any number and goes on by one; a refused frame ends it."""
    messages = [
        verdict_open(),
        verdict_frame(6, TOKEN),
        verdict_frame(second, TOKEN),
        verdict_frame(7, fresh()),
    ]
    answered: list[Any] = []
    before = log_size(hub)
    told = refused(
        hub,
        lambda: answered.extend(asker.verdicts.StreamVerdicts(iter(messages), timeout=TIMEOUT)),
        by="f-asker",
    )
    metadata = {"expected": "7", "frameNumber": str(second)}
    assert told == ("FAILED_PRECONDITION", "FRAME_GAP", metadata)
    assert [answer.frame_number for answer in answered] == [6]
    assert log_size(hub) == before + 2


def test_sequence_that_is_not_reached(hub: HubUnderTest, asker: Stubs) -> None:
    """A sequence that the hub does not have is refused, naming the one it has."""
    told = refused(hub, lambda: check(asker, TOKEN, at_least_sequence=10**6), by="f-asker")
    assert told == ("UNAVAILABLE", "STALE_SNAPSHOT", {"listSequence": "0"})


def padded(size: int) -> bytes:
    """Makes the bytes of a question of exactly this size, nearly all of them tokens."""
    empty = question().ByteSize()
    return question(bytes(size - empty - 5)).SerializeToString()


def test_message_above_four_mib(hub: HubUnderTest, asker: Stubs) -> None:
    """4 MiB arrive and are judged; one byte more is gRPC's own refusal, no handler runs."""
    raw_call: Any = asker.channel.unary_unary("/rongan_share.v1.VerdictService/CheckSubject")
    assert len(padded(FOUR_MIB)) == FOUR_MIB
    told = refused(hub, lambda: raw_call(padded(FOUR_MIB), timeout=TIMEOUT), by="f-asker")
    assert told[:2] == (INVALID, "COLUMN_MALFORMED")
    before = log_size(hub)
    with pytest.raises(grpc.RpcError) as caught:
        raw_call(padded(FOUR_MIB + 1), timeout=TIMEOUT)
    assert refusal(caught.value) == ("RESOURCE_EXHAUSTED", "", {})
    assert log_size(hub) == before
