from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rongan_share.v1 import agreement_pb2
from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.vocabulary import (
    Evidence,
    IdentifierType,
    LegalBasis,
    RowFlag,
    RowOperation,
    SourceClass,
)
from tests.support.hub import ALL_CLASSES, HubUnderTest, Stubs, bits
from tests.walk.asking import (
    NOT_LISTED,
    Row,
    check,
    contribute,
    contribute_frame,
    contribute_open,
    fresh,
    refused,
    send_frames,
    withdrawal,
)

RIGHTS = agreement_pb2.ContributionRights(
    category_bits=bits("A1", "A2", "E4", "E6", "W1", "H2"),
    source_class_bits=ALL_CLASSES & ~(1 << SourceClass.COURT),
)


@pytest.fixture(scope="module")
def source(hub: HubUnderTest) -> Stubs:
    """An institution that may contribute some categories, and speak for all but the courts."""
    return hub.partner("r-source", contribution=RIGHTS)


def withdraw(**values: int) -> dict[str, int]:
    """Makes the values of a WITHDRAW row with something in it that should be zero."""
    zero = dict.fromkeys(("severity", "evidence", "source_class", "legal_basis"), 0)
    return {"operation": int(RowOperation.WITHDRAW)} | zero | values


ACCOUNT = {"type": IdentifierType.PAN, "category": "A1", "evidence": Evidence.VERIFIED}
ZERO = "0 in WITHDRAW"
OPERATIONS = "ADD, AMEND, WITHDRAW or RETOKEN"
EVIDENCE = "known, and as strong as the category demands"
SEVERITY = "1 to the category's maximum"
KNOWN = "a category of the taxonomy"
SHARED = "one that may be shared"
GRANTED = "one that the agreement lets you contribute"

BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "operation 0": ({"operation": 0}, "operation", OPERATIONS),
    "operation RETOKEN": (
        {"operation": RowOperation.RETOKEN},
        "operation",
        "RETOKEN with open.next_epoch",
    ),
    "operation 255": ({"operation": 255}, "operation", OPERATIONS),
    "ADD without a token": ({"token": bytes(16)}, "token", "not zero in ADD"),
    "type 0": ({"type": 0}, "type", "a known identifier type"),
    "type 35": ({"type": 35}, "type", "a known identifier type"),
    "type 0 in AMEND": (
        {"operation": RowOperation.AMEND, "type": 0},
        "type",
        "a known identifier type",
    ),
    "flags 16": ({"flags": 16}, "flags", "known flags"),
    "flags 128": ({"flags": 128}, "flags", "known flags"),
    "a person's name, not WEAK": (
        {"type": IdentifierType.PERSON_NAME, "flags": RowFlag.ALIAS},
        "flags",
        "WEAK for a person's name alone",
    ),
    "WITHDRAW with severity": (withdraw(severity=1), "severity", ZERO),
    "WITHDRAW with evidence": (withdraw(evidence=1), "evidence", ZERO),
    "WITHDRAW with source class": (withdraw(source_class=1), "source_class", ZERO),
    "WITHDRAW with legal basis": (withdraw(legal_basis=1), "legal_basis", ZERO),
    "WITHDRAW with expiry": (withdraw(expiry_day=1), "expiry_day", ZERO),
    "category 31": ({"category": 31}, "category", KNOWN),
    "category 255": ({"category": 255}, "category", KNOWN),
    "category not to be shared": ({"category": "E6"}, "category", SHARED),
    "category of no right": ({"category": "E1"}, "category", GRANTED),
    "allowlist": (
        {"category": "W1", "severity": 1},
        "category",
        "the allowlist is the hub's own",
    ),
    "account category of a passport": (
        ACCOUNT | {"type": IdentifierType.PASSPORT},
        "type",
        "one that the category is said of",
    ),
    "source class 0": ({"source_class": 0}, "source_class", "a known source class"),
    "source class 13": ({"source_class": 13}, "source_class", "a known source class"),
    "source class of no right": (
        {"source_class": SourceClass.COURT},
        "source_class",
        "one that the agreement lets you speak for",
    ),
    "severity 0": ({"severity": 0}, "severity", SEVERITY),
    "severity 5": ({"severity": 5}, "severity", SEVERITY),
    "severity 3 of at most 2": ({"category": "H2", "severity": 3}, "severity", SEVERITY),
    "evidence 0": ({"evidence": 0}, "evidence", EVIDENCE),
    "evidence 5": ({"evidence": 5}, "evidence", EVIDENCE),
    "evidence too weak": ({"evidence": Evidence.VERIFIED}, "evidence", EVIDENCE),
    "legal basis 0": ({"legal_basis": 0}, "legal_basis", "a known legal basis"),
    "legal basis 7": ({"legal_basis": 7}, "legal_basis", "a known legal basis"),
    "consent without a reference": (
        {"legal_basis": LegalBasis.CONSENT},
        "legal_basis",
        "CONSENT with a reference in open",
    ),
    "no end where one is due": (
        {"category": "A2", "type": IdentifierType.MSISDN},
        "expiry_day",
        "a last day, which this category must have",
    ),
    "unknown listing": (
        {"operation": RowOperation.AMEND},
        "reference",
        "no live listing of this reference, category and token",
    ),
}


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_row_in_the_middle_of_a_frame(hub: HubUnderTest, source: Stubs, case: str) -> None:
    """One bad row refuses its frame with index, column and rule; nothing of the frame is kept."""
    values, column, rule = BROKEN[case]
    rows = [Row(token=fresh(), reference=fresh()) for _ in range(5)]
    bad = {"token": fresh(), "reference": fresh()} | values
    rows[3] = Row(**bad)
    told = refused(hub, lambda: contribute(source, rows), by="r-source")
    metadata = {"row": "3", "column": column, "rule": rule, "frameNumber": "1"}
    assert told == ("INVALID_ARGUMENT", "ROW_REFUSED", metadata)
    assert check(source, *(row.token for row in rows)).state == NOT_LISTED


