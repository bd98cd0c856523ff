from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lmdb
import pytest
from google.protobuf.message import Message
from msgspec.structs import replace

from rongan_share.audit.entry import Entry, parse_entry
from rongan_share.audit.verify import LogFault, LogReport, verify_log
from rongan_share.ledger.entries import (
    find_disclosure,
    find_entry,
    find_nonce,
    get_frontier,
    list_entries,
    put_disclosure,
)
from rongan_share.ledger.environment import Ledger, Table, Transaction
from rongan_share.v1 import agreement_service_pb2 as agreement_pb
from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.wire.canonical import commitment, encode_bytes, encode_message
from rongan_share.wire.merkle import leaf_hash, root_of
from rongan_share.wire.vocabulary import Purpose
from tests.support.hub import HubUnderTest, Stubs, running_hub
from tests.walk.asking import (
    TIMEOUT,
    Row,
    ask_stream,
    check,
    contribute,
    contribute_frame,
    contribute_open,
    entries_from,
    fresh,
    log_size,
    question,
    send_frames,
    verdict_frame,
    verdict_open,
)

OUTSIDE = ("quota_left", "entry_index", "nonce")
"""Fields of an answer that its commitment leaves out."""


@pytest.fixture(scope="module")
def caller(hub: HubUnderTest) -> Stubs:
    """An institution that asks and contributes."""
    return hub.partner("a-caller")


def opens(entry: Entry, nonce: bytes, *, asked: bytes, answered: bytes) -> bool:
    """Tells whether a nonce opens both commitments of an entry."""
    return (
        entry.request_commitment == commitment(nonce, asked)
        and entry.answer_commitment == commitment(nonce, answered)
        and len(nonce) == 32
    )


def kept_nonce(hub: HubUnderTest, index: int) -> bytes:
    """Reads an entry's nonce, which lies beside the log under the hub's key."""
    with hub.hub.ledger.read() as txn:
        sealed = find_nonce(txn, index)
    assert sealed is not None
    return hub.hub.walk.hub.side_keys.open_nonce(sealed)


def canonical_of(opening: Message, frame: Message) -> bytes:
    """Makes the canonical bytes of a frame together with its first message."""
    return encode_bytes(1, encode_message(opening)) + encode_bytes(2, encode_message(frame))


def listed_rows(caller: Stubs, count: int) -> list[Row]:
    """Contributes some rows."""
    rows = [Row(token=fresh(), reference=fresh()) for _ in range(count)]
    contribute(caller, rows)
    return rows


def test_entry_of_a_question(hub: HubUnderTest, caller: Stubs) -> None:
    """A question leaves one entry; the nonce in the answer opens its commitments."""
    row = listed_rows(caller, 1)[0]
    origin = verdict_pb.Origin(branch_code="0571", staff_ref="s-9", system="counter")
    before = log_size(hub)
    request = question(row.token, fresh(), origin=origin, business_ref=fresh())
    answer = caller.verdicts.CheckSubject(request, timeout=TIMEOUT)
    [entry] = entries_from(hub, before)
    assert answer.entry_index == before
    answered = encode_message(answer, skip=OUTSIDE)
    assert opens(entry, answer.nonce, asked=encode_message(request), answered=answered)
    assert (entry.kind, entry.method) == ("VERDICT", "VerdictService/CheckSubject")
    assert (entry.caller_kind, entry.caller_id, entry.decision) == (
        "partner",
        "a-caller",
        "GRANTED",
    )
    assert (entry.agreement_version, entry.purpose) == (1, Purpose.SANCTIONS)
    assert entry.origin == encode_message(origin)
    assert entry.snapshot_sequence == answer.list_sequence
    assert kept_nonce(hub, before) == answer.nonce
    with hub.hub.ledger.read() as txn:
        assert txn.get(Table.BUSINESS_REFS, before.to_bytes(8, "big")) == request.business_ref


def test_entries_of_frames(hub: HubUnderTest, caller: Stubs) -> None:
    """Each frame leaves one entry whose commitments open over first message and frame."""
    row = listed_rows(caller, 1)[0]
    opening, frames = (
        verdict_open(),
        [verdict_frame(number, row.token + fresh()) for number in (3, 4)],
    )
    before = log_size(hub)
    answers = ask_stream(caller, opening, *frames)
    entries = entries_from(hub, before)
    assert [answer.entry_index for answer in answers] == [before, before + 1]
    for answer, frame, entry in zip(answers, frames, entries, strict=True):
        asked = canonical_of(opening.open, frame.frame)
        answered = encode_message(answer, skip=OUTSIDE)
        assert opens(entry, answer.nonce, asked=asked, answered=answered)
    assert answers[0].nonce != answers[1].nonce


