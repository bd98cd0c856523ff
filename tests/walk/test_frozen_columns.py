"""Answers are the same from frozen columns, from the journal, and while one takes over."""

from __future__ import annotations

import pytest

from rongan_share.columns.freeze import bring_near, newest
from tests.support.freezing import columns_of, freeze
from tests.support.hub import HubUnderTest
from tests.walk.asking import (
    LISTED,
    NOT_LISTED,
    Row,
    check,
    contribute,
    fresh,
    withdrawal,
)


class Pair:
    """A contributor with a listing that stays and one that it withdrew, and one who asks."""

    def __init__(self, hub: HubUnderTest) -> None:
        names = [f"t-{fresh().hex()[:8]}" for _ in range(2)]
        self._minted = [hub.pki.partner(name) for name in names]
        for name, minted in zip(names, self._minted, strict=True):
            hub.create_partner(name)
            hub.register(minted)
            hub.agree(name)
        self.rows = [Row(token=fresh(), reference=fresh()) for _ in range(3)]
        self.connect(hub)
        kept, gone, _ = self.rows
        contribute(self.giver, [kept, gone])
        contribute(self.giver, [withdrawal(gone.token, gone.reference)])

    def connect(self, hub: HubUnderTest) -> None:
        """Connects both, anew after a restart."""
        self.giver, self.asker = (hub.connect(minted) for minted in self._minted)

    def states(self) -> list[int]:
        """Asks about the listing that stays, the withdrawn one, and the late one."""
        return [check(self.asker, row.token).state for row in self.rows]


@pytest.fixture(name="pair")
def contributed(hub: HubUnderTest) -> Pair:
    """Two partners of their own for each test."""
    return Pair(hub)


def test_frozen_while_serving(hub: HubUnderTest, pair: Pair) -> None:
    """A worker changes over to newer columns, and what came since stays on top of them."""
    kept, _, late = pair.rows
    manifest = freeze(hub)
    assert manifest is not None
    assert manifest.sequence == hub.hub.follower.snapshot().sequence
    contribute(pair.giver, [late])
    assert pair.states() == [LISTED, NOT_LISTED, LISTED]
    hub.hub.follower._change_over()
    snapshot = hub.hub.follower.snapshot()
    assert (snapshot.frozen_count, snapshot.runs[0].row_count) == (1, snapshot.listing_count - 1)
    assert pair.states() == [LISTED, NOT_LISTED, LISTED]
    contribute(pair.giver, [withdrawal(kept.token, kept.reference)])
    assert pair.states() == [NOT_LISTED, NOT_LISTED, LISTED]


def test_start_from_columns(hub: HubUnderTest, pair: Pair) -> None:
    """A hub that starts from columns says what it said before, and knows contributors' own."""
    kept, _, late = pair.rows
    freeze(hub)
    contribute(pair.giver, [late])
    before = [check(pair.asker, row.token).summary for row in (kept, late)]
    hub.restart()
    pair.connect(hub)
    assert hub.hub.follower.snapshot().frozen_count == 1
    assert [check(pair.asker, row.token).summary for row in (kept, late)] == before
    (again,) = contribute(pair.giver, [kept, late])
    assert (again.added_count, again.unchanged_count) == (0, 2)
    contribute(pair.giver, [withdrawal(kept.token, kept.reference)])
    assert pair.states() == [NOT_LISTED, NOT_LISTED, LISTED]


def test_damaged_columns_are_passed_over(hub: HubUnderTest, pair: Pair) -> None:
    """One flipped bit, and the whole journal is read instead."""
    freeze(hub)
    rows = next(columns_of(hub).directory.iterdir()) / "rows"
    raw = bytearray(rows.read_bytes())
    raw[len(raw) // 2] ^= 1
    rows.write_bytes(raw)
    assert newest(hub.hub.ledger, columns_of(hub)).sequence == 0
    hub.restart()
    pair.connect(hub)
    assert hub.hub.follower.snapshot().frozen_count == 0
    assert pair.states() == [LISTED, NOT_LISTED, NOT_LISTED]


def test_columns_of_another_history_are_passed_over(hub: HubUnderTest) -> None:
    """Columns whose last frame is not this journal's belong to another one."""
    Pair(hub)
    columns = columns_of(hub)
    columns.retire(0)
    freeze(hub)
    whole = newest(hub.hub.ledger, columns)
    assert whole.frozen_count == 1
    columns.retire(0)
    columns.write(whole, b"another seal", time_ns=9)
    assert newest(hub.hub.ledger, columns).sequence == 0
    columns.retire(0)


def test_columns_are_made_before_a_start_that_is_far_behind(
    hub: HubUnderTest, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that would have to read too much into its own memory writes columns first."""
    columns, ledger = columns_of(hub), hub.hub.ledger
    assert pair.states() == [LISTED, NOT_LISTED, NOT_LISTED]
    bring_near(ledger, columns, hub.clock)
    columns.retire(0)
    bring_near(ledger, columns, hub.clock)
    assert columns.sequences() == []
    monkeypatch.setattr("rongan_share.columns.freeze.MOST_ROWS", 2)
    bring_near(ledger, columns, hub.clock)
    (written,) = columns.sequences()
    assert written == hub.hub.follower.snapshot().sequence
    bring_near(ledger, columns, hub.clock)
    assert columns.sequences() == [written]
