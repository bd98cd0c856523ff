from __future__ import annotations

from functools import partial

import pytest

from rongan_share.ledger.streams import FRAME_MEMORY_NS
from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.vocabulary import RowFlag, RowOperation
from tests.support.hub import HubUnderTest, Stubs
from tests.walk.asking import (
    LISTED,
    NOT_LISTED,
    TIMEOUT,
    Row,
    advance,
    check,
    contribute,
    contribute_frame,
    contribute_open,
    entries_from,
    fresh,
    log_size,
    opened,
    refused,
    send_frames,
    withdrawal,
)

NO_TOKEN = bytes(16)
ADDED, AMENDED = RowOperation.ADD, RowOperation.AMEND
SECONDS_OF_MEMORY = FRAME_MEMORY_NS // 1_000_000_000


@pytest.fixture(scope="module")
def source(hub: HubUnderTest) -> Stubs:
    """An institution that contributes."""
    return hub.partner("c-source")


@pytest.fixture(scope="module")
def asker(hub: HubUnderTest) -> Stubs:
    """An institution that asks."""
    return hub.partner("c-asker")


def counts(answer: contribution_pb.ContributeResponse) -> tuple[int, int, int, int]:
    """Returns what a frame did: added, amended, withdrawn, unchanged."""
    return (
        answer.added_count,
        answer.amended_count,
        answer.withdrawn_count,
        answer.unchanged_count,
    )


def amendment(row: Row, **values: int) -> Row:
    """Makes an AMEND of a row's listing."""
    return changed(row, operation=AMENDED, **values)


def changed(row: Row, **values: int | bytes) -> Row:
    """Makes a row that differs."""
    fields = {name: getattr(row, name) for name in Row.__slots__}
    return Row(**(fields | values))


def test_equal_add_changes_nothing(source: Stubs, asker: Stubs) -> None:
    """An ADD of an equal live listing is no error and makes no second listing."""
    row = Row(token=fresh(), reference=fresh())
    first, second = contribute(source, [row], [row, Row(token=fresh(), reference=fresh())])
    assert (counts(first), counts(second)) == ((1, 0, 0, 0), (1, 0, 0, 1))
    assert second.sequence == first.sequence + 1
    assert len(check(asker, row.token).listings) == 1


@pytest.mark.parametrize(
    "values",
    [{"severity": 2}, {"flags": RowFlag.WEAK}, {"expiry_day": 40_000}, {"original_source": 5}],
    ids=str,
)
def test_different_add_is_refused(
    hub: HubUnderTest, source: Stubs, asker: Stubs, values: dict[str, int]
) -> None:
    """An ADD that differs from its live listing is a row error; nothing of its frame is kept."""
    row, other = Row(token=fresh(), reference=fresh()), Row(token=fresh(), reference=fresh())
    contribute(source, [row])
    told = refused(hub, lambda: contribute(source, [other, changed(row, **values)]), by="c-source")
    rule = "AMEND instead: a live listing with other values exists"
    metadata = {"row": "1", "column": "reference", "rule": rule, "frameNumber": "1"}
    assert told == ("INVALID_ARGUMENT", "ROW_REFUSED", metadata)
    assert check(asker, other.token).state == NOT_LISTED


def test_amend_changes_values(source: Stubs, asker: Stubs) -> None:
    """An AMEND changes what is said and keeps the listing's id."""
    row = Row(token=fresh(), reference=fresh())
    contribute(source, [row])
    before = check(asker, row.token)
    answer = contribute(source, [amendment(row, severity=4, flags=RowFlag.ORDER)])[0]
    after = check(asker, row.token)
    assert counts(answer) == (0, 1, 0, 0)
    assert (before.summary.severity, after.summary.severity) == (3, 4)
    assert [listing.listing_id for listing in after.listings] == [
        listing.listing_id for listing in before.listings
    ]


def test_amend_renews_an_expired_listing(hub: HubUnderTest, source: Stubs, asker: Stubs) -> None:
    """An expired listing still lives for its contributor, who may renew it but not add it."""
    today = shanghai_day(hub.clock.now())
    row = Row(token=fresh(), reference=fresh(), expiry_day=today)
    contribute(source, [row])
    advance(hub, days=2)
    assert check(asker, row.token).state == NOT_LISTED
    later = changed(row, expiry_day=today + 30)
    told = refused(hub, lambda: contribute(source, [later]), by="c-source")
    assert told.metadata["rule"] == "AMEND instead: a live listing with other values exists"
    assert counts(contribute(source, [amendment(row, expiry_day=today + 30)])[0]) == (0, 1, 0, 0)
    assert check(asker, row.token).summary.expiry_day == today + 30


