"""Epochs from opening to closing, on a hub that is asked all the while."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.v1 import vocabulary_pb2
from rongan_share.wire.vocabulary import RowOperation, Suite
from tests.support.hub import HubUnderTest, Stubs, running_hub
from tests.walk.asking import (
    LISTED,
    NOT_LISTED,
    Row,
    check,
    contribute,
    contribute_frame,
    contribute_open,
    fresh,
    opened,
    refused,
    send_frames,
    stream,
    verdict_frame,
    verdict_open,
    withdrawal,
)
from tests.walk.rolling import both_frame, contribute_both, next_of, open_epoch, retoken

OPENING, CURRENT, CLOSING, CLOSED = 1, 2, 3, 4
SECOND = {"epoch": 2, "suite": Suite.HMAC_SHA256}


@pytest.fixture
def world(tmp_path: Path) -> Any:  # noqa: ANN401 - a fixture that yields
    """A hub of its own: epochs belong to all of it."""
    with running_hub(tmp_path / "home") as hub:
        yield hub


def rows(count: int) -> list[Row]:
    """Makes rows of listings that there are not yet."""
    return [Row(token=fresh(), reference=fresh(), severity=1 + n % 3) for n in range(count)]


def states(hub: HubUnderTest) -> list[int]:
    """Lists where epochs stand, by number."""
    return [int(epoch.state) for epoch in known(hub).epochs]


def known(hub: HubUnderTest) -> pb.ListEpochsResponse:
    """Asks where epochs stand."""
    return hub.alice.operators.ListEpochs(pb.ListEpochsRequest())


def lacking(hub: HubUnderTest) -> dict[str, int]:
    """Asks which listings lack tokens, by partner."""
    answer = known(hub)
    found = {each.partner_id: each.count for each in answer.lacking}
    assert sum(found.values()) == answer.lacking_count
    return found


def promote(
    hub: HubUnderTest, number: int, *, waived: int = 0, by: Stubs | None = None
) -> pb.PromoteEpochResponse:
    """Promotes an epoch."""
    request = pb.PromoteEpochRequest(epoch=number, waived_count=waived)
    return (by or hub.alice).operators.PromoteEpoch(request)


def close(hub: HubUnderTest, number: int) -> pb.CloseEpochResponse:
    """Closes an epoch."""
    return hub.alice.operators.CloseEpoch(pb.CloseEpochRequest(epoch=number))


def verdict(partner: Stubs, token: bytes, **terms: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """Returns what is said of a token, whatever its epoch."""
    answer = check(partner, token, **terms)
    listings = [listing.SerializeToString() for listing in answer.listings]
    return answer.state, answer.summary.SerializeToString(), listings


def reconnected(hub: HubUnderTest, *partner_ids: str) -> list[Stubs]:
    """Restarts the hub, and connects its partners with certificates of their own."""
    hub.restart()
    found = []
    for partner_id in partner_ids:
        minted = hub.pki.partner(partner_id)
        hub.register(minted)
        found.append(hub.connect(minted))
    return found


def test_whole_life(world: HubUnderTest) -> None:
    """What is said of every listing stays the same while its tokens are replaced (trust: C7)."""
    hub = world
    source = hub.partner("e-source")
    old, gone, new = rows(40), rows(3), rows(20)
    contribute(source, [*old, *gone])
    open_epoch(hub, 2)
    (source,) = reconnected(hub, "e-source")
    assert states(hub) == [CURRENT, OPENING]
    assert lacking(hub) == {"e-source": 43}
    contribute_both(source, new)
    assert lacking(hub) == {"e-source": 43}
    contribute_both(source, [retoken(row) for row in old[:20]])
    told = refused(hub, lambda: promote(hub, 2))
    assert told == ("FAILED_PRECONDITION", "LISTINGS_LACK_TOKENS", {"count": "23"})
    # An AMEND and a WITHDRAW name by the current token and act in both epochs.
    contribute(source, [amend(old[0]), *(withdrawal(row.token, row.reference) for row in gone)])
    (source,) = reconnected(hub, "e-source")
    assert lacking(hub) == {"e-source": 20}
    contribute_both(source, [retoken(row) for row in old[20:]])
    assert lacking(hub) == {}
    live = [*old, *new]
    before = [verdict(source, row.token) for row in live]
    assert promote(hub, 2).promoted
    assert states(hub) == [CLOSING, CURRENT]
    after = [verdict(source, next_of(row.token), **SECOND) for row in live]
    assert after == before
    assert {state for state, _, _ in before} == {LISTED}
    (source,) = reconnected(hub, "e-source")
    assert [verdict(source, next_of(row.token), **SECOND) for row in live] == before
    for row in gone:
        assert check(source, next_of(row.token), **SECOND).state == NOT_LISTED
    _after_promotion(hub, source, live, changed=old[1])


def _after_promotion(hub: HubUnderTest, source: Stubs, live: list[Row], *, changed: Row) -> None:
    """Changes a listing by its new token, and closes what was left."""
    told = refused(hub, lambda: check(source, changed.token), by="e-source")
    wanted = {"currentEpoch": "2", "currentSuite": "HMAC_SHA256"}
    assert told == ("FAILED_PRECONDITION", "EPOCH_NOT_OPEN", wanted)
    token = next_of(changed.token)
    amended = Row(token=token, reference=changed.reference, operation=RowOperation.AMEND)
    send_frames(source, contribute_open(fresh(), epoch=2), contribute_frame(1, [amended]))
    assert check(source, token, **SECOND).summary.severity == amended.severity
    taken = contribute_frame(1, [withdrawal(token, changed.reference)])
    answer = send_frames(source, contribute_open(fresh(), epoch=2), taken)[0]
    assert answer.withdrawn_count == 1
    assert check(source, token, **SECOND).state == NOT_LISTED
    page = source.contributions.ListOwnListings(
        contribution_pb.ListOwnListingsRequest(page_size=1000)
    )
    tokens = {page.token[at : at + 16] for at in range(0, len(page.token), 16)}
    assert tokens == {next_of(row.token) for row in live if row is not changed}
    assert close(hub, 1).epoch.state == CLOSED
    (hub.settings.keys.epoch_keys / "epoch-1.key").unlink()
    (source,) = reconnected(hub, "e-source")
    assert states(hub) == [CLOSED, CURRENT]
    assert check(source, next_of(live[-1].token), **SECOND).state == LISTED


def test_two_listings_under_one_token(world: HubUnderTest) -> None:
    """What RETOKEN gave one token is one identity from then on, and is added and taken as one."""
    source = world.partner("e-merged")
    first = Row(token=fresh(), reference=fresh())
    second = replace(first, token=fresh())
    contribute(source, [first, second])
    open_epoch(world, 2)
    both = contribute_frame(
        1, [retoken(first), retoken(second)], next_token=2 * next_of(first.token)
    )
    send_frames(source, contribute_open(fresh(), next_epoch=2), both)
    assert promote(world, 2).promoted
    merged, other = replace(first, token=next_of(first.token)), fresh()
    added = [merged, Row(token=other, reference=fresh())]
    opening = contribute_open(fresh(), epoch=2)
    answer = send_frames(source, opening, contribute_frame(1, added))[0]
    assert (answer.added_count, answer.unchanged_count) == (1, 1)
    assert check(source, other, **SECOND).state == LISTED
    taken = contribute_frame(1, [withdrawal(merged.token, merged.reference)])
    answer = send_frames(source, contribute_open(fresh(), epoch=2), taken)[0]
    assert answer.withdrawn_count == 2
    assert check(source, merged.token, **SECOND).state == NOT_LISTED


def amend(row: Row) -> Row:
    """Makes an AMEND of a row's listing that says as much as it."""
    fields = {name: getattr(row, name) for name in Row.__slots__}
    return Row(**(fields | {"operation": RowOperation.AMEND}))


