"""What was imported is what the same rows contributed would be; nothing of it is seen before."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from partner_sdk.sources.rows import RowsRefusedError
from rongan_share.columns.freeze import bring_near
from rongan_share.columns.imported import ImportedColumns
from rongan_share.errors import StartRefusedError
from rongan_share.ledger.imports import list_imports
from rongan_share.ledger.store_lock import ImportLock
from rongan_share.v1 import operator_service_pb2 as operator_pb
from tests.support.freezing import columns_of, freeze
from tests.support.hub import HubUnderTest, Stubs
from tests.support.importing import (
    ALWAYS,
    NEVER,
    Partners,
    connected,
    import_job,
    make_rows,
    run_import,
    write_packed,
)
from tests.walk.asking import (
    LISTED,
    NOT_LISTED,
    Row,
    check,
    contribute,
    entries_from,
    fresh,
    log_size,
    stream,
    withdrawal,
)
from tests.walk.test_own_listings import pages

MANY = 16_384 + 700
"""More rows than one part has."""


@pytest.fixture(name="partners")
def three_partners(hub: HubUnderTest) -> Partners:
    """Three of their own for each test."""
    return Partners(hub)


def said(asker: Stubs, rows: Sequence[Row], sequence: int) -> list[bytes]:
    """Asks about the tokens of rows in one frame, and returns all that is said of them."""
    tokens = b"".join(row.token for row in rows)
    (answer,) = stream(asker, tokens, at_least_sequence=sequence)
    return [answer.listed_index, answer.listed_summary, answer.other_index]


def own(caller: Stubs) -> list[tuple[bytes, int, bytes, int]]:
    """Lists a partner's own listings, without their ids."""
    every = [each for some in pages(caller, 1_000) for each in some]
    assert [each.listing_id for each in every] == sorted(each.listing_id for each in every)
    return [(each.reference, each.category, each.token, each.expiry_day) for each in every]


@pytest.mark.parametrize("columns_from", [ALWAYS, NEVER])
def test_import_is_what_contributing_is(
    hub: HubUnderTest, partners: Partners, tmp_path: Path, columns_from: int
) -> None:
    """Verdicts, own listings and counts, also after a restart, without columns, after a freeze."""
    rows = make_rows(MANY)
    # The same with other tokens, so that neither partner is asked about with the other.
    mirror = {row.token: fresh() for row in rows}
    likes = [replace(row, token=mirror[row.token]) for row in rows]
    *_, last = contribute(partners.like, likes[:16_384], likes[16_384:])
    hub.hub.follower.snapshot(last.sequence)
    before = hub.alice.operators.GetHubStatus(operator_pb.GetHubStatusRequest())
    done = run_import(
        hub, write_packed(tmp_path / "packed", rows), partners.name, columns_from=columns_from
    )
    assert (done.added, done.unchanged, done.rows_read) == (MANY, 0, MANY)
    assert done.last_sequence == done.first_sequence + 1
    folder = columns_of(hub).directory

    def compare() -> None:
        expected = said(partners.asker, likes, done.last_sequence)
        assert said(partners.asker, rows, done.last_sequence) == expected
        assert len(expected[0]) == 4 * MANY
        listed = [(ref, cat, mirror[each], day) for ref, cat, each, day in own(partners.giver)]
        assert listed == own(partners.like)

    compare()
    after = hub.alice.operators.GetHubStatus(operator_pb.GetHubStatusRequest())
    assert after.listing_count == before.listing_count + MANY
    assert after.list_sequence == before.list_sequence + 2
    imported = hub.hub.follower.snapshot().imported_count
    assert imported == (columns_from == ALWAYS)
    if imported:
        assert after.tail_count == before.tail_count
        hub.restart()
        partners.connect()
        assert hub.hub.follower.snapshot().imported_count == 1
        compare()
    shutil.rmtree(folder, ignore_errors=True)
    hub.restart()
    partners.connect()
    assert hub.hub.follower.snapshot().imported_count == 0
    compare()
    freeze(hub, serve=True)
    assert hub.hub.follower.snapshot().imported_count == 0
    assert [path for path in folder.iterdir() if "import" in path.name] == []
    compare()


