"""A worker answers from the set of look-ups that its registry names, and has the next one ready."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from rongan_share.columns.freeze import newest
from rongan_share.errors import Reason, RonganError
from rongan_share.ledger.counters import (
    bump_generation,
    get_list_sequence,
    put_list_sequence,
)
from rongan_share.ledger.journal import PackedFrame, RowsHeader
from rongan_share.ledger.objects import load_registry, put_object
from rongan_share.model.epoch import EpochState
from rongan_share.model.hub_key import Target
from rongan_share.model.listing import listing_id_of
from rongan_share.processes.column_folder import FOLDER
from rongan_share.processes.freezing import Freezing
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS
from rongan_share.wire.vocabulary import RowOperation
from tests.support.freezing import sets_of
from tests.support.hub import HubUnderTest, running_hub
from tests.walk.asking import (
    LISTED,
    NOT_LISTED,
    Row,
    check,
    contribute,
    contribute_frame,
    contribute_open,
    fresh,
    send_frames,
    withdrawal,
)
from tests.walk.rolling import open_epoch

ONE, TWO = Target(1, 1), Target(2, 1)
RUNNING = threading.Event()


@pytest.fixture(name="hub")
def hub_of_its_own(tmp_path: Path) -> Iterator[HubUnderTest]:
    """A hub whose epochs a test may change."""
    with running_hub(tmp_path / "home") as hub:
        yield hub


def put_epochs(hub: HubUnderTest, states: dict[int, EpochState]) -> None:
    """Writes epochs with the key of the first one, and makes them count in one commit."""
    with hub.hub.ledger.read() as txn:
        first = load_registry(txn).epochs[1]
    with hub.hub.ledger.write() as txn:
        for number, state in states.items():
            epoch = msgspec.structs.replace(first, number=number, state=state)
            put_object(txn, epoch, object_id=f"{number:010d}", time_ns=0, sequence=0)
        bump_generation(txn)


OPENED = {2: EpochState.OPENING}
PROMOTED = {1: EpochState.CLOSING, 2: EpochState.CURRENT}


def until(done: Callable[[], bool]) -> None:
    """Waits until something has happened."""
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_followed(hub: HubUnderTest, target: Target) -> bool:
    """Tells whether a set is followed, without waiting for it."""
    return target in hub.hub.followers._followers


def names(hub: HubUnderTest) -> set[str]:
    """Lists the folders of sets."""
    return {path.name for path in (hub.settings.data_directory / FOLDER).iterdir()}


def give_token(hub: HubUnderTest, row: Row, token: bytes, *, listing_id: int) -> int:
    """Appends what a holder sends once more to the journal; returns its sequence."""
    encipher = hub.hub.walk.hub.hub_keys.cipher(1).encipher
    columns = {name: bytes(width) for name, width in CONTRIBUTE_COLUMNS}
    columns |= {"operation": bytes([RowOperation.RETOKEN]), "reference": row.reference}
    columns |= {"token": encipher(row.token), "next_token": encipher(token)}
    header = RowsHeader(
        key_id=1,
        suite=1,
        epoch=1,
        next_epoch=2,
        partner_number=2,
        row_count=1,
        time_ns=0,
    )
    packed = PackedFrame(
        header,
        columns,
        pair_rows=np.zeros(1, "<u4"),
        pair_ids=np.array([listing_id], "<u8"),
    )
    with hub.hub.ledger.write() as txn:
        sequence = get_list_sequence(txn) + 1
        packed.append(txn, sequence)
        put_list_sequence(txn, sequence)
    return sequence


def test_answers_change_over_with_the_registry(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A set that comes is followed beside the one that serves, and serves from one commit on."""
    monkeypatch.setattr("rongan_share.columns.followers.KEPT_SECONDS", 0.0)
    giver, asker = hub.partner("t-source"), hub.partner("t-asker")
    row, late = (Row(token=fresh(), reference=fresh()) for _ in range(2))
    (first,) = contribute(giver, [row])
    (accepted,) = contribute(giver, [late])
    assert hub.hub.followers.of(ONE) is hub.hub.follower
    put_epochs(hub, OPENED)
    until(lambda: is_followed(hub, TWO))
    coming = hub.hub.followers.snapshot(TWO, accepted.sequence)
    assert (coming.target, coming.listing_count, dict(coming.lacking)) == (TWO, 2, {2: 2})
    given = fresh()
    sequence = give_token(hub, row, given, listing_id=listing_id_of(first.sequence, 0))
    assert dict(hub.hub.followers.snapshot(TWO, sequence).lacking) == {2: 1}
    assert hub.hub.followers.snapshot(ONE, sequence).lacking_count == 0
    asked = {"at_least_sequence": sequence}
    assert [check(asker, each.token, **asked).state for each in (row, late)] == [LISTED] * 2
    assert check(asker, given, **asked).state == NOT_LISTED
    put_epochs(hub, PROMOTED)
    asked["epoch"] = 2
    assert [check(asker, each, **asked).state for each in (given, row.token)] == [
        LISTED,
        NOT_LISTED,
    ]
    until(lambda: not is_followed(hub, ONE))
    assert hub.hub.follower is hub.hub.followers.of(TWO)
    added = Row(token=fresh(), reference=fresh())
    send_frames(giver, contribute_open(fresh(), epoch=2), contribute_frame(1, [added]))
    assert check(asker, added.token, epoch=2).state == LISTED
    # The other one is owned still, and ends by its reference.
    assert hub.hub.follower.snapshot().lacking_count == 1
    gone = contribute_frame(1, [withdrawal(bytes(16), late.reference)])
    (ended,) = send_frames(giver, contribute_open(fresh(), epoch=2), gone)
    assert ended.withdrawn_count == 1
    assert hub.hub.follower.snapshot(ended.sequence).lacking_count == 0