def test_two_operators_waive(world: HubUnderTest) -> None:
    """Two operators name the printed count; who named it first cannot be the second too."""
    hub = world
    source = hub.partner("e-waive")
    kept, lost = rows(2), rows(3)
    contribute(source, [*kept, *lost])
    open_epoch(hub, 2)
    contribute_both(source, [retoken(row) for row in kept])
    told = refused(hub, lambda: promote(hub, 2, waived=2))
    assert told.metadata == {"count": "3"}
    assert not promote(hub, 2, waived=3).promoted
    assert (known(hub).waiver_operator, known(hub).waived_count) == ("alice", 3)
    told = refused(hub, lambda: promote(hub, 2, waived=3), by="alice")
    assert (told.code, told.reason) == ("PERMISSION_DENIED", "SAME_OPERATOR")
    contribute(source, [withdrawal(lost[0].token, lost[0].reference)])
    # What was accepted is not what lacks tokens now.
    told = refused(hub, lambda: promote(hub, 2, waived=3, by=hub.bob))
    assert told.metadata == {"count": "2"}
    assert known(hub).waiver_operator == ""
    assert not promote(hub, 2, waived=2, by=hub.bob).promoted
    assert promote(hub, 2, waived=2).promoted
    assert check(source, next_of(kept[0].token), **SECOND).state == LISTED
    # It is found no more, and is still its contributor's to take back.
    assert check(source, next_of(lost[1].token), **SECOND).state == NOT_LISTED
    taken = contribute(source, [withdrawal(bytes(16), lost[1].reference)])[0]
    assert taken.withdrawn_count == 1


