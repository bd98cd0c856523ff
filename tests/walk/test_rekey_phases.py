"""Each phase of a change of the hub key: what is refused, what restarts find, what goes beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from partner_sdk.errors import HubRefusalError
from rongan_share.errors import RonganError, StartRefusedError
from rongan_share.ledger.compaction import Compactor
from rongan_share.ledger.counters import get_list_sequence
from rongan_share.ledger.journal import list_frames
from rongan_share.processes import rekeying as chores
from rongan_share.v1 import operator_service_pb2 as pb
from tests.support.freezing import freeze
from tests.support.hub import HubUnderTest, Stubs, running_hub
from tests.support.importing import ALWAYS, Partners, make_rows, run_import, write_packed
from tests.walk.asking import (
    LISTED,
    NOT_LISTED,
    Row,
    check,
    contribute,
    fresh,
    refused,
    withdrawal,
)
from tests.walk.rekeying import (
    BUILDING,
    NONE,
    REWRITING,
    REWRITTEN,
    by_hand,
    finish,
    hub_key_path,
    key_ids,
    make_key,
    rekey,
    start,
    take_to,
)
from tests.walk.rolling import open_epoch
from tests.walk.test_moved import Interruption

__all__ = ["by_hand"]


@pytest.fixture(name="hub")
def hub_of_its_own(tmp_path: Path, by_hand: None) -> Iterator[HubUnderTest]:
    """A hub whose key a test may change."""
    with running_hub(tmp_path / "home") as hub:
        yield hub


def rows(count: int) -> list[Row]:
    """Makes rows of listings that there are not yet."""
    return [Row(token=fresh(), reference=fresh()) for _ in range(count)]


def verdicts(partner: Stubs, listed: list[Row]) -> list[Any]:
    """Returns all that is said of some tokens."""
    answers = [check(partner, row.token) for row in listed]
    return [(answer.state, answer.summary, list(answer.listings)) for answer in answers]


def reconnect(hub: HubUnderTest) -> Stubs:
    """Connects the partner with another certificate."""
    minted = hub.pki.partner("k-phases")
    hub.register(minted)
    return hub.connect(minted)


def test_restart_in_each_phase(hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the hub stops it goes on, with the keys in use and with no others."""
    partner = hub.partner("k-phases")
    listed = rows(20)
    contribute(partner, listed)
    before = verdicts(partner, listed)
    start(hub)
    for phase, needed in ((BUILDING, (1, 2)), (REWRITING, (1, 2)), (REWRITTEN, (2,))):
        monkeypatch.setattr(chores, "SLICE_SECONDS", 2.0 if phase == REWRITTEN else -1.0)
        take_to(hub, phase)
        more = rows(1)
        contribute(reconnect(hub), more)
        listed += more
        hub.stop()
        for key_id in needed:
            start_under_another(hub, key_id)
        hub.start()
        hub.alice = hub.operator("alice")
        assert rekey(hub).phase == phase
        partner = reconnect(hub)
        assert verdicts(partner, listed)[:20] == before
        assert {check(partner, row.token).state for row in listed} == {LISTED}
    hub_key_path(hub, 1).unlink()
    assert finish(hub).phase == NONE


def start_under_another(hub: HubUnderTest, key_id: int) -> None:
    """Fails unless a start is refused while another key stands in a key's file."""
    path = hub_key_path(hub, key_id)
    kept = path.read_text()
    path.write_text("5a" * 32)
    with pytest.raises(StartRefusedError, match=rf"hub-{key_id}\.key is not key {key_id}"):
        hub.start()
    path.write_text(kept)


def begin(hub: HubUnderTest, key_id: int, key_digest: bytes) -> tuple[str, str]:
    """Begins a change that is refused; returns the reason and what it is about."""
    request = pb.StartRekeyRequest(key_id=key_id, key_digest=key_digest)
    told = refused(hub, lambda: hub.alice.operators.StartRekey(request), by="alice")
    return told.reason, told.metadata.get("field") or told.metadata["state"]


def end(hub: HubUnderTest) -> tuple[str, str]:
    """Ends a change too early; returns the reason and the state."""
    request = pb.FinishRekeyRequest(key_id=2)
    told = refused(hub, lambda: hub.alice.operators.FinishRekey(request), by="alice")
    return told.reason, told.metadata["state"]


def test_next_key_is_looked_at(hub: HubUnderTest) -> None:
    """The number must be next, the key that of the file, and another than the present one."""
    digest = make_key(hub, 2)
    number, key = ("REQUEST_MALFORMED", "key_id"), ("REQUEST_MALFORMED", "key_digest")
    assert rekey(hub) == pb.Rekey(phase=pb.REKEY_PHASE_NONE, key_id=1)
    assert [begin(hub, key_id, digest) for key_id in (0, 1, 3)] == [number] * 3
    assert [begin(hub, 2, wrong) for wrong in (b"", bytes(32))] == [key] * 2
    path = hub_key_path(hub, 2)
    path.chmod(0o640)
    assert begin(hub, 2, digest) == key
    path.unlink()
    assert begin(hub, 2, digest) == key
    path.write_bytes(hub_key_path(hub, 1).read_bytes())
    path.chmod(0o600)
    assert begin(hub, 2, hub.hub.walk.hub.hub_keys.digest_of_file(1)) == key
    assert rekey(hub).phase == NONE


