from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from rongan_share.audit.entry import Entry, parse_entry
from rongan_share.errors import Reason, RonganError
from rongan_share.gate.refusals import SINGLE_ENTRIES, RefusalBook, RefusalKind
from rongan_share.ledger.committer import Committer
from rongan_share.ledger.entries import list_entries
from rongan_share.ledger.environment import Ledger
from tests.support.clock import FakeClock

KIND = RefusalKind("partner", "bank", "7f", "VerdictService/CheckSubject", "QUOTA_EXCEEDED")
ERROR = RonganError(Reason.QUOTA_EXCEEDED, retry_after_seconds=1.0, limit="query.day", cost=1)


@dataclass
class Desk:
    """A book of refusals over a ledger of its own."""

    ledger: Ledger
    clock: FakeClock
    committer: Committer
    book: RefusalBook

    def enter(self, kind: RefusalKind = KIND) -> None:
        """Enters one refusal."""
        self.book.enter(kind, ERROR, lambda: 5)

    def entries(self) -> list[Entry]:
        """Reads the log."""
        with self.ledger.read() as txn:
            return [parse_entry(raw) for _, raw in list_entries(txn)]

    def counted(self) -> Counter[str]:
        """Adds up the refusals of the log by caller."""
        total: Counter[str] = Counter()
        for entry in self.entries():
            total[entry.caller_id] += entry.counts["refused"]
        return total


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A book whose thread has not started: a test flushes by hand."""
    path = tmp_path_factory.mktemp("refusals") / "ledger"
    Ledger.create(path)
    with Ledger(path) as ledger:
        clock = FakeClock()
        committer = Committer(ledger, clock, lambda _: None)
        committer.start()
        yield Desk(ledger, clock, committer, RefusalBook(committer, clock))
        committer.stop()


def test_single_refusal_says_everything(desk: Desk) -> None:
    """A refusal that gets its own entry names caller, method, reason and what was refused."""
    desk.enter()
    (entry,) = desk.entries()
    assert (entry.kind, entry.method, entry.decision) == ("REFUSAL", KIND.method, KIND.decision)
    assert (entry.caller_kind, entry.caller_id, entry.serial_hex) == KIND[:3]
    assert entry.facts == {"limit": "query.day", "cost": "1"}
    assert (entry.counts, entry.duration_us) == ({"refused": 1}, 5)


def test_flood_is_counted_and_nothing_is_lost(desk: Desk) -> None:
    """Ten a second get an entry each, the others one together; the sum is what was refused."""
    for _ in range(25):
        desk.enter()
    assert len(desk.entries()) == SINGLE_ENTRIES
    desk.book.flush()
    assert [entry.counts["refused"] for entry in desk.entries()] == [1] * SINGLE_ENTRIES + [15]
    desk.book.flush()
    assert desk.counted() == {"bank": 25}


def test_kinds_are_counted_apart(desk: Desk) -> None:
    """A flood of one partner or reason takes no single entry from another."""
    others = [KIND._replace(caller_id="other"), KIND._replace(decision="NO_AGREEMENT")]
    for _ in range(12):
        desk.enter()
    for kind in others:
        desk.enter(kind)
    assert len(desk.entries()) == SINGLE_ENTRIES + len(others)
    desk.book.flush()
    assert desk.counted() == {"bank": 13, "other": 1}


def test_next_second_gets_single_entries_again(desk: Desk) -> None:
    """A new second starts anew, without losing what was counted in the one before."""
    for _ in range(3):
        for _ in range(12):
            desk.enter()
        desk.clock.advance(timedelta(seconds=1))
    assert len(desk.entries()) == 3 * SINGLE_ENTRIES
    desk.book.flush()
    assert desk.counted() == {"bank": 36}


def test_threads_lose_no_refusal(desk: Desk) -> None:
    """However calls and flushes interleave, the log's counts add up to the refusals."""
    names, each = ["a", "b", "c"], 40
    over = threading.Event()

    def flush() -> None:
        while not over.is_set():
            desk.book.flush()

    def refuse(name: str) -> None:
        for number in range(each):
            desk.enter(KIND._replace(caller_id=name))
            if number % 15 == 0:
                desk.clock.advance(timedelta(milliseconds=400))

    flusher = threading.Thread(target=flush)
    threads = [threading.Thread(target=refuse, args=(name,)) for name in names * 2]
    for thread in [flusher, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    flusher.join()
    desk.book.flush()
    assert desk.counted() == dict.fromkeys(names, 2 * each)


def test_stopping_enters_what_is_counted(desk: Desk) -> None:
    """Refusals that were only counted are entered before the hub stops."""
    desk.book.start()
    for _ in range(15):
        desk.enter()
    desk.book.stop()
    assert desk.counted() == {"bank": 15}


def test_refusal_that_cannot_be_entered_is_an_error(desk: Desk) -> None:
    """Without a durable entry the caller is not answered as if there were one."""
    desk.committer.stop()
    with pytest.raises(RonganError) as caught:
        desk.enter()
    assert caught.value.reason is Reason.HUB_STOPPING


def test_counts_that_cannot_be_entered_stay(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """A flush that fails keeps its counts for the next one."""
    for _ in range(12):
        desk.enter()
    desk.committer.stop()
    desk.book.flush()
    desk.book.flush()
    assert [record.message for record in caplog.records] == [
        "refusals not entered yet reason=HUB_STOPPING"
    ] * 2
