"""Any history of frames, however it is read, gives the listings that a dictionary gives."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from rongan_share.columns.build import follow
from rongan_share.columns.frozen import FrozenColumns, Origin
from rongan_share.columns.owner_keys import OwnerKeys
from rongan_share.columns.snapshot import Snapshot
from rongan_share.errors import RonganError
from rongan_share.ledger.journal import COLUMN_DTYPES, JournalFrame, RowsHeader
from rongan_share.model.hub_key import Target
from rongan_share.model.listing import AMENDED_COLUMNS, VALUE_COLUMNS, listing_id_of
from rongan_share.wire.vocabulary import RowOperation

# Equal in the first half, in the second, ending in zeros, with zeros inside, the highest of all.
TOKENS = [
    b"\x01" * 16,
    b"\x01" * 8 + b"\x02" * 8,
    b"\x02" * 8 + b"\x01" * 8,
    b"\x01" * 8 + bytes(8),
    bytes(15) + b"\x01",
    b"\x01" * 15 + b"\x00",
    b"\xff" * 16,
]
ABSENT = [b"\x01" * 8 + b"\x03" * 8, bytes(8) + b"\x01" * 8, b"\xfe" * 16, bytes(16)]
REFERENCES = [b"\x01" * 16, b"\x01" * 15 + b"\x00", b"\x00" * 15 + b"\x01", b"\xff" * 16, bytes(16)]
CATEGORIES = [0, 1, 63]
PARTNERS = [1, 256, 2**32 - 1]
EPOCH = 4
TARGET = Target(EPOCH, 1)
EMPTY = Snapshot(0, (), OwnerKeys.of_secret(b""), TARGET)
ORIGIN = Origin(hub_id="hub.example", epoch=EPOCH, key_id=1, owners="", taxonomy_version=1)

Identity = tuple[int, bytes, int, bytes]
Values = dict[str, int]

IDENTITIES = st.tuples(
    st.sampled_from(REFERENCES), st.sampled_from(CATEGORIES), st.sampled_from(TOKENS)
)
VALUES = st.fixed_dictionaries(
    {
        name: st.integers(0, 255) if COLUMN_DTYPES[name] == "u1" else st.integers(0, 65_535)
        for name in VALUE_COLUMNS
    }
)


class History:
    """Frames as the journal would hold them, and the listings that they leave."""

    def __init__(self) -> None:
        self.frames: list[JournalFrame] = []
        self.live: dict[int, tuple[Identity, Values]] = {}

    def owned(self, partner: int, identity: tuple[bytes, int, bytes]) -> int | None:
        """Finds a live listing by its identity."""
        for number, (known, _) in self.live.items():
            if known == (partner, *identity):
                return number
        return None

    def append(self, partner: int, rows: list[tuple[RowOperation, Identity, Values]]) -> None:
        """Accepts a frame; ADD of a live listing is a row without effect."""
        sequence = len(self.frames) + 1
        pairs: list[tuple[int, int]] = []
        for place, (operation, identity, values) in enumerate(rows):
            number = self.owned(partner, identity[1:])
            if operation is RowOperation.ADD and number is None:
                self.live[listing_id_of(sequence, place)] = (identity, values)
                continue
            assert number is not None
            pairs.append((place, number))
            if operation is RowOperation.WITHDRAW:
                del self.live[number]
            elif operation is RowOperation.AMEND:
                kept = {"type": self.live[number][1]["type"]}
                self.live[number] = (identity, values | kept)
        self.frames.append(_frame(sequence, partner, rows=rows, pairs=pairs))

    def row(self, number: int) -> tuple[Any, ...]:
        """Gives a listing as a tuple to compare."""
        (partner, reference, category, token), values = self.live[number]
        ordered = tuple(values[name] for name in VALUE_COLUMNS)
        return (number, partner, reference, category, token, EPOCH, *ordered)


def _frame(
    sequence: int,
    partner: int,
    *,
    rows: list[tuple[RowOperation, Identity, Values]],
    pairs: list[tuple[int, int]],
) -> JournalFrame:
    columns = {
        "operation": np.array([operation for operation, _, _ in rows], "u1"),
        "reference": np.array([identity[1] for _, identity, _ in rows], "S16"),
        "category": np.array([identity[2] for _, identity, _ in rows], "u1"),
        "token": np.array([identity[3] for _, identity, _ in rows], "S16"),
    }
    for name in VALUE_COLUMNS:
        columns[name] = np.array([values[name] for _, _, values in rows], COLUMN_DTYPES[name])
    return JournalFrame(
        sequence=sequence,
        header=RowsHeader(
            key_id=1,
            suite=1,
            epoch=EPOCH,
            next_epoch=0,
            partner_number=partner,
            row_count=len(rows),
            time_ns=0,
        ),
        columns=columns,
        pair_rows=np.array([row for row, _ in pairs], "<u4"),
        pair_ids=np.array([number for _, number in pairs], "<u8"),
    )


def shown(row: np.void) -> tuple[Any, ...]:
    """Gives a row of a snapshot as the model gives it; numpy strips zeros, which are put back."""
    return (
        int(row["listing_id"]),
        int(row["contributor"]),
        bytes(row["reference"]).ljust(16, b"\0"),
        int(row["category"]),
        bytes(row["token"]).ljust(16, b"\0"),
        int(row["epoch"]),
        *(int(row[name]) for name in VALUE_COLUMNS),
    )


def verify(snapshot: Snapshot, history: History) -> None:
    """Compares every look-up with the dictionary."""
    assert snapshot.sequence == len(history.frames)
    assert snapshot.listing_count == len(history.live)
    asked = [*TOKENS, *ABSENT, TOKENS[0]]
    match = snapshot.find_tokens(b"".join(asked))
    expected = [
        (query, history.row(number))
        for query, token in enumerate(asked)
        for number in sorted(history.live)
        if history.live[number][0][3] == token
    ]
    found = zip(match.query.tolist(), match.rows, strict=True)
    assert [(query, shown(row)) for query, row in found] == expected
    numbers = sorted(history.live)[::-1]
    rows = snapshot.rows_of(np.array(numbers, "<u8"))
    assert [shown(row) for row in rows] == [history.row(number) for number in numbers]
    for partner in PARTNERS:
        _verify_owned(snapshot, history, partner)
        _verify_listed(snapshot, history, partner)


def _verify_owned(snapshot: Snapshot, history: History, partner: int) -> None:
    questions = [
        (reference, category, token)
        for reference in REFERENCES
        for category in CATEGORIES
        for token in (bytes(16), *TOKENS[:4])
    ]
    match = snapshot.find_owned(
        partner,
        np.array([reference for reference, _, _ in questions], "S16"),
        np.array([category for _, category, _ in questions], "u1"),
        token=np.array([token for _, _, token in questions], "S16"),
    )
    expected = [
        (query, number)
        for query, (reference, category, token) in enumerate(questions)
        for number in sorted(history.live)
        if history.live[number][0][:3] == (partner, reference, category)
        and token in (bytes(16), history.live[number][0][3])
    ]
    assert (
        list(zip(match.query.tolist(), match.rows["listing_id"].tolist(), strict=True)) == expected
    )


def _verify_listed(snapshot: Snapshot, history: History, partner: int) -> None:
    own = sorted(number for number, (identity, _) in history.live.items() if identity[0] == partner)
    shown_rows = [history.row(number) for number in own]
    for after in {0, *own[:1], *own[-2:], 2**64 - 1}:
        behind = sum(number <= after for number in own)
        for most in (1, 3, 1_000):
            rows = snapshot.list_owned(partner, after, most=most)
            assert [shown(row) for row in rows] == shown_rows[behind : behind + most]


class Columns(RuleBasedStateMachine):
    """Frames of several contributors, followed one by one or in batches."""

    bulk_rows: ClassVar[int] = 40

    def __init__(self) -> None:
        super().__init__()
        self.history = History()
        self.snapshot = EMPTY
        self.bulk_count = 0
        self._folder = tempfile.TemporaryDirectory()
        self.frozen = FrozenColumns(
            Path(self._folder.name) / "columns", ORIGIN, self.snapshot.owner_keys
        )

    @rule(
        partner=st.sampled_from(PARTNERS),
        wanted=st.lists(st.tuples(IDENTITIES, VALUES), min_size=1, max_size=4),
        removal=st.booleans(),
        again=st.booleans(),
    )
    def write(
        self,
        *,
        partner: int,
        wanted: list[tuple[tuple[bytes, int, bytes], Values]],
        removal: bool,
        again: bool,
    ) -> None:
        """One frame: adds what is not there, amends, withdraws or adds again what is."""
        rows = []
        for identity, values in {pair[0]: pair[1] for pair in wanted}.items():
            operation = RowOperation.ADD
            if self.history.owned(partner, identity) is not None and not again:
                operation = RowOperation.WITHDRAW if removal else RowOperation.AMEND
            rows.append((operation, (partner, *identity), values))
        self.history.append(partner, rows)

    @rule(partner=st.sampled_from(PARTNERS), values=VALUES)
    def write_many(self, partner: int, values: Values) -> None:
        """A larger frame of other listings, so that runs of different size lie over one another."""
        self.bulk_count += 1
        rows = []
        for number in range(self.bulk_rows):
            reference = b"\x02" + self.bulk_count.to_bytes(4, "big") + number.to_bytes(11, "big")
            identity = (partner, reference, 5, b"\x09" * 8 + number.to_bytes(8, "big"))
            rows.append((RowOperation.ADD, identity, values))
        self.history.append(partner, rows)

    @rule(data=st.data(), values=VALUES)
    def amend_any(self, data: st.DataObject, values: Values) -> None:
        """A frame of one row that amends any live listing, also one deep in a large run."""
        if not self.history.live:
            return
        number = data.draw(st.sampled_from(sorted(self.history.live)))
        identity, _ = self.history.live[number]
        self.history.append(identity[0], [(RowOperation.AMEND, identity, values)])

    @rule()
    def freeze(self) -> None:
        """Columns of what was followed are written, verified, and served from then on."""
        whole = self.snapshot
        if not whole.runs:
            return
        if self.frozen.manifest(whole.sequence) is None:
            self.frozen.write(whole, b"seal", time_ns=9)
        self.frozen.retire(whole.sequence)
        manifest = self.frozen.manifest(whole.sequence)
        assert manifest is not None
        reopened = self.frozen.open(manifest)
        assert reopened is not None
        self.snapshot = reopened

    @rule(batch=st.integers(1, 5))
    def catch_up(self, batch: int) -> None:
        """The follower reads some frames at once."""
        behind = self.history.frames[self.snapshot.sequence :]
        self.snapshot = follow(self.snapshot, behind[:batch])

    @invariant()
    def followed_equals_model(self) -> None:
        """A snapshot that caught up equals the dictionary, and so does one rebuilt from zero."""
        one_by_one = self.snapshot
        for frame in self.history.frames[one_by_one.sequence :]:
            one_by_one = follow(one_by_one, [frame])
        verify(one_by_one, self.history)

    def teardown(self) -> None:
        """Rebuilds from zero at the end."""
        verify(follow(EMPTY, self.history.frames), self.history)
        self._folder.cleanup()


def test_any_history_gives_the_listings_of_a_dictionary() -> None:
    """Every interleaving of frames, followed in any batches or rebuilt, equals the dictionary."""
    run_state_machine_as_test(
        Columns,
        settings=settings(
            deadline=None, derandomize=True, database=None, max_examples=40, stateful_step_count=20
        ),
    )


def some(number: int) -> Values:
    """Makes values that tell themselves apart."""
    return dict.fromkeys(VALUE_COLUMNS, number)


def test_listing_replaced_in_two_runs_is_counted_once() -> None:
    """A listing amended in runs that are too large to merge is still one listing."""
    history = History()

    def identity(number: int) -> Identity:
        return (1, number.to_bytes(16, "big"), 0, b"\x07" * 8 + number.to_bytes(8, "big"))

    for begin, end in ((0, 1000), (1000, 1060)):
        history.append(1, [(RowOperation.ADD, identity(n), some(1)) for n in range(begin, end)])
        history.append(1, [(RowOperation.AMEND, identity(n), some(2)) for n in range(60)])
    history.append(1, [(RowOperation.AMEND, identity(3), some(3))])
    history.append(1, [(RowOperation.WITHDRAW, identity(4), some(0))])
    snapshot = EMPTY
    for frame in history.frames:
        snapshot = follow(snapshot, [frame])
        assert len(snapshot.runs) <= 5
    assert len(snapshot.runs) > 1
    assert snapshot.listing_count == len(history.live)


def test_withdrawn_listing_has_no_row() -> None:
    """A journal that names a listing that does not live is refused, not answered with zeros."""
    history = History()
    identity = (1, b"r" * 16, 0, b"t" * 16)
    history.append(1, [(RowOperation.ADD, identity, some(1))])
    history.append(1, [(RowOperation.WITHDRAW, identity, some(0))])
    snapshot = follow(EMPTY, history.frames)
    gone = np.array([listing_id_of(1, 0)], "<u8")
    with pytest.raises(RonganError):
        snapshot.rows_of(gone)
    with pytest.raises(RonganError):
        EMPTY.rows_of(gone)


def test_type_stays_with_the_token() -> None:
    """An AMEND replaces every value but the type."""
    history = History()
    identity = (1, b"r" * 16, 0, b"t" * 16)
    history.append(1, [(RowOperation.ADD, identity, some(1))])
    history.append(1, [(RowOperation.AMEND, identity, some(9))])
    row = follow(EMPTY, history.frames).find_tokens(b"t" * 16).rows[0]
    assert int(row["type"]) == 1
    assert all(int(row[name]) == 9 for name in AMENDED_COLUMNS)


def test_snapshot_is_never_changed_by_its_successor() -> None:
    """A reader that holds a snapshot goes on seeing what it saw."""
    history = History()
    identity = (1, b"r" * 16, 0, b"t" * 16)
    history.append(1, [(RowOperation.ADD, identity, some(1))])
    before = follow(EMPTY, history.frames)
    seen = [shown(row) for row in before.find_tokens(b"t" * 16).rows]
    history.append(1, [(RowOperation.AMEND, identity, some(2))])
    history.append(1, [(RowOperation.WITHDRAW, identity, some(0))])
    after = follow(before, history.frames[1:])
    assert [shown(row) for row in before.find_tokens(b"t" * 16).rows] == seen
    assert after.find_tokens(b"t" * 16).query.size == 0
