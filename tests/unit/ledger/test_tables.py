"""The small tables: objects by version, counters, quotas, streams, entries."""

from __future__ import annotations

import hashlib

import pytest

from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger import counters, entries, quotas, streams
from rongan_share.ledger.environment import Ledger, Table
from rongan_share.ledger.objects import (
    HUB_KEY_ID,
    agreement_id,
    find_object,
    list_newest,
    load_registry,
    put_object,
)
from rongan_share.ledger.streams import KeptFrame, Repeat, StreamKey
from rongan_share.model.agreement import (
    ALL_TYPES,
    Agreement,
    AgreementState,
    ContributionRights,
)
from rongan_share.model.epoch import Epoch, EpochState
from rongan_share.model.hub_key import HubKey, Target
from rongan_share.model.partner import Operator, Partner, PartnerState
from rongan_share.model.quota import Meter, Quota, QuotaState
from rongan_share.wire.merkle import Frontier, leaf_hash, root_of
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    ProductLine,
    Purpose,
    Suite,
)

STREAM = StreamKey(7, b"s" * 16)


def partner(name: str, version: int = 1, state: PartnerState = PartnerState.ACTIVE) -> Partner:
    """Makes a partner."""
    return Partner(partner_id=name, number=2, state=state, version=version, display_name=name)


def agreement(version: int, state: AgreementState) -> Agreement:
    """Makes one version of an agreement with every set filled."""
    quota = Quota(rate_per_second=1, burst_count=2, day_count=3, month_count=2**53 - 1)
    return Agreement(
        partner_id="bank",
        version=version,
        state=state,
        start_day=1,
        end_day=65_535,
        purposes=frozenset(Purpose),
        channels=frozenset({Channel.BATCH}),
        product_lines=frozenset(ProductLine),
        category_bits=2**64 - 1,
        source_class_bits=2**32 - 1,
        detail_level=DetailLevel.CATEGORY,
        identifier_type_bits=ALL_TYPES,
        suites=frozenset(Suite),
        contribution=ContributionRights(category_bits=5, source_class_bits=6),
        query_quota=quota,
        contribution_quota=quota,
        proposer="alice",
    )


def put(
    ledger: Ledger, stored: Partner | Agreement | Operator | Epoch | HubKey, object_id: str
) -> None:
    """Writes one version in a transaction of its own."""
    with ledger.write() as txn:
        put_object(txn, stored, object_id=object_id, time_ns=5, sequence=9)


def test_versions_are_kept(ledger: Ledger) -> None:
    """A new version stands beside the older ones, and the newest is the one found."""
    states = [PartnerState.ACTIVE, PartnerState.SUSPENDED, PartnerState.ACTIVE]
    for version, state in enumerate(states, start=1):
        put(ledger, partner("bank", version, state), "bank")
    with ledger.read() as txn:
        assert len(list(txn.scan(Table.OBJECTS, prefix=b"Pbank"))) == len(states)
        found = find_object(txn, Partner, "bank")
        assert found == partner("bank", 3, PartnerState.ACTIVE)
        assert find_object(txn, Partner, "ban") is None
        assert find_object(txn, Partner, "bank-2") is None
        assert find_object(txn, Operator, "bank") is None


def test_version_300_is_newer_than_version_2(ledger: Ledger) -> None:
    """Versions are ordered by number, not by their text or low byte."""
    with ledger.write() as txn:
        for version in range(1, 301):
            put_object(txn, partner("bank", version), object_id="bank", time_ns=0, sequence=0)
    with ledger.read() as txn:
        found = find_object(txn, Partner, "bank")
        assert found is not None
        assert found.version == 300
        assert [newest.version for newest in list_newest(txn, Partner)] == [300]


def test_newest_of_each_object_is_listed(ledger: Ledger) -> None:
    """One object's versions never hide another's, also where one id begins like another."""
    names = ["a", "a-b", "ab", "b", "a0"]
    for version in (1, 2):
        for name in names:
            put(ledger, partner(name, version), name)
    put(ledger, Operator(operator_id="a"), "a")
    with ledger.read() as txn:
        listed = list(list_newest(txn, Partner))
    assert sorted(found.partner_id for found in listed) == sorted(names)
    assert {found.version for found in listed} == {2}


def test_registry_shows_what_is_in_force(ledger: Ledger) -> None:
    """The registry holds the agreement in force, the newest version's number, and the epoch."""
    epoch = Epoch(
        number=1,
        suite=Suite.HMAC_SM3,
        state=EpochState.CURRENT,
        opened_ns=1,
        key_digest=b"d" * 32,
    )
    put(ledger, epoch, "0000000001")
    put(ledger, HubKey(key_id=1), HUB_KEY_ID)
    put(ledger, partner("bank"), "bank")
    for version, state in (
        (1, AgreementState.PROPOSED),
        (1, AgreementState.ACTIVE),
        (2, AgreementState.PROPOSED),
    ):
        put(ledger, agreement(version, state), agreement_id("bank", version))
    with ledger.write() as txn:
        counters.bump_generation(txn)
    with ledger.read() as txn:
        registry = load_registry(txn)
    assert registry.generation == 1
    assert registry.epoch == epoch
    assert registry.target == Target(1, 1)
    assert registry.coming_target is None
    assert registry.agreements == {"bank": agreement(1, AgreementState.ACTIVE)}
    assert registry.newest_versions == {"bank": 2}
    assert registry.suspended_numbers == frozenset()


def test_ledger_without_an_epoch_is_corrupt(ledger: Ledger) -> None:
    """Without a current epoch no question can be answered, so none is."""
    with ledger.read() as txn, pytest.raises(LedgerCorruptError):
        load_registry(txn)


