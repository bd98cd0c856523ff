"""The hub key is changed while the hub is asked, and nobody notices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rongan_share.ledger.counters import get_key_check, get_wrapped_secret
from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from tests.support.hub import HubUnderTest, Stubs, running_hub
from tests.walk.asking import LISTED, NOT_LISTED, Row, check, contribute, fresh, withdrawal
from tests.walk.rekeying import (
    BUILDING,
    NONE,
    REWRITTEN,
    asked,
    await_phase,
    finish,
    hub_key_path,
    hurried,
    key_ids,
    start,
    until,
)

__all__ = ["hurried"]


@pytest.fixture(name="hub")
def hub_of_its_own(tmp_path: Path, hurried: None) -> Iterator[HubUnderTest]:
    """A hub whose key a test may change."""
    with running_hub(tmp_path / "home") as hub:
        yield hub


def verdict(partner: Stubs, row: Row) -> tuple[Any, ...]:
    """Returns all that is said of a token."""
    answer = check(partner, row.token)
    return answer.state, answer.summary, list(answer.listings)


def rows(count: int) -> list[Row]:
    """Makes rows of listings that there are not yet."""
    return [Row(token=fresh(), reference=fresh(), severity=1 + n % 3) for n in range(count)]


def test_whole_life(hub: HubUnderTest) -> None:
    """Every verdict stays as it was, every call is answered; nothing is left under the old key."""
    partner = hub.partner("k-partner")
    old, gone = rows(60), rows(3)
    contribute(partner, old[:30], [*old[30:], *gone])
    contribute(partner, [withdrawal(row.token, row.reference) for row in gone])
    before = [verdict(partner, row) for row in old]
    listed: list[Row] = list(old)
    with asked(partner, listed) as asker:
        started = start(hub)
        assert (started.phase, started.old_key_id, started.key_id) == (BUILDING, 1, 2)
        assert started.done_count == 0
        assert started.value_count >= 3
        await_phase(hub, REWRITTEN)
        count = asker.count
        assert finish(hub).phase == NONE
        until(lambda: asker.count > count + 5)
    hub_key_path(hub, 1).unlink()
    assert [verdict(partner, row) for row in old] == before
    page = partner.contributions.ListOwnListings(
        contribution_pb.ListOwnListingsRequest(page_size=1_000)
    )
    assert page.token.startswith(b"".join(row.token for row in old))
    (partner,) = restarted(hub, "k-partner")
    assert [verdict(partner, row) for row in old] == before
    assert {check(partner, row.token).state for row in listed} == {LISTED}
    assert {check(partner, row.token).state for row in gone} == {NOT_LISTED}
    with hub.hub.ledger.read() as txn:
        assert key_ids(txn) == {2}
        assert not get_key_check(txn, 1)
        assert not get_wrapped_secret(txn, 1)
    assert sorted(path.name for path in (hub.home / "data" / "columns").glob("*")) in (
        ["e1-k2"],
        [],
    )
    acts = [entry.method for entry in hub.entries() if "ekey" in entry.method]
    assert [act.partition("/")[2] for act in acts if "GetRekey" not in act] == [
        "StartRekey",
        "rekey_changed_over",
        "rekey_rewritten",
        "FinishRekey",
    ]


def restarted(hub: HubUnderTest, *partner_ids: str) -> list[Stubs]:
    """Restarts the hub, and connects its partners with certificates of their own."""
    hub.restart()
    found = []
    for partner_id in partner_ids:
        minted = hub.pki.partner(partner_id)
        hub.register(minted)
        found.append(hub.connect(minted))
    return found