def test_acts_need_their_states(world: HubUnderTest) -> None:
    """Each act is refused where it does not belong, saying what stands there."""
    hub = world
    operators = hub.alice.operators
    wrong = ("FAILED_PRECONDITION", "WRONG_STATE")
    told = refused(hub, lambda: promote(hub, 2))
    assert told == ("NOT_FOUND", "RESOURCE_NOT_FOUND", {"resource": "epoch"})
    assert refused(hub, lambda: promote(hub, 1)) == (*wrong, {"state": "CURRENT"})
    assert refused(hub, lambda: close(hub, 1)) == (*wrong, {"state": "CURRENT"})
    told = refused(hub, lambda: open_epoch(hub, 3))
    assert told.metadata == {"field": "epoch", "rule": "2, which is next"}
    bad = pb.OpenEpochRequest(epoch=2, suite=vocabulary_pb2.SUITE_HMAC_SHA256, key_digest=bytes(32))
    told = refused(hub, lambda: operators.OpenEpoch(bad))
    assert told.metadata["field"] == "key_digest"
    open_epoch(hub, 2)
    assert refused(hub, lambda: open_epoch(hub, 3)) == (*wrong, {"state": "OPENING"})
    assert operators.GetHubStatus(pb.GetHubStatusRequest()).opening_epoch == 2
    path = hub.settings.keys.epoch_keys / "epoch-2.key"
    key = path.read_text()
    path.unlink()
    assert refused(hub, lambda: promote(hub, 2)).reason == "STORE_FAILED"
    path.touch(mode=0o600)
    path.write_text(key)
    assert promote(hub, 2).promoted
    assert refused(hub, lambda: promote(hub, 2)) == (*wrong, {"state": "CURRENT"})
    close(hub, 1)
    assert refused(hub, lambda: close(hub, 1)) == (*wrong, {"state": "CLOSED"})


def test_stream_across_the_promotion(world: HubUnderTest) -> None:
    """A stream of the old epoch ends, and names its first frame that was not answered."""
    hub = world
    source = hub.partner("e-stream")
    [row] = rows(1)
    contribute(source, [row])
    open_epoch(hub, 2)
    contribute_both(source, [retoken(row)])
    with opened(source.verdicts.StreamVerdicts) as asking:
        first = asking.send(verdict_open(), verdict_frame(1, row.token * 4))
        assert len(first.listed_index) == 16
        assert promote(hub, 2).promoted
        told = refused(
            hub,
            lambda: asking.send(*(verdict_frame(n, row.token * 4) for n in range(2, 6))),
            by="e-stream",
        )
    wanted = {"currentEpoch": "2", "currentSuite": "HMAC_SHA256", "frameNumber": "2"}
    assert told == ("FAILED_PRECONDITION", "EPOCH_NOT_OPEN", wanted)
    [answer] = stream(source, next_of(row.token) * 4, **SECOND)
    assert answer.listed_summary == first.listed_summary


def test_pipelined_frames_across_the_promotion(world: HubUnderTest) -> None:
    """Frames that were read ahead under the old epoch are decided again, and refused."""
    hub = world
    source = hub.partner("e-ahead")
    open_epoch(hub, 2)
    frames = (verdict_frame(number, fresh() * 2_000) for number in itertools.count(1))
    answers: list[int] = []

    def ask() -> None:
        call = source.verdicts.StreamVerdicts(itertools.chain([verdict_open()], frames))
        for answer in call:
            assert (answer.epoch, answer.not_listed_count) == (1, 2_000)
            answers.append(answer.frame_number)
            if answer.frame_number == 10:
                assert promote(hub, 2).promoted

    told = refused(hub, ask, by="e-ahead", still=True)
    assert answers == list(range(1, len(answers) + 1))
    assert told.reason == "EPOCH_NOT_OPEN"
    assert told.metadata["frameNumber"] == str(len(answers) + 1)


def test_resend_across_the_promotion(world: HubUnderTest) -> None:
    """Who missed an acknowledgement gets it again; what was not kept is refused."""
    hub = world
    source = hub.partner("e-resend")
    open_epoch(hub, 2)
    row, other = rows(2)
    stream_id = fresh()
    [answer] = contribute_both(source, [row], stream_id=stream_id)
    assert promote(hub, 2).promoted
    [again] = contribute_both(source, [row], stream_id=stream_id)
    assert (again.repeated, again.sequence) == (True, answer.sequence)
    opening = contribute_open(stream_id, next_epoch=2)
    told = refused(hub, lambda: send_frames(source, opening, both_frame(2, [other])))
    assert (told.reason, told.metadata["currentEpoch"]) == ("EPOCH_NOT_OPEN", "2")
    # The same row in the new epoch is the listing that there is.
    moved = Row(
        **{name: getattr(row, name) for name in Row.__slots__} | {"token": next_of(row.token)}
    )
    sent = send_frames(source, contribute_open(fresh(), epoch=2), contribute_frame(1, [moved]))
    assert (sent[0].added_count, sent[0].unchanged_count) == (0, 1)


def test_equal_add_needs_no_retoken(world: HubUnderTest) -> None:
    """Sending an old list again with both tokens is enough."""
    hub = world
    source = hub.partner("e-again")
    row, other = rows(2)
    contribute(source, [row])
    open_epoch(hub, 2)
    assert lacking(hub) == {"e-again": 1}
    contribute_both(source, [row, other])
    assert lacking(hub) == {}
    assert promote(hub, 2).promoted
    assert check(source, next_of(row.token), **SECOND).state == LISTED
    assert check(source, next_of(other.token), **SECOND).state == LISTED