def test_both_sets_are_up_to_date_before_a_worker_serves(hub: HubUnderTest) -> None:
    """A start while an epoch opens waits for both sets."""
    contribute(hub.partner("t-source"), [Row(token=fresh(), reference=fresh())])
    open_epoch(hub, 2)
    hub.restart()
    assert [is_followed(hub, target) for target in (ONE, TWO)] == [True, True]
    assert hub.hub.followers.snapshot(TWO).listing_count == 1


def test_columns_of_both_sets_are_frozen_and_the_old_ones_removed(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keeper makes columns of the set that comes, and drops those that nobody needs."""
    monkeypatch.setattr("rongan_share.columns.freeze.LEAST_ROWS", 1)
    ledger, sets = hub.hub.ledger, sets_of(hub)
    contribute(hub.partner("t-source"), [Row(token=fresh(), reference=fresh())])
    before_sets = hub.settings.data_directory / FOLDER / f"{7:020d}"
    foreign = hub.settings.data_directory / FOLDER / "lost+found"
    for folder in (before_sets, foreign):
        folder.mkdir(parents=True, mode=0o700)
    before_sets.parent.chmod(0o700)
    freezing = Freezing(ledger, sets, hub.clock)
    freezing.round(RUNNING)
    assert names(hub) == {"e1-k1", foreign.name}
    put_epochs(hub, OPENED)
    freezing.round(RUNNING)
    assert names(hub) == {"e1-k1", "e2-k1", foreign.name}
    whole = newest(ledger, sets.of(TWO))
    assert (whole.target, whole.frozen_count, dict(whole.lacking)) == (TWO, 1, {2: 1})
    put_epochs(hub, PROMOTED)
    freezing.round(RUNNING)
    assert names(hub) == {"e2-k1", foreign.name}


def test_a_set_that_is_not_there_is_stale(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call whose set is not followed is refused, and never answered from another one."""
    monkeypatch.setattr("rongan_share.columns.followers.WAIT_SECONDS", 0.05)
    with pytest.raises(RonganError) as refused:
        hub.hub.followers.snapshot(Target(9, 1))
    assert refused.value.reason is Reason.STALE_SNAPSHOT