DAYS: dict[str, tuple[Callable[[int], dict[str, Any]], str, str]] = {
    "event tomorrow": (lambda day: {"event_day": day + 1}, "event_day", "not in the future"),
    "expired yesterday": (lambda day: {"expiry_day": day - 1}, "expiry_day", "not in the past"),
    "day 1": (lambda _: {"expiry_day": 1}, "expiry_day", "not in the past"),
    "beyond the cap": (
        lambda day: {"category": "A2", "type": IdentifierType.MSISDN, "expiry_day": day + 91},
        "expiry_day",
        "within the category's cap",
    ),
    "last day of all beyond the cap": (
        lambda _: {"category": "H2", "severity": 1, "expiry_day": 65_535},
        "expiry_day",
        "within the category's cap",
    ),
}


@pytest.mark.parametrize("case", DAYS, ids=str)
def test_days_of_a_row(hub: HubUnderTest, source: Stubs, case: str) -> None:
    """Days are judged by today's date in Shanghai."""
    make, column, rule = DAYS[case]
    values = make(shanghai_day(hub.clock.now()))
    rows = [Row(token=fresh(), reference=fresh()) for _ in range(3)]
    rows[1] = Row(token=fresh(), reference=fresh(), **values)
    told = refused(hub, lambda: contribute(source, rows), by="r-source")
    metadata = {"row": "1", "column": column, "rule": rule, "frameNumber": "1"}
    assert told == ("INVALID_ARGUMENT", "ROW_REFUSED", metadata)
    assert check(source, *(row.token for row in rows)).state == NOT_LISTED


def test_limits_of_days_are_allowed(hub: HubUnderTest, source: Stubs) -> None:
    """Today, the last day of the cap, and the last day that can be written are all good."""
    day = shanghai_day(hub.clock.now())
    capped: dict[str, Any] = {"category": "A2", "type": IdentifierType.MSISDN}
    rows = [
        Row(token=fresh(), reference=fresh(), event_day=day, expiry_day=day),
        Row(token=fresh(), reference=fresh(), expiry_day=day + 90, **capped),
        Row(token=fresh(), reference=fresh(), expiry_day=65_535),
    ]
    assert contribute(source, rows)[0].added_count == 3


def test_first_bad_row_is_named(hub: HubUnderTest, source: Stubs) -> None:
    """Of several bad rows the lowest is named, whichever rule comes first."""
    rows = [Row(token=fresh(), reference=fresh()) for _ in range(6)]
    rows[2] = Row(token=fresh(), reference=fresh(), legal_basis=9)
    rows[4] = Row(token=fresh(), reference=fresh(), operation=9)
    told = refused(hub, lambda: contribute(source, rows), by="r-source")
    assert (told.metadata["row"], told.metadata["column"]) == ("2", "legal_basis")


