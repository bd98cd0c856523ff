"""What an import is held to when it is committed, and what becomes of one that never is."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from partner_sdk.errors import HubRefusalError
from partner_sdk.sources.rows import RowsRefusedError
from rongan_share.ledger.environment import Table
from rongan_share.ledger.imports import KEPT_NS, list_imports
from rongan_share.processes.housekeeping import Housekeeping
from rongan_share.v1 import operator_service_pb2 as operator_pb
from tests.support.hub import HubUnderTest
from tests.support.importing import Partners, make_rows, run_import, write_packed
from tests.walk.asking import LISTED, advance, refused


@pytest.fixture(name="partners")
def three_partners(hub: HubUnderTest) -> Partners:
    """Three of their own for each test."""
    return Partners(hub)


def test_commit_names_what_was_staged(
    hub: HubUnderTest, partners: Partners, tmp_path: Path
) -> None:
    """An unknown import, another count, digest or partner is refused."""
    done = run_import(hub, write_packed(tmp_path / "a", make_rows(5)), partners.name)
    good: dict[str, Any] = {
        "import_id": done.import_id,
        "partner_id": partners.name,
        "row_count": 5,
    }
    for change, reason in (
        ({"import_id": bytes(16)}, "RESOURCE_NOT_FOUND"),
        ({"import_id": b"short"}, "REQUEST_MALFORMED"),
        ({"partner_id": partners.names[1]}, "RESOURCE_NOT_FOUND"),
        ({"partner_id": "nobody"}, "RESOURCE_NOT_FOUND"),
        ({"row_count": 4}, "REQUEST_MALFORMED"),
        ({"digest": bytes(32)}, "REQUEST_MALFORMED"),
    ):
        request = operator_pb.CommitImportRequest(**(good | change))
        told = refused(hub, partial(hub.alice.operators.CommitImport, request), by="alice")
        assert told.reason == reason


def test_partner_that_may_not_contribute(
    hub: HubUnderTest, partners: Partners, tmp_path: Path
) -> None:
    """A suspension between check and commit stops it; what is staged waits for its end."""
    rows = make_rows(5)
    source = write_packed(tmp_path / "a", rows)

    def suspend() -> None:
        request = operator_pb.SuspendPartnerRequest(partner_id=partners.name, reason="a test")
        hub.alice.operators.SuspendPartner(request)

    with pytest.raises(HubRefusalError, match="PARTNER_SUSPENDED"):
        run_import(hub, source, partners.name, before=suspend)
    request = operator_pb.ResumePartnerRequest(partner_id=partners.name, reason="a test")
    hub.alice.operators.ResumePartner(request)
    done = run_import(hub, source, partners.name)
    assert (done.added, done.taken_up) == (5, 5)
    assert partners.states(*rows) == [LISTED] * 5


def test_agreement_that_changes_meanwhile(
    hub: HubUnderTest, partners: Partners, tmp_path: Path
) -> None:
    """Rows are judged again by the agreement that is in force when they are committed."""
    source = write_packed(tmp_path / "a", make_rows(5))
    with pytest.raises(RowsRefusedError) as caught:
        run_import(
            hub,
            source,
            partners.name,
            before=lambda: hub.agree(partners.name, contribution=None),
        )
    assert caught.value.problems[0].column in {"category", "source_class"}


def test_staged_import_is_dropped_in_the_end(
    hub: HubUnderTest, partners: Partners, tmp_path: Path
) -> None:
    """What nobody goes on with for seven days is gone from the store."""

    def give_up() -> None:
        raise OSError("a test")

    with pytest.raises(OSError, match="a test"):
        run_import(hub, write_packed(tmp_path / "a", make_rows(5)), partners.name, before=give_up)

    def staged() -> int:
        with hub.hub.ledger.read() as txn:
            return sum(not record.committed for _, record in list_imports(txn))

    Housekeeping(hub.hub.ledger, hub.clock, hub.settings.data_directory).round(Event())
    assert staged() == 1
    advance(hub, seconds=KEPT_NS / 1e9 + 1)
    Housekeeping(hub.hub.ledger, hub.clock, hub.settings.data_directory).round(Event())
    assert staged() == 0
    with hub.hub.ledger.read() as txn:
        parts = {key[:16] for key, _ in txn.scan(Table.PARTS)}
        committed = {each for each, record in list_imports(txn) if record.committed}
    assert parts == committed
    advance(hub, seconds=-KEPT_NS / 1e9 - 1)