def test_entry_of_a_contribution(hub: HubUnderTest, caller: Stubs) -> None:
    """The acknowledgement's commitment covers the sequence, which only the commit knew."""
    opening, frame = contribute_open(fresh()), contribute_frame(1, [Row(token=fresh())])
    before = log_size(hub)
    [answer] = send_frames(caller, opening, frame)
    [entry] = entries_from(hub, before)
    asked = canonical_of(opening.open, frame.frame)
    answered = encode_message(answer, skip=OUTSIDE)
    assert answer.sequence
    assert opens(entry, answer.nonce, asked=asked, answered=answered)
    assert (entry.kind, entry.counts["added"]) == ("CONTRIBUTION", 1)
    assert entry.facts == {"stream": opening.open.stream_id.hex(), "frame": "1"}


def test_nothing_else_opens_a_commitment(hub: HubUnderTest, caller: Stubs) -> None:
    """Neither another nonce nor a changed request or answer opens a commitment."""
    before = log_size(hub)
    request = question(fresh())
    answer = caller.verdicts.CheckSubject(request, timeout=TIMEOUT)
    [entry] = entries_from(hub, before)
    asked, answered = encode_message(request), encode_message(answer, skip=OUTSIDE)
    assert not opens(entry, bytes(32), asked=asked, answered=answered)
    request.epoch += 1
    changed = encode_message(request)
    assert not opens(entry, answer.nonce, asked=changed, answered=answered)
    answer.list_sequence += 1
    changed = encode_message(answer, skip=OUTSIDE)
    assert not opens(entry, answer.nonce, asked=asked, answered=changed)


def test_disclosure_names_what_was_shown(hub: HubUnderTest, caller: Stubs) -> None:
    """The record beside an entry holds the ids of the listings shown, and the entry its digest."""
    rows = listed_rows(caller, 3)
    answer = check(caller, *(row.token for row in rows), fresh())
    shown = sorted(listing.listing_id for listing in answer.listings)
    raw = b"".join(each.to_bytes(8, "little") for each in shown)
    entry = entries_from(hub, answer.entry_index)[0]
    assert len(shown) == 3
    assert entry.disclosure_digest == hashlib.sha256(raw).digest()
    with hub.hub.ledger.read() as txn:
        assert find_disclosure(txn, answer.entry_index) == raw
    nothing = check(caller, fresh())
    assert entries_from(hub, nothing.entry_index)[0].disclosure_digest == b""
    with hub.hub.ledger.read() as txn:
        assert find_disclosure(txn, nothing.entry_index) is None


def test_key_of_an_epoch_is_in_no_entry(hub: HubUnderTest, caller: Stubs) -> None:
    """The entry says which key was handed to whom; neither it nor its commitment covers the key."""
    before = log_size(hub)
    request = agreement_pb.GetTokenEpochRequest()
    answer = caller.agreements.GetTokenEpoch(request, timeout=TIMEOUT)
    with hub.hub.ledger.read() as txn:
        stored = b"".join(value for table in Table for _, value in txn.scan(table))
    nonce = kept_nonce(hub, before)
    [entry] = entries_from(hub, before)
    assert (entry.kind, entry.facts) == ("KEY_DELIVERY", {"epoch": "1"})
    assert len(answer.key) == 32
    assert answer.key not in stored
    without = encode_message(answer, skip=(*OUTSIDE, "key"))
    assert opens(entry, nonce, asked=b"", answered=without)
    whole = encode_message(answer, skip=OUTSIDE)
    assert not opens(entry, nonce, asked=b"", answered=whole)


FREE: list[tuple[str, Message]] = [
    ("GetAgreement", agreement_pb.GetAgreementRequest()),
    ("GetTaxonomy", agreement_pb.GetTaxonomyRequest()),
]


