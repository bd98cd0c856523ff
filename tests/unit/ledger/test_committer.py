from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from rongan_share.errors import MovedError, Reason, RonganError
from rongan_share.ledger import counters, entries, quotas
from rongan_share.ledger.committer import Charge, Committed, Committer, Placement, Proposal
from rongan_share.ledger.environment import Ledger, Table, Transaction
from rongan_share.ledger.promise import Promise
from rongan_share.ledger.sealed import seal
from rongan_share.model.quota import Meter, Quota
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.merkle import leaf_hash, root_of
from tests.support.clock import FakeClock

Field = Any
"""What a field of a Proposal holds."""
QUOTA = Quota(rate_per_second=1, burst_count=10, day_count=100, month_count=1_000)


class Desk:
    """A committer that works only when told, so that a test decides what falls into one group."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clock = FakeClock()
        self.announced: list[int] = []
        self.committer = Committer(ledger, self.clock, self.announced.append)
        self.started = False

    def start(self) -> None:
        """Lets it work."""
        if not self.started:
            self.committer.start()
            self.started = True

    def commit(self, *proposals: Proposal) -> list[Committed | BaseException]:
        """Submits items before the thread runs, so they make one group; gives every result."""
        futures = [self.committer.submit(proposal) for proposal in proposals]
        self.start()
        return [_result(future) for future in futures]

    def log(self) -> list[bytes]:
        """Reads all entries, and checks that the recorded tree is the tree over them."""
        with self.ledger.read() as txn:
            raws = [raw for _, raw in entries.list_entries(txn)]
            assert entries.get_frontier(txn).root() == root_of([leaf_hash(raw) for raw in raws])
            assert entries.get_frontier(txn).size == len(raws)
        return raws


def _result(promise: Promise[Committed]) -> Committed | BaseException:
    error = promise.exception(timeout=10)
    return promise.result() if error is None else error


@pytest.fixture
def desk(ledger: Ledger) -> Iterator[Desk]:
    """A committer that has not started."""
    made = Desk(ledger)
    yield made
    made.start()
    made.committer.stop()


def noted(name: str, **fields: Field) -> Proposal:
    """Makes an item whose entry says its name, place and sequence, and that writes its name."""

    def make(placement: Placement) -> bytes:
        return f"{name}@{placement.entry_index}/{placement.sequence}".encode()

    def write(txn: Transaction, placement: Placement) -> None:
        txn.put(Table.OBJECTS, name.encode(), b"written")

    return replace(Proposal(make_entry=make, writes=(write,)), **fields)


def raising(error: Exception) -> Callable[[Transaction, Placement], None]:
    """Makes a write that fails after it has written."""

    def write(txn: Transaction, placement: Placement) -> None:
        txn.put(Table.OBJECTS, b"half", b"written")
        raise error

    return write


def moved(_: Transaction) -> None:
    """An expectation that does not hold."""
    raise MovedError


def written(ledger: Ledger) -> list[bytes]:
    """Lists what items have written."""
    with ledger.read() as txn:
        return [key for key, _ in txn.scan(Table.OBJECTS)]


def test_group_is_placed_in_order(desk: Desk) -> None:
    """Items of a group stand in the log in their order; only accepted changes take a sequence."""
    results = desk.commit(
        noted("a"),
        noted("b", sequence_count=1),
        noted("c"),
        noted("d", sequence_count=1),
    )
    placements = [result.placement for result in results if isinstance(result, Committed)]
    assert [(p.entry_index, p.sequence) for p in placements] == [(0, 0), (1, 1), (2, 1), (3, 2)]
    assert desk.log() == [b"a@0/0", b"b@1/1", b"c@2/1", b"d@3/2"]
    assert {p.time for p in placements} == {desk.clock.now()}
    with desk.ledger.read() as txn:
        assert counters.get_list_sequence(txn) == 2


def test_changes_are_announced_once_a_group(desk: Desk) -> None:
    """Look-ups are told the last sequence after the commit, and nothing where none was taken."""
    desk.commit(noted("a", sequence_count=1), noted("b", sequence_count=1))
    desk.commit(noted("c"))
    desk.commit(noted("d", sequence_count=1))
    assert desk.announced[-1] == 3
    assert desk.announced == sorted(set(desk.announced))


def test_side_tables_stand_beside_their_entry(desk: Desk) -> None:
    """Nonce, references and disclosure are kept under the entry's own index."""
    desk.commit(
        noted("a"), noted("b", nonce=b"n" * 32, business_refs=b"r" * 16, disclosure=b"d" * 8)
    )
    with desk.ledger.read() as txn:
        assert [entries.find_nonce(txn, index) for index in (0, 1)] == [None, b"n" * 32]
        assert [entries.find_disclosure(txn, index) for index in (0, 1)] == [None, b"d" * 8]
        assert len(list(txn.scan(Table.BUSINESS_REFS))) == 1


def test_moved_item_leaves_nothing(desk: Desk) -> None:
    """An item whose expectation fails leaves no write, entry, sequence or debit; others go on."""
    charge = Charge(1, Meter.QUERY, QUOTA, 5)
    results = desk.commit(
        noted("a"),
        noted("b", expectations=(moved,), sequence_count=1, charge=charge, nonce=b"n" * 32),
        noted("c", sequence_count=1),
    )
    assert isinstance(results[1], MovedError)
    assert desk.log() == [b"a@0/0", b"c@1/1"]
    assert written(desk.ledger) == [b"a", b"c"]
    with desk.ledger.read() as txn:
        assert quotas.get_quota_state(txn, 1, Meter.QUERY).day_spent == 0
        assert list(txn.scan(Table.NONCES)) == []