def test_counters_start_at_zero_and_stay_apart(ledger: Ledger) -> None:
    """Generation, sequence and each partner's last frame are numbers of their own."""
    with ledger.write() as txn:
        assert counters.get_generation(txn) == counters.get_list_sequence(txn) == 0
        counters.bump_generation(txn)
        counters.bump_generation(txn)
        counters.put_list_sequence(txn, 2**60)
        counters.put_last_of_partner(txn, 1, 5)
        counters.put_last_of_partner(txn, 2**32 - 1, 6)
        counters.put_hub_id(txn, "origin")
    with ledger.read() as txn:
        assert counters.get_generation(txn) == 2
        assert counters.get_list_sequence(txn) == 2**60
        assert [counters.get_last_of_partner(txn, n) for n in (1, 2, 2**32 - 1)] == [5, 0, 6]
        assert counters.get_hub_id(txn) == "origin"


def test_quota_states_stay_apart(ledger: Ledger) -> None:
    """Each partner and meter has a state of its own."""
    state = QuotaState(2**63, 20_781, 5, 20_758, 2**60)
    with ledger.write() as txn:
        quotas.put_quota_state(txn, 1, Meter.QUERY, state=state)
    with ledger.read() as txn:
        assert quotas.get_quota_state(txn, 1, Meter.QUERY) == state
        assert quotas.get_quota_state(txn, 1, Meter.CONTRIBUTION) == QuotaState()
        assert quotas.get_quota_state(txn, 257, Meter.QUERY) == QuotaState()


def test_stream_positions_stay_apart(ledger: Ledger) -> None:
    """The same stream id of two partners names two streams."""
    other, kept = StreamKey(8, STREAM.stream_id), KeptFrame(b"d" * 32, 1, 2, 3)
    repeat = Repeat(b"e" * 32, 4, 3)
    with ledger.write() as txn:
        streams.put_highest_frame(txn, STREAM, 300)
        streams.put_frame(txn, STREAM, 300, frame=kept)
        streams.put_repeat(txn, STREAM, 0, repeat=repeat)
    with ledger.read() as txn:
        assert streams.get_highest_frame(txn, STREAM) == 300
        assert streams.get_highest_frame(txn, other) == 0
        assert streams.find_frame(txn, STREAM, 300) == kept
        assert streams.find_frame(txn, other, 300) is None
        assert streams.find_repeat(txn, STREAM, 0) == repeat
        assert streams.find_repeat(txn, STREAM, 1) is None


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_outdated_are_found_slice_by_slice(ledger: Ledger, limit: int) -> None:
    """Slices of any size find every outdated key once, though keys are deleted between slices."""
    with ledger.write() as txn:
        for number in range(10):
            frame = KeptFrame(bytes(32), number, number, time_ns=number * 10)
            streams.put_frame(txn, STREAM, number, frame=frame)
    found: list[bytes] = []
    start, slices = b"", 0
    while start or not slices:
        with ledger.write() as txn:
            outdated, start = streams.list_outdated(txn, Table.FRAMES, 50, start=start, limit=limit)
            assert len(outdated) <= limit
            for key in outdated:
                txn.delete(Table.FRAMES, key)
        found += outdated
        slices += 1
    assert [int.from_bytes(key[-8:], "big") for key in found] == [0, 1, 2, 3, 4]
    with ledger.read() as txn:
        left = [number for number in range(10) if streams.find_frame(txn, STREAM, number)]
    assert left == [5, 6, 7, 8, 9]


def test_outdated_questions_are_found(ledger: Ledger) -> None:
    """Questions are forgotten by when they were first answered."""
    with ledger.write() as txn:
        streams.put_repeat(txn, STREAM, 1, repeat=Repeat(bytes(32), 49, 0))
        streams.put_repeat(txn, STREAM, 2, repeat=Repeat(bytes(32), 50, 3))
    with ledger.read() as txn:
        outdated, start = streams.list_outdated(txn, Table.REPEATS, 50, start=b"", limit=10)
    assert ([key[-1] for key in outdated], start) == ([1], b"")


def test_entries_and_their_tree(ledger: Ledger) -> None:
    """Entries stand in order with the frontier of their tree, side tables by index."""
    raws = [bytes([number]) * number for number in range(1, 9)]
    with ledger.write() as txn:
        frontier = entries.get_frontier(txn)
        assert frontier == Frontier()
        for raw in raws:
            frontier = entries.append_entry(txn, frontier, raw)
        entries.put_frontier(txn, frontier)
        entries.put_nonce(txn, 3, b"n" * 32)
        entries.put_disclosure(txn, 3, b"d" * 8)
        entries.put_business_refs(txn, 3, b"r" * 16)
    with ledger.read() as txn:
        assert entries.get_frontier(txn).root() == root_of([leaf_hash(raw) for raw in raws])
        assert [raw for _, raw in entries.list_entries(txn, 5)] == raws[5:]
        assert entries.find_entry(txn, 7) == raws[7]
        assert entries.find_entry(txn, 8) is None
        assert (entries.find_nonce(txn, 3), entries.find_nonce(txn, 4)) == (b"n" * 32, None)
        assert (entries.find_disclosure(txn, 3), entries.find_disclosure(txn, 4)) == (
            b"d" * 8,
            None,
        )


def test_frontier_that_does_not_fit_is_corrupt(ledger: Ledger) -> None:
    """A frontier that does not fit its size is refused even under a good seal."""
    with ledger.write() as txn:
        txn.put(Table.META, b"frontier", hashlib.sha256(b"").digest())
    with ledger.read() as txn, pytest.raises(LedgerCorruptError):
        entries.get_frontier(txn)