@pytest.mark.parametrize(("rpc", "request_message"), FREE, ids=lambda part: str(part)[:12])
def test_entry_of_an_information(
    hub: HubUnderTest, caller: Stubs, rpc: str, request_message: Message
) -> None:
    """What costs nothing is entered too, and opens with the nonce that the hub keeps."""
    before = log_size(hub)
    answer = getattr(caller.agreements, rpc)(request_message, timeout=TIMEOUT)
    [entry] = entries_from(hub, before)
    nonce = kept_nonce(hub, before)
    assert entry.kind == "INFORMATION"
    asked = encode_message(request_message)
    assert opens(entry, nonce, asked=asked, answered=encode_message(answer, skip=OUTSIDE))


def test_entry_of_a_position(hub: HubUnderTest, caller: Stubs) -> None:
    """Asking how far a stream came is entered."""
    before = log_size(hub)
    request = contribution_pb.GetContributionStateRequest(stream_id=fresh())
    caller.contributions.GetContributionState(request, timeout=TIMEOUT)
    [entry] = entries_from(hub, before)
    assert (entry.kind, entry.method) == (
        "INFORMATION",
        "ContributionService/GetContributionState",
    )


def test_acts_of_operators_are_entered(hub: HubUnderTest) -> None:
    """Each act names operator and object; an approval names both operators."""
    before = log_size(hub)
    hub.partner("a-made")
    entries = entries_from(hub, before)
    acts = [(entry.caller_id, entry.method.partition("/")[2]) for entry in entries]
    assert acts == [
        ("alice", "CreatePartner"),
        ("alice", "RegisterCertificate"),
        ("alice", "ProposeAgreement"),
        ("bob", "ApproveAgreement"),
    ]
    assert {entry.kind for entry in entries} == {"ADMINISTRATION"}
    assert entries[3].facts == {"partner": "a-made", "version": "1", "proposer": "alice"}
    assert {entry.facts["partner"] for entry in entries} == {"a-made"}


def test_entries_hold_no_token(hub: HubUnderTest, caller: Stubs) -> None:
    """No entry holds a token, a reference or a partner's pseudonym."""
    row, pseudonym = Row(token=fresh(), reference=fresh()), fresh()
    contribute(caller, [row])
    check(caller, row.token, business_ref=pseudonym)
    with hub.hub.ledger.read() as txn:
        log = b"".join(raw for _, raw in list_entries(txn))
    assert [each for each in (row.token, row.reference, pseudonym) if each in log] == []


def test_store_confirms_no_guess(hub: HubUnderTest, caller: Stubs) -> None:
    """Without the hub's key nothing in the store tells whether a guessed token was asked about."""
    row = listed_rows(caller, 1)[0]
    request = question(row.token)
    answer = caller.verdicts.CheckSubject(request, timeout=TIMEOUT)
    opening, frame = verdict_open(), verdict_frame(1, row.token)
    framed = ask_stream(caller, opening, frame)[0]
    with hub.hub.ledger.read() as txn:
        stored = b"".join(key + value for table in Table for key, value in txn.scan(table))
    digest = hashlib.sha256(encode_message(request, skip=("request_id",))).digest()
    guesses = [row.token, digest, answer.nonce, framed.nonce]
    guesses += [
        hashlib.sha256(row.token).digest(),
        hashlib.sha256(encode_message(request)).digest(),
    ]
    assert [each for each in guesses if each in stored] == []


def test_root_is_that_of_the_entries(hub: HubUnderTest, caller: Stubs) -> None:
    """The root that the hub tells is the RFC 6962 root over the entries before the telling."""
    check(caller, fresh())
    status = hub.alice.operators.GetHubStatus(operator_pb.GetHubStatusRequest())
    with hub.hub.ledger.read() as txn:
        leaves = [leaf_hash(raw) for _, raw in list_entries(txn)]
        frontier = get_frontier(txn)
    assert status.root_hash == root_of(leaves[: status.entry_count])
    assert (frontier.size, frontier.root()) == (len(leaves), root_of(leaves))
    assert len(leaves) == status.entry_count + 1