def test_one_entry_and_no_charge(hub: HubUnderTest, partners: Partners, tmp_path: Path) -> None:
    """An import is an operator's act: one entry that names what came, and a digest, no quota."""
    rows = make_rows(20)
    before = log_size(hub)
    done = run_import(hub, write_packed(tmp_path / "packed", rows), partners.name)
    (entry,) = entries_from(hub, before)
    assert (entry.method, entry.caller_id) == ("OperatorService/CommitImport", "alice")
    assert entry.facts["partner"] == partners.name
    assert entry.facts["rows"] == "20"
    assert entry.facts["import"] == done.import_id.hex()
    assert (entry.facts["agreement"], entry.facts["consent"]) == ("1", "not named")
    assert len(bytes.fromhex(entry.facts["content"])) == 32
    assert "charged" not in entry.counts


def test_import_committed_again_is_answered_again(
    hub: HubUnderTest, partners: Partners, tmp_path: Path
) -> None:
    """The same file once more, or the same commit, changes nothing and says where it stands."""
    source = write_packed(tmp_path / "packed", make_rows(20))
    done = run_import(hub, source, partners.name)
    again = run_import(hub, source, partners.name)
    assert again.repeated
    assert (again.first_sequence, again.entry_index) == (done.first_sequence, done.entry_index)


def test_bad_rows_are_named_and_nothing_is_seen(
    hub: HubUnderTest, partners: Partners, tmp_path: Path
) -> None:
    """Row, column and rule of each; what was good beside them is not visible either."""
    rows = make_rows(17_000)
    rows[3] = replace(rows[3], severity=9)
    rows[16_500] = replace(rows[16_500], type=200)
    rows[16_999] = replace(rows[16_999], reference=rows[5].reference, token=rows[5].token)
    source = write_packed(tmp_path / "packed", rows)
    with pytest.raises(RowsRefusedError) as caught:
        run_import(hub, source, partners.name)
    told = [(each.line, each.column) for each in caught.value.problems]
    assert (4, "severity") in told
    assert (16_501, "type") in told
    assert partners.states(rows[0]) == [NOT_LISTED]
    with hub.hub.ledger.read() as txn:
        names = [record.ruling.partner_id for _, record in list_imports(txn)]
    assert partners.name not in names


@pytest.mark.parametrize("dry", [True, False])
def test_identity_twice_in_a_file(
    hub: HubUnderTest, partners: Partners, tmp_path: Path, dry: bool
) -> None:
    """The second row is named by its place in the file, also behind rows that were left out."""
    rows = make_rows(16_500)
    if not dry:
        contribute(partners.giver, rows[:3])
    rows[16_499] = replace(rows[10], severity=1)
    source = write_packed(tmp_path / "packed", rows)
    with (
        import_job(hub, source, partners.name) as job,
        pytest.raises(RowsRefusedError) as caught,
    ):
        job.check() if dry else job.run(lambda: connected(hub))
    assert [(each.line, each.column) for each in caught.value.problems] == [(16_500, "reference")]


def test_rows_are_held_against_what_lives(
    hub: HubUnderTest, partners: Partners, tmp_path: Path
) -> None:
    """Equal to a live listing = left out; other values = refused; withdrawn = made anew."""
    rows = make_rows(40)
    contribute(partners.giver, rows[:30])
    contribute(partners.giver, [withdrawal(row.token, row.reference) for row in rows[20:30]])
    done = run_import(hub, write_packed(tmp_path / "packed", rows), partners.name)
    assert (done.added, done.unchanged) == (20, 20)
    assert partners.states(*rows) == [LISTED] * 40
    assert len(own(partners.giver)) == 40
    rows[7] = replace(rows[7], severity=5 - rows[7].severity)
    with pytest.raises(RowsRefusedError) as caught:
        run_import(hub, write_packed(tmp_path / "other", rows), partners.name)
    assert [(each.line, each.column) for each in caught.value.problems] == [(8, "reference")]
    whole = run_import(hub, write_packed(tmp_path / "same", rows[8:]), partners.name)
    assert (whole.added, whole.unchanged, whole.first_sequence) == (0, 32, 0)


def test_partner_that_contributes_meanwhile(
    hub: HubUnderTest, partners: Partners, tmp_path: Path
) -> None:
    """Other rows disturb nothing; equal ones are left out, and different ones refused."""
    rows = make_rows(50)
    other = make_rows(5)
    done = run_import(
        hub,
        write_packed(tmp_path / "a", rows[:20]),
        partners.name,
        before=lambda: contribute(partners.giver, other),
    )
    assert (done.added, done.unchanged) == (20, 0)
    done = run_import(
        hub,
        write_packed(tmp_path / "b", rows[20:40]),
        partners.name,
        before=lambda: contribute(partners.giver, rows[20:25]),
    )
    assert (done.added, done.unchanged) == (15, 5)
    with pytest.raises(RowsRefusedError):
        run_import(
            hub,
            write_packed(tmp_path / "c", rows[40:]),
            partners.name,
            before=lambda: contribute(partners.giver, [replace(rows[45], flags=2)]),
        )
    assert partners.states(*rows[:40], rows[45], rows[46]) == [LISTED] * 41 + [NOT_LISTED]
    assert len(own(partners.giver)) == 5 + 40 + 1


