"""A registry brought up to date is the registry read anew, whatever changed in between."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rongan_share.ledger import counters, objects
from rongan_share.ledger.environment import Ledger, Table, Transaction
from rongan_share.ledger.objects import (
    HUB_KEY_ID,
    Stored,
    agreement_id,
    load_registry,
    put_object,
    update_registry,
)
from rongan_share.model.agreement import ALL_TYPES, Agreement, AgreementState, ContributionRights
from rongan_share.model.epoch import Epoch, EpochState
from rongan_share.model.hub_key import HubKey
from rongan_share.model.partner import (
    Certificate,
    CertificateState,
    HolderKind,
    Operator,
    Partner,
    PartnerState,
)
from rongan_share.model.quota import Quota
from rongan_share.wire.vocabulary import DetailLevel, Suite

NAMES = st.sampled_from(["a", "a-b", "ab", "b"])
"""Ids of which some begin like another."""

ACTS = st.one_of(
    st.tuples(st.just("partner"), NAMES, st.sampled_from(PartnerState)),
    st.tuples(
        st.just("agreement"), NAMES, st.tuples(st.integers(1, 3), st.sampled_from(AgreementState))
    ),
    st.tuples(st.just("certificate"), NAMES, st.sampled_from(CertificateState)),
    st.tuples(st.just("operator"), NAMES, st.booleans()),
    st.tuples(st.just("epoch"), st.just("2"), st.sampled_from(EpochState)),
    st.tuples(st.just("bump"), st.just(""), st.none()),
)


def agreement(partner_id: str, version: int, state: AgreementState) -> Agreement:
    """Makes an agreement of which nothing but its place and state matters."""
    quota = Quota(rate_per_second=1, burst_count=1, day_count=1, month_count=1)
    return Agreement(
        partner_id=partner_id,
        version=version,
        state=state,
        start_day=1,
        end_day=2,
        purposes=frozenset(),
        channels=frozenset(),
        product_lines=frozenset(),
        category_bits=0,
        source_class_bits=0,
        detail_level=DetailLevel.VERDICT,
        identifier_type_bits=ALL_TYPES,
        suites=frozenset(),
        contribution=ContributionRights(category_bits=0, source_class_bits=0),
        query_quota=quota,
        contribution_quota=quota,
        proposer="alice",
    )


def epoch(number: int, state: EpochState) -> Epoch:
    """Makes an epoch."""
    return Epoch(
        number=number, suite=Suite.HMAC_SHA256, state=state, opened_ns=0, key_digest=bytes(32)
    )


def act(txn: Transaction, kind: str, name: str, *, state: object) -> None:
    """Writes one version of an object."""
    object_id = name
    stored: Stored | None = None
    if kind == "partner":
        assert isinstance(state, PartnerState)
        stored = Partner(partner_id=name, number=2, state=state, version=1, display_name=name)
    elif kind == "agreement":
        assert isinstance(state, tuple)
        object_id, stored = agreement_id(name, state[0]), agreement(name, *state)
    elif kind == "certificate":
        assert isinstance(state, CertificateState)
        stored = Certificate(
            fingerprint=name.encode(),
            serial_hex=name,
            holder_kind=HolderKind.PARTNER,
            holder_id=name,
            not_after_ns=5,
            state=state,
            version=1,
        )
    elif kind == "operator":
        stored = Operator(operator_id=name, enabled=bool(state))
    elif kind == "epoch":
        assert isinstance(state, EpochState)
        object_id, stored = name, epoch(int(name), state)
    if stored is not None:
        put_object(txn, stored, object_id=object_id, time_ns=0, sequence=0)
    if kind != "partner":
        # Some writes wait for the bump of a later act.
        counters.bump_generation(txn)


def founded(folder: str) -> Ledger:
    """Makes a ledger with a current epoch."""
    Ledger.create(Path(folder) / "ledger")
    ledger = Ledger(Path(folder) / "ledger")
    with ledger.write() as txn:
        put_object(txn, epoch(1, EpochState.CURRENT), object_id="1", time_ns=0, sequence=0)
        put_object(txn, HubKey(key_id=1), object_id=HUB_KEY_ID, time_ns=0, sequence=0)
        counters.bump_generation(txn)
    return ledger


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(ACTS, max_size=4), min_size=1, max_size=6))
def test_update_reads_what_loading_reads(commits: list[list[tuple[str, str, object]]]) -> None:
    """After any writes in any commits an update from any earlier registry gives the whole truth."""
    with tempfile.TemporaryDirectory() as folder, founded(folder) as ledger:
        with ledger.read() as txn:
            earlier = [load_registry(txn)]
        for commit in commits:
            with ledger.write() as txn:
                for kind, name, state in commit:
                    act(txn, kind, name, state=state)
                counters.bump_generation(txn)
            with ledger.read() as txn:
                whole = load_registry(txn)
                assert all(update_registry(txn, each) == whole for each in earlier)
            earlier.append(whole)


def test_change_without_a_note_is_seen(ledger: Ledger) -> None:
    """Where a build that leaves no notes wrote between, everything is read anew."""
    with ledger.write() as txn:
        put_object(txn, epoch(1, EpochState.CURRENT), object_id="1", time_ns=0, sequence=0)
        put_object(txn, HubKey(key_id=1), object_id=HUB_KEY_ID, time_ns=0, sequence=0)
        counters.bump_generation(txn)
    with ledger.read() as txn:
        before = load_registry(txn)
    for place, number in enumerate((2, 3)):
        with ledger.write() as txn:
            operator = Operator(operator_id=f"o{number}")
            put_object(txn, operator, object_id=operator.operator_id, time_ns=0, sequence=0)
            counters.bump_generation(txn)
            if not place:
                for key, _ in list(txn.scan(Table.OBJECTS, prefix=objects._change_key(2))):
                    txn.delete(Table.OBJECTS, key)
    with ledger.read() as txn:
        assert set(update_registry(txn, before).operators) == {"o2", "o3"}