def test_log_of_a_serving_hub_verifies(hub: HubUnderTest, caller: Stubs) -> None:
    """The log re-derives while the hub serves, and again after a restart, which it notes."""
    check(caller, fresh())
    report = verify_log(hub.hub.ledger, on_progress=lambda _done, _all: None)
    assert (report.fault, report.size) == (None, log_size(hub))
    hub.restart()
    assert [entry.method for entry in entries_from(hub, report.size)] == ["hub/stop", "hub/start"]
    assert verify_log(hub.hub.ledger, on_progress=lambda _done, _all: None).fault is None


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, bytes]]:
    """The ledger of a stopped hub with some entries, as a file's bytes, and its directory."""
    with running_hub(tmp_path_factory.mktemp("edited") / "home") as hub:
        partner = hub.partner("a-edited")
        row = listed_rows(partner, 1)[0]
        check(partner, row.token)
        check(partner, fresh())
        data = hub.settings.data_directory
        hub.stop()
        yield data, (data / "data.mdb").read_bytes()


def report_after(
    stopped: tuple[Path, bytes], edit: Callable[[Transaction, int], None]
) -> tuple[LogReport, int]:
    """Edits the ledger as an insider could, with checksums; returns report and index edited."""
    data, original = stopped
    (data / "data.mdb").write_bytes(original)
    with Ledger(data) as ledger:
        with ledger.read() as txn:
            shown = next(index for index, _ in list_entries(txn) if find_disclosure(txn, index))
        with ledger.write() as txn:
            edit(txn, shown)
        return verify_log(ledger, on_progress=lambda _done, _all: None), shown


def put_entry(txn: Transaction, index: int, raw: bytes) -> None:
    """Writes an entry over another."""
    txn.put(Table.ENTRIES, index.to_bytes(8, "big"), raw)


def flip(raw: bytes | None, at: int) -> bytes:
    """Flips a bit."""
    assert raw is not None
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


EDITS: dict[str, tuple[Callable[[Transaction, int], None], str]] = {
    "the version byte": (
        lambda txn, at: put_entry(txn, at, flip(find_entry(txn, at), 0)),
        "entry of an unknown version",
    ),
    "a field's length": (
        lambda txn, at: put_entry(txn, at, flip(find_entry(txn, at), 3)),
        "",
    ),
    "the last byte cut off": (
        lambda txn, at: put_entry(txn, at, (find_entry(txn, at) or b"")[:-1]),
        "entry is not in its canonical form",
    ),
    "the entry removed": (
        lambda txn, at: txn.delete(Table.ENTRIES, at.to_bytes(8, "big")),
        "the entry is missing",
    ),
    "another disclosure": (
        lambda txn, at: put_disclosure(txn, at, bytes(8)),
        "the disclosure record does not fit its digest",
    ),
    "no disclosure": (
        lambda txn, at: txn.delete(Table.DISCLOSURES, at.to_bytes(8, "big")),
        "the disclosure record does not fit its digest",
    ),
}


@pytest.mark.parametrize("case", EDITS, ids=str)
def test_edit_is_found_at_its_entry(stopped: tuple[Path, bytes], case: str) -> None:
    """What does not hold at an entry by itself is found there."""
    edit, rule = EDITS[case]
    report, index = report_after(stopped, edit)
    assert report.fault is not None
    assert report.fault.index == index
    assert rule in report.fault.rule


def test_plausible_edit_is_found_by_the_tree(stopped: tuple[Path, bytes]) -> None:
    """An entry rewritten in perfect form breaks the tree, whose size is named."""

    def rewrite(txn: Transaction, index: int) -> None:
        entry = parse_entry(find_entry(txn, index) or b"")
        put_entry(txn, index, replace(entry, caller_id="somebody").encode())

    report, _ = report_after(stopped, rewrite)
    assert report.fault == LogFault(report.size, "the entries do not give the recorded frontier")


def test_flipped_bit_in_the_file(stopped: tuple[Path, bytes]) -> None:
    """A value that changed without its checksum is found at its entry."""
    report, index = report_after(stopped, lambda _txn, _at: None)
    assert report.fault is None
    data, _ = stopped
    key = index.to_bytes(8, "big")
    with lmdb.open(str(data), max_dbs=16, map_size=1 << 30) as environment:
        entries = environment.open_db(b"entries", create=False)
        with environment.begin(write=True) as txn:
            value: Any = txn.get(key, db=entries)
            txn.put(key, flip(bytes(value), 20), db=entries)
    with Ledger(data) as ledger:
        report = verify_log(ledger, on_progress=lambda _done, _all: None)
    rule = "the stored bytes do not match their checksum"
    assert report.fault == LogFault(index, rule)