def test_withdrawal_of_what_a_row_was_left_out_for(
    hub: HubUnderTest, partners: Partners, tmp_path: Path
) -> None:
    """A row that was left out as its listing lived is judged again when that is withdrawn."""
    rows = make_rows(10)
    contribute(partners.giver, rows[:1])
    withdrawn = [withdrawal(rows[0].token, rows[0].reference)]
    times: list[object] = []

    def once() -> None:
        if not times:
            times.append(contribute(partners.giver, withdrawn))

    done = run_import(hub, write_packed(tmp_path / "a", rows), partners.name, before=once)
    assert (done.added, done.unchanged) == (10, 0)
    assert partners.states(*rows) == [LISTED] * 10


def test_imported_listings_are_amended_and_withdrawn(
    hub: HubUnderTest, partners: Partners, tmp_path: Path
) -> None:
    """Later frames change what was imported, wherever its columns lie."""
    rows = make_rows(30)
    source = write_packed(tmp_path / "a", rows)
    run_import(hub, source, partners.name, columns_from=ALWAYS)
    contribute(partners.giver, [withdrawal(rows[0].token, rows[0].reference)])
    contribute(partners.giver, [replace(rows[1], operation=2, severity=1)])
    assert partners.states(rows[0], rows[1]) == [NOT_LISTED, LISTED]
    assert check(partners.asker, rows[1].token).summary.severity == 1
    freeze(hub, serve=True)
    assert partners.states(rows[0], rows[1]) == [NOT_LISTED, LISTED]
    assert len(own(partners.giver)) == 29


def test_one_import_at_a_time(hub: HubUnderTest, partners: Partners, tmp_path: Path) -> None:
    """Whoever comes while another one imports is refused."""
    source = write_packed(tmp_path / "packed", make_rows(2))
    lock = ImportLock(hub.settings.data_directory)
    with pytest.raises(StartRefusedError, match="another import"):
        run_import(hub, source, partners.name)
    lock.release()
    assert run_import(hub, source, partners.name).added == 2


def test_start_that_is_an_import_behind(
    hub: HubUnderTest, partners: Partners, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import with columns of its own is served from those; without them columns come first."""
    rows, columns = make_rows(20), columns_of(hub)
    freeze(hub)
    before = columns.sequences()
    monkeypatch.setattr("rongan_share.columns.freeze.MOST_ROWS", 2)
    source = write_packed(tmp_path / "packed", rows)
    done = run_import(hub, source, partners.name, columns_from=ALWAYS)
    bring_near(hub.hub.ledger, columns, hub.clock)
    assert columns.sequences() == before
    ImportedColumns(columns).drop(done.import_id)
    bring_near(hub.hub.ledger, columns, hub.clock)
    assert columns.sequences() == [done.last_sequence]
    hub.hub.follower._change_over()
    assert partners.states(*rows) == [LISTED] * 20


def test_flipped_bit_is_not_answered_from(
    hub: HubUnderTest, partners: Partners, tmp_path: Path
) -> None:
    """Columns of an import that are not as written are passed over; its parts are read."""
    rows = make_rows(60)
    freeze(hub)
    source = write_packed(tmp_path / "a", rows)
    done = run_import(hub, source, partners.name, columns_from=ALWAYS)
    folder = columns_of(hub).directory / f"import-{done.import_id.hex()}"
    rng = random.Random(5)
    for name in ("rows", "token_keys", "owner_order", "manifest.json"):
        raw = (folder / name).read_bytes()
        flipped = bytearray(raw)
        flipped[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        (folder / name).write_bytes(flipped)
        _, run = ImportedColumns(columns_of(hub))._open(done.import_id)
        assert run is None, name
        (folder / name).write_bytes(raw)
    flipped = bytearray((folder / "rows").read_bytes())
    flipped[100] ^= 1
    (folder / "rows").write_bytes(flipped)
    hub.restart()
    partners.connect()
    assert hub.hub.follower.snapshot().imported_count == 0
    assert partners.states(*rows) == [LISTED] * 60