def test_consent_with_a_reference(source: Stubs) -> None:
    """A stream that names its legal basis may contribute by consent."""
    rows = [Row(token=fresh(), reference=fresh(), legal_basis=LegalBasis.CONSENT)]
    opening = contribute_open(fresh(), legal_basis_ref="contract 7")
    assert send_frames(source, opening, contribute_frame(1, rows))[0].added_count == 1


COLUMNS = list(contribution_pb.ContributeFrame.DESCRIPTOR.fields_by_name)
WIDTHS = {"reference": 16, "token": 16, "original_source": 8, "event_day": 2, "expiry_day": 2}
SIZED = [name for name in COLUMNS if name not in {"frame_number", "operation", "next_token"}]


@pytest.mark.parametrize("column", SIZED)
@pytest.mark.parametrize("surplus", [-1, 1])
def test_column_of_wrong_length(
    hub: HubUnderTest, source: Stubs, column: str, surplus: int
) -> None:
    """Every column has its width for each row."""
    width = WIDTHS.get(column, 1)
    rows = [Row(token=fresh(), reference=fresh()) for _ in range(2)]
    frame = contribute_frame(1, rows, **{column: bytes(2 * width + surplus)})
    told = refused(hub, lambda: send_frames(source, contribute_open(fresh()), frame), by="r-source")
    rule = f"{width} bytes for each of 2 rows"
    metadata = {"column": column, "rule": rule, "frameNumber": "1"}
    assert told == ("INVALID_ARGUMENT", "COLUMN_MALFORMED", metadata)


@pytest.mark.parametrize("count", [0, 16_385])
def test_number_of_rows(hub: HubUnderTest, source: Stubs, count: int) -> None:
    """A frame has 1 to 16,384 rows."""
    rows = [Row(token=fresh())] * count
    told = refused(hub, lambda: contribute(source, rows), by="r-source")
    metadata = {"column": "operation", "rule": "1 to 16384 rows", "frameNumber": "1"}
    assert told == ("INVALID_ARGUMENT", "COLUMN_MALFORMED", metadata)


OPENINGS: dict[str, tuple[dict[str, Any], str, dict[str, str]]] = {
    "stream id": (
        {"stream_id": b"short"},
        "REQUEST_MALFORMED",
        {"field": "open.stream_id", "rule": "16 bytes"},
    ),
    "suite": (
        {"suite": 9},
        "REQUEST_MALFORMED",
        {"field": "open.suite", "rule": "a known Suite"},
    ),
    "legal basis": (
        {"legal_basis_ref": "x" * 129},
        "REQUEST_MALFORMED",
        {"field": "open.legal_basis_ref", "rule": "1 to 128 printable characters"},
    ),
}


@pytest.mark.parametrize("case", OPENINGS, ids=str)
def test_opening_of_a_stream(hub: HubUnderTest, source: Stubs, case: str) -> None:
    """The first message is checked before any frame."""
    terms, reason, metadata = OPENINGS[case]
    opening = contribute_open(**({"stream_id": fresh()} | terms))
    told = refused(hub, lambda: send_frames(source, opening), by="r-source")
    assert told == ("INVALID_ARGUMENT", reason, metadata)


def test_other_epoch(hub: HubUnderTest, source: Stubs) -> None:
    """Rows of another epoch are refused."""
    opening = contribute_open(fresh(), epoch=2)
    frame = contribute_frame(1, [Row(token=fresh())])
    told = refused(hub, lambda: send_frames(source, opening, frame), by="r-source")
    metadata = {"currentEpoch": "1", "currentSuite": "HMAC_SHA256", "frameNumber": "1"}
    assert told == ("FAILED_PRECONDITION", "EPOCH_NOT_OPEN", metadata)


def test_epoch_counts_for_tokens_only(source: Stubs) -> None:
    """A frame that names no token withdraws whatever epoch its stream was opened with."""
    row = Row(token=fresh(), reference=fresh())
    contribute(source, [row])
    frame = contribute_frame(1, [withdrawal(bytes(16), row.reference)])
    assert send_frames(source, contribute_open(fresh(), epoch=7), frame)[0].withdrawn_count == 1
    assert check(source, row.token).state == NOT_LISTED
