"""No import is committed without its parts, whoever drops them, and whenever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from partner_sdk.errors import HubRefusalError
from rongan_share.ledger.environment import Table
from rongan_share.ledger.imports import KEPT_NS, drop_staged, find_import, list_imports
from rongan_share.processes.housekeeping import Housekeeping
from tests.support.hub import HubUnderTest
from tests.support.importing import (
    ALWAYS,
    NEVER,
    Partners,
    connected,
    import_job,
    make_rows,
    run_import,
    staged_only,
    write_packed,
)
from tests.walk.asking import LISTED, advance


@pytest.fixture(name="partners")
def three_partners(hub: HubUnderTest) -> Partners:
    """Three of their own for each test."""
    return Partners(hub)


@pytest.fixture(name="later")
def after_it_is_kept(hub: HubUnderTest) -> Iterator[Event]:
    """Set, the clock says that what is staged by now is not kept any longer; set back after."""
    later = Event()
    yield later
    if later.is_set():
        advance(hub, seconds=-KEPT_NS / 1e9 - 1)


def grow_old(hub: HubUnderTest, later: Event) -> None:
    """Lets so much time go by that nobody is taken to go on with an import."""
    later.set()
    advance(hub, seconds=KEPT_NS / 1e9 + 1)


def keep(hub: HubUnderTest) -> None:
    """Does a round of the keeper."""
    Housekeeping(hub.hub.ledger, hub.clock, hub.settings.data_directory).round(Event())


def staged_of(hub: HubUnderTest, partners: Partners) -> list[bytes]:
    """Finds what is staged for a partner."""
    with hub.hub.ledger.read() as txn:
        return [
            import_id
            for import_id, record in list_imports(txn)
            if record.ruling.partner_id == partners.name and not record.committed
        ]


@pytest.mark.parametrize("columns_from", [ALWAYS, NEVER])
def test_keeper_leaves_what_is_taken_up(
    hub: HubUnderTest, partners: Partners, tmp_path: Path, later: Event, columns_from: int
) -> None:
    """Old as it is, somebody goes on with it while the keeper looks."""
    rows = make_rows(40)
    source = write_packed(tmp_path / "a", rows)
    staged_only(hub, source, partners.name)
    grow_old(hub, later)
    with import_job(
        hub, source, partners.name, columns_from=columns_from, on_rows=lambda _count: keep(hub)
    ) as job:
        done = job.run(lambda: connected(hub))
    assert (done.added, done.taken_up) == (40, 40)
    hub.restart()
    partners.connect()
    assert partners.states(*rows) == [LISTED] * 40


def test_taken_up_since_it_was_looked_at(
    hub: HubUnderTest, partners: Partners, tmp_path: Path, later: Event
) -> None:
    """Taking it up says so at once, and whoever would drop it looks again."""
    source = write_packed(tmp_path / "a", make_rows(5))
    staged_only(hub, source, partners.name)
    (import_id,) = staged_of(hub, partners)
    grow_old(hub, later)
    before_ns = round(hub.clock.now().timestamp() * 1e9) - KEPT_NS
    dropped: list[bool] = []

    def look(_count: int) -> None:
        dropped.append(drop_staged(hub.hub.ledger, import_id, before_ns=before_ns))

    with import_job(hub, source, partners.name, on_rows=look) as job:
        done = job.run(lambda: connected(hub))
    assert dropped == [False]
    assert (done.import_id, done.taken_up) == (import_id, 5)


def test_dropped_while_it_is_staged(hub: HubUnderTest, partners: Partners, tmp_path: Path) -> None:
    """An import whose record is gone is not written to any more; all is judged anew."""
    rows = make_rows(20)
    source = write_packed(tmp_path / "a", rows)
    staged_only(hub, source, partners.name)
    (import_id,) = staged_of(hub, partners)

    def drop(_count: int) -> None:
        drop_staged(hub.hub.ledger, import_id)

    with import_job(hub, source, partners.name, on_rows=drop) as job:
        done = job.run(lambda: connected(hub))
    assert done.import_id != import_id
    assert (done.added, done.taken_up) == (20, 0)
    assert partners.states(*rows) == [LISTED] * 20
    with hub.hub.ledger.read() as txn:
        assert find_import(txn, import_id) is None
        assert import_id not in {key[:16] for key, _ in txn.scan(Table.PARTS)}


def test_dropped_before_the_commit(hub: HubUnderTest, partners: Partners, tmp_path: Path) -> None:
    """The hub knows nothing of it any more; the next run begins anew."""
    source = write_packed(tmp_path / "a", make_rows(20))

    def drop() -> None:
        (import_id,) = staged_of(hub, partners)
        drop_staged(hub.hub.ledger, import_id)

    with pytest.raises(HubRefusalError, match="RESOURCE_NOT_FOUND"):
        run_import(hub, source, partners.name, before=drop)
    done = run_import(hub, source, partners.name)
    assert (done.added, done.taken_up) == (20, 0)


def test_no_commit_without_parts(hub: HubUnderTest, partners: Partners, tmp_path: Path) -> None:
    """The hub looks for every part before it makes them listings; the command stages them anew."""
    rows = make_rows(20)
    lost: list[bytes] = []

    def lose() -> None:
        if not lost:
            lost.extend(staged_of(hub, partners))
            with hub.hub.ledger.write() as txn:
                txn.delete(Table.PARTS, lost[0] + bytes(4))

    done = run_import(hub, write_packed(tmp_path / "a", rows), partners.name, before=lose)
    assert done.added == 20
    assert done.import_id not in lost
    assert partners.states(*rows) == [LISTED] * 20