def test_add_after_withdraw_is_a_new_listing(source: Stubs, asker: Stubs) -> None:
    """What was withdrawn is gone; adding it again makes a listing with another id."""
    row = Row(token=fresh(), reference=fresh())
    contribute(source, [row])
    before = check(asker, row.token).listings[0].listing_id
    taken = contribute(source, [withdrawal(row.token, row.reference)])[0]
    assert counts(taken) == (0, 0, 1, 0)
    assert check(asker, row.token).state == NOT_LISTED
    contribute(source, [row])
    assert check(asker, row.token).listings[0].listing_id > before


def test_no_token_names_all_of_a_reference(source: Stubs, asker: Stubs) -> None:
    """AMEND and WITHDRAW without a token act on every listing of the reference in the category."""
    reference = fresh()
    rows = [Row(token=fresh(), reference=reference) for _ in range(3)]
    other = Row(token=rows[0].token, reference=reference, category="E1")
    contribute(source, [*rows, other])
    every = changed(rows[0], operation=AMENDED, token=NO_TOKEN, severity=1)
    assert counts(contribute(source, [every])[0]) == (0, 3, 0, 0)
    severities = [check(asker, row.token).listings[0].severity for row in rows]
    assert severities == [1, 1, 1]
    assert counts(contribute(source, [withdrawal(NO_TOKEN, reference)])[0]) == (0, 0, 3, 0)
    assert check(asker, rows[1].token).state == NOT_LISTED
    assert [each.category_bit for each in check(asker, rows[0].token).listings] == [16]


@pytest.mark.parametrize("operation", [AMENDED, RowOperation.WITHDRAW], ids=lambda each: each.name)
@pytest.mark.parametrize("named", [True, False])
def test_nobody_touches_another_partners_listing(
    hub: HubUnderTest, source: Stubs, asker: Stubs, operation: RowOperation, named: bool
) -> None:
    """Another partner's listing is none of yours, though reference, category and token agree."""
    row = Row(token=fresh(), reference=fresh())
    contribute(source, [row])
    attack = withdrawal(row.token, row.reference)
    if operation is AMENDED:
        attack = amendment(row, severity=1)
    if not named:
        attack = changed(attack, token=NO_TOKEN)
    told = refused(hub, lambda: contribute(asker, [attack]), by="c-asker")
    rule = "no live listing of this reference, category and token"
    metadata = {"row": "0", "column": "reference", "rule": rule, "frameNumber": "1"}
    assert told == ("INVALID_ARGUMENT", "ROW_REFUSED", metadata)
    answer = check(asker, row.token)
    assert (answer.state, answer.summary.severity) == (LISTED, 3)


def test_contradictions_inside_a_frame(hub: HubUnderTest, source: Stubs) -> None:
    """One identity twice, ADD beside AMEND, or two rows that name one listing: refused."""
    row, old = Row(token=fresh(), reference=fresh()), Row(token=fresh(), reference=fresh())
    contribute(source, [old])
    sibling = Row(token=fresh(), reference=old.reference)
    twice = "one identity once in a frame"
    mixed = "either added or changed in one frame, not both"
    shared = "names a listing that another row names"
    every = withdrawal(NO_TOKEN, old.reference)
    cases = [
        ([row, row], "1", twice),
        ([row, changed(row, severity=1)], "1", twice),
        ([amendment(old, severity=1), withdrawal(old.token, old.reference)], "1", twice),
        ([sibling, amendment(old, severity=1)], "1", mixed),
        ([withdrawal(old.token, old.reference), sibling], "0", mixed),
        ([amendment(old, severity=1), every], "1", shared),
    ]
    for rows, index, rule in cases:
        told = refused(hub, partial(contribute, source, rows), by="c-source")
        metadata = {"row": index, "column": "reference", "rule": rule, "frameNumber": "1"}
        assert told == ("INVALID_ARGUMENT", "ROW_REFUSED", metadata)


def test_same_reference_in_two_categories(source: Stubs, asker: Stubs) -> None:
    """A reference may be said of several categories and tokens in one frame."""
    row = Row(token=fresh(), reference=fresh())
    rows = [row, changed(row, category=16), changed(row, token=fresh())]
    assert counts(contribute(source, rows)[0]) == (3, 0, 0, 0)
    assert len(check(asker, row.token).listings) == 2


def test_resent_frame_is_acknowledged_again(hub: HubUnderTest, source: Stubs) -> None:
    """The same frame again has the same sequence and entry, is marked, and changes nothing."""
    rows, stream_id = [Row(token=fresh(), reference=fresh())], fresh()
    first = contribute(source, rows, stream_id=stream_id)[0]
    size = log_size(hub)
    again = contribute(source, rows, stream_id=stream_id)[0]
    assert (again.sequence, again.entry_index) == (first.sequence, first.entry_index)
    assert (again.repeated, counts(again)) == (True, (0, 0, 0, 0))
    entry = entries_from(hub, size)[0]
    assert (entry.decision, dict(entry.counts)) == ("GRANTED", {"repeated": 1})
    assert entry.facts == {"stream": stream_id.hex(), "frame": "1"}