def test_one_change_at_a_time(hub: HubUnderTest) -> None:
    """Neither another change nor an epoch begins beside a change, nor it beside an epoch."""
    digest = make_key(hub, 2)
    assert end(hub) == ("WRONG_STATE", "NONE")
    start(hub)
    for phase, name in ((BUILDING, "BUILDING"), (REWRITTEN, "REWRITTEN")):
        take_to(hub, phase)
        assert begin(hub, 2, digest) == begin(hub, 3, make_key(hub, 3)) == ("WRONG_STATE", name)
        told = refused(hub, lambda: open_epoch(hub, 2), by="alice")
        assert (told.reason, told.metadata) == ("WRONG_STATE", {"state": name})
        if phase == BUILDING:
            assert end(hub) == ("WRONG_STATE", name)
    finish(hub)
    open_epoch(hub, 2)
    assert begin(hub, 3, make_key(hub, 3)) == ("WRONG_STATE", "OPENING")


def test_item_that_the_change_overtakes(tmp_path: Path, by_hand: None) -> None:
    """What was decided under the old key and not committed yet is decided again under the new."""
    interruption = Interruption()
    with running_hub(tmp_path / "home", table=interruption.table()) as hub:
        partner = hub.partner("k-phases")
        early, late = rows(2), rows(2)
        contribute(partner, early)
        start(hub)
        interruption.between.append(lambda: take_to(hub, REWRITING))
        interruption.decided = 0
        contribute(partner, late)
        assert interruption.decided == 2
        with hub.hub.ledger.read() as txn:
            assert [each.header.key_id for each in list_frames(txn, 1)] == [2]
        take_to(hub, REWRITTEN)
        finish(hub)
        start(hub, 3)
        interruption.between.append(lambda: take_to(hub, REWRITING))
        interruption.decided = 0
        assert check(partner, late[0].token).state == LISTED
        assert interruption.decided == 2
        assert {state for state, _, _ in verdicts(partner, early + late)} == {LISTED}


def test_imports_beside_a_change(hub: HubUnderTest, tmp_path: Path) -> None:
    """None while look-ups are made; what was staged under the old key is staged anew."""
    partners = Partners(hub)
    early, late, last = (make_rows(8, seed=n) for n in range(3))
    run_import(hub, write_packed(tmp_path / "a", early), partners.name, columns_from=ALWAYS)
    source = write_packed(tmp_path / "b", late)
    with pytest.raises(HubRefusalError) as told:
        run_import(hub, source, partners.name, before=lambda: start(hub))
    assert told.value.metadata["state"] == "BUILDING"
    with pytest.raises(RonganError) as here:
        run_import(hub, source, partners.name)
    assert here.value.metadata["state"] == "BUILDING"
    take_to(hub, REWRITTEN)
    with hub.hub.ledger.read() as txn:
        assert key_ids(txn) == {2}
    done = run_import(hub, source, partners.name)
    assert (done.added, done.taken_up) == (8, 0)
    finish(hub)
    run_import(hub, write_packed(tmp_path / "c", last), partners.name)
    hub.restart()
    partners.connect()
    assert set(partners.states(*early, *late, *last)) == {LISTED}


def test_import_that_the_change_overtakes(hub: HubUnderTest, tmp_path: Path) -> None:
    """What was staged under the old key is not committed under the new one."""
    partners = Partners(hub)
    rows_of_it = make_rows(8)

    def change() -> None:
        if rekey(hub).phase == NONE:
            start(hub)
            take_to(hub, REWRITTEN)

    done = run_import(hub, write_packed(tmp_path / "a", rows_of_it), partners.name, before=change)
    assert done.added == 8
    assert set(partners.states(*rows_of_it)) == {LISTED}
    with hub.hub.ledger.read() as txn:
        assert key_ids(txn) == {2}


def test_compaction_and_freezing_beside_a_change(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever comes first, listings stay and what ended goes, and columns fit as before."""
    partner = hub.partner("k-phases")
    kept, gone = rows(20), rows(20)
    contribute(partner, kept[:10] + gone[:10], kept[10:] + gone[10:])
    contribute(partner, [withdrawal(row.token, row.reference) for row in gone[::2]])
    before = verdicts(partner, kept)
    freeze(hub)
    compact(hub)
    start(hub)
    monkeypatch.setattr(chores, "SLICE_SECONDS", -1.0)
    take_to(hub, REWRITING)
    contribute(partner, [withdrawal(row.token, row.reference) for row in gone[1::2]])
    compact(hub)
    monkeypatch.setattr(chores, "SLICE_SECONDS", 2.0)
    take_to(hub, REWRITTEN)
    compact(hub)
    assert freeze(hub) is not None
    hub.restart()
    partner = reconnect(hub)
    assert verdicts(partner, kept) == before
    assert {check(partner, row.token).state for row in gone} == {NOT_LISTED}


def compact(hub: HubUnderTest) -> None:
    """Drops all that has ended."""
    with hub.hub.ledger.read() as txn:
        head = get_list_sequence(txn)
    assert Compactor(hub.hub.ledger, Event()).run(1 << 62, head, now_ns=1, epochs=(1,))