def test_generation_moves_within_a_group(desk: Desk) -> None:
    """An item decided before an earlier item of its own group changed the rules is handed back."""
    results = desk.commit(
        noted("before", generation=0),
        noted("change", generation=0, bumps_generation=True),
        noted("late", generation=0),
        noted("again", generation=1),
        noted("free"),
    )
    assert [isinstance(result, MovedError) for result in results] == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert written(desk.ledger) == [b"again", b"before", b"change", b"free"]


def test_item_of_yesterday_is_handed_back(desk: Desk) -> None:
    """An item decided before midnight in Shanghai is decided again after it."""
    day = shanghai_day(desk.clock.now())
    future = desk.committer.submit(noted("a", day=day))
    desk.clock.advance(timedelta(hours=12))
    desk.start()
    assert isinstance(_result(future), MovedError)
    assert isinstance(desk.commit(noted("b", day=day + 1))[0], Committed)


def test_quota_is_exact_within_a_group(desk: Desk) -> None:
    """Of many items at once exactly as many pass as the quota pays for, and are told the rest."""
    charge = Charge(1, Meter.QUERY, QUOTA, 3)
    results = desk.commit(*(noted(f"n{number}", charge=charge) for number in range(6)))
    left = [result.quota_left for result in results if isinstance(result, Committed)]
    assert [each.burst_count for each in left if each] == [7, 4, 1]
    refused = [result for result in results if isinstance(result, RonganError)]
    assert [error.reason for error in refused] == [Reason.QUOTA_EXCEEDED] * 3
    assert len(desk.log()) == 3
    with desk.ledger.read() as txn:
        assert quotas.get_quota_state(txn, 1, Meter.QUERY).day_spent == 9


def test_free_item_of_a_meter_says_what_is_left(desk: Desk) -> None:
    """An item that costs nothing passes an exhausted quota and is told what is left."""
    charge = Charge(1, Meter.QUERY, QUOTA, 10)
    desk.commit(noted("all", charge=charge))
    (free,) = desk.commit(noted("free", charge=replace(charge, cost=0)))
    assert isinstance(free, Committed)
    assert free.quota_left is not None
    assert (free.quota_left.burst_count, free.quota_left.day_count) == (0, 90)


@pytest.mark.parametrize(
    "error",
    [ValueError("any"), RonganError(Reason.EPOCH_NOT_OPEN), MovedError(), KeyError(1)],
    ids=lambda error: type(error).__name__,
)
def test_poison_takes_no_other_item_with_it(
    desk: Desk, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """One item that fails half written among five: the other four commit, in order, each once."""
    charge = Charge(1, Meter.QUERY, QUOTA, 1)
    poison = replace(noted("p", charge=charge, sequence_count=1), writes=(raising(error),))
    good = [noted(name, charge=charge, sequence_count=1) for name in "abcd"]
    results = desk.commit(*good[:2], poison, *good[2:])
    assert isinstance(results[2], RonganError)
    assert results[2].reason is Reason.STORE_FAILED
    assert desk.log() == [b"a@0/1", b"b@1/2", b"c@2/3", b"d@3/4"]
    assert written(desk.ledger) == [b"a", b"b", b"c", b"d"]
    with desk.ledger.read() as txn:
        assert quotas.get_quota_state(txn, 1, Meter.QUERY).day_spent == 4
        assert counters.get_list_sequence(txn) == 4
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_entry_that_cannot_be_made_leaves_nothing(desk: Desk) -> None:
    """Without an entry there is no effect: an answer that is not in the log is not given."""

    def fail(_: Placement) -> bytes:
        raise ValueError

    (result,) = desk.commit(replace(noted("a"), make_entry=fail))
    assert isinstance(result, RonganError)
    assert (desk.log(), written(desk.ledger)) == ([], [])
    assert isinstance(desk.commit(noted("b"))[0], Committed)


def test_value_out_of_order_aborts_its_item_alone(desk: Desk) -> None:
    """A journal value that would overwrite another stops its own item and no other."""

    def append(number: int) -> Callable[[Transaction, Placement], None]:
        key = number.to_bytes(8, "big")
        return lambda txn, _: txn.put_sealed(Table.JOURNAL, key, seal(key, b"v"))

    results = desk.commit(
        noted("a", writes=(append(5),)), noted("b", writes=(append(5),)), noted("c")
    )
    assert isinstance(results[1], RonganError)
    assert desk.log() == [b"a@0/0", b"c@1/0"]


def test_stopped_committer_refuses_and_finishes(ledger: Ledger) -> None:
    """Stopping commits all that is queued; what comes later is refused and told when to return."""
    desk = Desk(ledger)
    futures = [desk.committer.submit(noted(f"n{number}")) for number in range(20)]
    desk.start()
    desk.committer.stop()
    assert all(isinstance(_result(future), Committed) for future in futures)
    assert len(desk.log()) == 20
    with pytest.raises(RonganError) as caught:
        desk.committer.submit(noted("late"))
    assert caught.value.reason is Reason.HUB_STOPPING
    assert caught.value.retry_after_seconds is not None


def test_many_threads_get_each_its_own_place(desk: Desk) -> None:
    """Items from many threads get contiguous indices, each once."""
    desk.start()
    places: list[int] = []
    lock = threading.Lock()

    def submit(name: str) -> None:
        for number in range(10):
            result = desk.committer.submit(noted(f"{name}{number}")).result(timeout=10)
            with lock:
                places.append(result.placement.entry_index)

    threads = [threading.Thread(target=submit, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(places) == list(range(80))
    assert len(desk.log()) == 80