def test_frame_with_other_content(hub: HubUnderTest, source: Stubs) -> None:
    """A frame number that was used before takes no other content, neither terms nor rows."""
    row, stream_id = Row(token=fresh(), reference=fresh()), fresh()
    contribute(source, [row], stream_id=stream_id)
    before = state(source, stream_id)
    other = [Row(token=fresh(), reference=fresh())]
    told = refused(hub, lambda: contribute(source, other, stream_id=stream_id), by="c-source")
    assert told == ("ABORTED", "FRAME_CONFLICT", {"frameNumber": "1"})
    opening = contribute_open(stream_id, legal_basis_ref="contract 7")
    told = refused(
        hub, lambda: send_frames(source, opening, contribute_frame(1, [row])), by="c-source"
    )
    assert told == ("ABORTED", "FRAME_CONFLICT", {"frameNumber": "1"})
    assert state(source, stream_id) == before


@pytest.mark.parametrize("first", [2, 5])
def test_gap_before_a_frame(hub: HubUnderTest, source: Stubs, first: int) -> None:
    """A frame beyond the next one is refused, naming the number expected."""
    stream_id = fresh()
    told = refused(
        hub, lambda: contribute(source, [Row(token=fresh())], stream_id=stream_id, first=first)
    )
    metadata = {"expected": "1", "frameNumber": str(first)}
    assert told == ("FAILED_PRECONDITION", "FRAME_GAP", metadata)
    rows = [Row(token=fresh(), reference=fresh())]
    contribute(source, rows, stream_id=stream_id)
    messages = [contribute_open(stream_id), contribute_frame(1, rows), contribute_frame(3, rows)]
    told = refused(hub, lambda: send_frames(source, *messages), by="c-source")
    assert told == ("FAILED_PRECONDITION", "FRAME_GAP", {"expected": "2", "frameNumber": "3"})


def test_frame_from_long_ago(hub: HubUnderTest, source: Stubs) -> None:
    """Thirty days on a frame is no longer known; the highest number is, so the stream goes on."""
    rows, stream_id = [Row(token=fresh(), reference=fresh())], fresh()
    contribute(source, rows, stream_id=stream_id)
    advance(hub, seconds=SECONDS_OF_MEMORY - 60)
    assert contribute(source, rows, stream_id=stream_id)[0].repeated
    advance(hub, seconds=60)
    told = refused(hub, lambda: contribute(source, rows, stream_id=stream_id), by="c-source")
    metadata = {"highest": "1", "frameNumber": "1"}
    assert told == ("FAILED_PRECONDITION", "STREAM_TOO_OLD", metadata)
    assert state(source, stream_id).frame_number == 1
    more = [Row(token=fresh(), reference=fresh())]
    assert contribute(source, more, stream_id=stream_id, first=2)[0].added_count == 1


def test_two_live_streams_with_one_id(hub: HubUnderTest, source: Stubs) -> None:
    """Of two live streams with one id each frame number is kept once."""
    stream_id = fresh()
    one, two, three = ([Row(token=fresh(), reference=fresh())] for _ in range(3))
    rpc = source.contributions.Contribute
    with opened(rpc) as left, opened(rpc) as right:
        left.send(contribute_open(stream_id), contribute_frame(1, one))
        assert right.send(contribute_open(stream_id), contribute_frame(1, one)).repeated
        assert not right.send(contribute_frame(2, two)).repeated
        told = refused(hub, lambda: left.send(contribute_frame(2, three)), by="c-source")
        assert told == ("ABORTED", "FRAME_CONFLICT", {"frameNumber": "2"})
    assert state(source, stream_id).frame_number == 2


def test_position_of_a_stream(source: Stubs, asker: Stubs) -> None:
    """GetContributionState tells where a stream stands, to its own partner only."""
    stream_id = fresh()
    assert state(source, stream_id) == contribution_pb.GetContributionStateResponse()
    frames = [[Row(token=fresh(), reference=fresh())] for _ in range(3)]
    last = contribute(source, *frames, stream_id=stream_id)[-1]
    found = state(source, stream_id)
    assert (found.frame_number, found.sequence) == (3, last.sequence)
    assert found.entry_index == last.entry_index
    assert state(asker, stream_id).frame_number == 0


def state(caller: Stubs, stream_id: bytes) -> contribution_pb.GetContributionStateResponse:
    """Asks how far a stream came."""
    request = contribution_pb.GetContributionStateRequest(stream_id=stream_id)
    return caller.contributions.GetContributionState(request, timeout=TIMEOUT)


def test_listing_id_names_sequence_and_row(source: Stubs, asker: Stubs) -> None:
    """A listing's id is the sequence of its ADD and its row, whatever amends it later."""
    rows = [Row(token=fresh(), reference=fresh()) for _ in range(3)]
    sequence = contribute(source, rows)[0].sequence
    contribute(source, [amendment(rows[2], severity=1)])
    assert check(asker, rows[2].token).listings[0].listing_id == (sequence << 14) | 2
