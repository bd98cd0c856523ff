"""What is short or missing for a moment, or for good, and must never read as "not listed"."""

from __future__ import annotations

from pathlib import Path

import pytest

from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.environment import MAX_READERS, Table
from rongan_share.processes.hub import Hub
from rongan_share.v1 import agreement_service_pb2 as agreement_pb
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.vocabulary import Evidence, IdentifierType, LegalBasis, SourceClass
from tests.support.clock import FakeClock
from tests.support.hub import HubUnderTest, running_hub
from tests.walk.asking import LISTED, Row, check, contribute, fresh, refused


def test_ended_reads_hold_no_slot(hub: HubUnderTest) -> None:
    """A transaction that somebody still refers to holds no reader's slot once it has ended."""
    kept = []
    for _ in range(MAX_READERS + 100):
        with hub.hub.ledger.read() as txn:
            kept.append(txn)
    with pytest.raises(AttributeError):
        kept[0].get(Table.META, b"format")


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_lost_frame_stops_the_start(tmp_path: Path, lost: int) -> None:
    """A journal that lacks a frame, in its middle or at its end, is not served from."""
    with running_hub(tmp_path / "hub") as hub:
        source = hub.partner("s-source")
        for _ in range(3):
            contribute(source, [Row(token=fresh(), reference=fresh())])
        with hub.hub.ledger.write() as txn:
            txn.delete(Table.JOURNAL, lost.to_bytes(8, "big"))
        settings, clock = hub.settings, hub.clock
    assert isinstance(clock, FakeClock)
    with pytest.raises(LedgerCorruptError):
        Hub(settings, clock=clock).start()


def test_exchanged_epoch_key_is_not_handed_out(tmp_path: Path) -> None:
    """A key file that was exchanged while the hub serves reaches nobody."""
    with running_hub(tmp_path / "hub") as hub:
        caller = hub.partner("s-key")
        request = agreement_pb.GetTokenEpochRequest()
        assert len(caller.agreements.GetTokenEpoch(request).key) == 32
        path = hub.settings.keys.epoch_keys / "epoch-1.key"
        path.write_text("5a" * 32 + "\n", encoding="ascii")
        told = refused(hub, lambda: caller.agreements.GetTokenEpoch(request), by="s-key")
        assert told == ("UNAVAILABLE", "STORE_FAILED", {})


def test_amend_leaves_a_bare_name_weak(hub: HubUnderTest) -> None:
    """A person's name alone stays WEAK: AMEND cannot make it strong."""
    source, last = hub.partner("s-name"), shanghai_day(hub.clock.now()) + 30
    named = Row(
        token=fresh(),
        reference=fresh(),
        category="H1",
        type=IdentifierType.PERSON_NAME,
        flags=1,
        severity=3,
        evidence=Evidence.VERIFIED,
        source_class=SourceClass.HOST_INTERNAL,
        legal_basis=LegalBasis.LEGAL_DUTY,
        expiry_day=last,
    )
    contribute(source, [named])
    strong = Row(
        operation=2,
        token=named.token,
        reference=named.reference,
        category="H1",
        type=IdentifierType.PERSON_NAME,
        flags=0,
        severity=3,
        evidence=Evidence.VERIFIED,
        source_class=SourceClass.HOST_INTERNAL,
        legal_basis=LegalBasis.LEGAL_DUTY,
        expiry_day=last,
    )
    told = refused(hub, lambda: contribute(source, [strong]), by="s-name")
    assert (told.reason, told.metadata["column"]) == ("ROW_REFUSED", "flags")
    answer = check(source, named.token, purpose=2)
    assert (answer.state, answer.summary.severity) == (LISTED, 2)
