"""Any history with two epochs and two hub keys gives each set the listings of a dictionary."""

from __future__ import annotations

import dataclasses
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from rongan_share.columns.build import follow
from rongan_share.columns.frozen import FrozenColumns
from rongan_share.columns.recipher import Recipher
from rongan_share.columns.rekeyed import RekeyedKeys
from rongan_share.columns.run import token_keys
from rongan_share.columns.snapshot import Snapshot
from rongan_share.columns.spilling import Spilling
from rongan_share.columns.view import View
from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.cipher import TokenCipher
from rongan_share.ledger.journal import COLUMN_DTYPES, JournalFrame, RowsHeader
from rongan_share.model.hub_key import Target
from rongan_share.model.listing import LISTING_DTYPE, VALUE_COLUMNS, listing_id_of
from rongan_share.wire.vocabulary import RowOperation
from tests.unit.columns.test_columns_machine import EMPTY, ORIGIN, shown

NOW, NEXT = 4, 5
TARGETS = [Target(NOW, 1), Target(NEXT, 1), Target(NEXT, 2)]
CIPHERS = {number: TokenCipher(bytes([number]) * 32, key_id=number) for number in (1, 2)}
TOKENS = [bytes([number]) * 16 for number in range(1, 6)]
PARTNERS = [1, 256]
EVERYTHING = View(
    tables=np.stack([np.full(256, value, np.uint8) for value in (1, 1, 1, 0, 0)]),
    confidence=np.zeros((256, 256), np.uint8),
    suspended=np.zeros(1, np.uint8),
    day=0,
    hub_number=3,
    allowlist_bit=63,
)


@dataclasses.dataclass
class Listing:
    """A live listing; its tokens are raw: the one it was added with, and by epoch."""

    partner: int
    reference: bytes
    value: int
    added: int
    first: bytes
    tokens: dict[int, bytes]

    def in_set(self, target: Target) -> tuple[bytes, int]:
        """Returns its token in a set, enciphered, and the epoch of that."""
        epoch = target.epoch if target.epoch in self.tokens else self.added
        token = self.tokens.get(target.epoch, self.first)
        return CIPHERS[target.key_id].encipher(token), epoch

    def row(self, number: int, target: Target) -> tuple[Any, ...]:
        """Gives it as a tuple to compare."""
        token, epoch = self.in_set(target)
        values = (self.value,) * len(VALUE_COLUMNS)
        return (number, self.partner, self.reference, 1, token, epoch, *values)


Row = tuple[RowOperation, bytes, bytes, bytes, int]


class World:
    """Frames as the journal holds them, and the listings that they leave."""

    def __init__(self) -> None:
        self.frames: list[JournalFrame] = []
        self.live: dict[int, Listing] = {}

    def append(
        self, partner: int, rows: list[Row], pairs: list[int | None], *, head: tuple[int, int, int]
    ) -> None:
        """Accepts rows of (operation, reference, token, next token, value), and what each means.

        Args:
            partner: The contributor.
            rows: The rows.
            pairs: The listing that each is about; None for one that is added.
            head: Key id, epoch and next epoch of the frame.
        """
        key_id, epoch, next_epoch = head
        sequence = len(self.frames) + 1
        for place, ((operation, reference, token, coming, value), number) in enumerate(
            zip(rows, pairs, strict=True)
        ):
            if number is None:
                tokens = {epoch: token} | ({next_epoch: coming} if next_epoch else {})
                made = Listing(partner, reference, value, epoch, token, tokens)
                self.live[listing_id_of(sequence, place)] = made
            elif operation is RowOperation.WITHDRAW:
                del self.live[number]
            elif operation is RowOperation.AMEND:
                assert value == self.live[number].value
            else:
                self.live[number].tokens[next_epoch] = coming
        encipher = CIPHERS[key_id].encipher
        columns: dict[str, Any] = {
            "operation": np.array([row[0] for row in rows], "u1"),
            "reference": np.array([row[1] for row in rows], "S16"),
            "category": np.ones(len(rows), "u1"),
            "token": np.array([encipher(row[2]) for row in rows], "S16"),
        }
        if next_epoch:
            columns["next_token"] = np.array(
                [encipher(row[3]) if row[3].strip(b"\0") else row[3] for row in rows], "S16"
            )
        for name in VALUE_COLUMNS:
            columns[name] = np.array([row[4] for row in rows], COLUMN_DTYPES[name])
        header = RowsHeader(
            key_id=key_id,
            suite=1,
            epoch=epoch,
            next_epoch=next_epoch,
            partner_number=partner,
            row_count=len(rows),
            time_ns=0,
        )
        known = [(place, number) for place, number in enumerate(pairs) if number is not None]
        frame = JournalFrame(
            sequence=sequence,
            header=header,
            columns=columns,
            pair_rows=np.array([place for place, _ in known], "<u4"),
            pair_ids=np.array([number for _, number in known], "<u8"),
        )
        self.frames.append(frame)


def frames_for(world: World, target: Target, after: int) -> list[JournalFrame]:
    """Gives frames as a set reads them."""
    recipher = Recipher(target.key_id, CIPHERS)
    return [recipher.frame(frame) for frame in world.frames[after:]]


def verify(snapshot: Snapshot, world: World) -> None:
    """Compares every look-up with the dictionary."""
    target = snapshot.target
    assert snapshot.sequence == len(world.frames)
    assert snapshot.listing_count == len(world.live)
    in_set = {number: listing.in_set(target) for number, listing in world.live.items()}
    asked = [CIPHERS[target.key_id].encipher(token) for token in TOKENS]
    expected = [
        (query, world.live[number].row(number, target))
        for query, token in enumerate(asked)
        for number in sorted(world.live)
        if in_set[number][0] == token
    ]
    match = snapshot.find_tokens(b"".join(asked))
    found = zip(match.query.tolist(), match.rows, strict=True)
    assert [(query, shown(row)) for query, row in found] == expected
    listed, _, ids = snapshot.judge(b"".join(asked), np.ones(len(asked), np.bool_), EVERYTHING)
    assert listed.tolist() == sorted({query for query, _ in expected})
    assert ids.tolist() == sorted({row[0] for _, row in expected})
    _verify_owned(snapshot, world)
    lacking: dict[int, int] = {}
    for number, (_, epoch) in in_set.items():
        if epoch != target.epoch:
            lacking[world.live[number].partner] = lacking.get(world.live[number].partner, 0) + 1
    assert dict(snapshot.lacking) == lacking
    assert snapshot.lacking_count == sum(lacking.values())


def _verify_owned(snapshot: Snapshot, world: World) -> None:
    for partner in PARTNERS:
        own = [(number, each) for number, each in world.live.items() if each.partner == partner]
        own.sort(key=lambda pair: pair[0])
        rows = snapshot.list_owned(partner, 0, most=10_000)
        assert [shown(row) for row in rows] == [
            each.row(number, snapshot.target) for number, each in own
        ]
        some = own[:3] + own[-3:]
        if not some:
            continue
        for tokens in ([each.in_set(snapshot.target)[0] for _, each in some], [bytes(16)] * 6):
            match = snapshot.find_owned(
                partner,
                np.array([each.reference for _, each in some], "S16"),
                np.ones(len(some), np.uint8),
                token=np.array(tokens[: len(some)], "S16"),
            )
            for query, (number, _) in enumerate(some):
                assert number in match.rows["listing_id"][match.query == query].tolist()


class Sets(RuleBasedStateMachine):
    """Contributions over a change of the epoch, in several sets at once."""

    bulk_rows: ClassVar[int] = 30

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.numbers = iter(range(1, 1 << 20))
        self._folder = tempfile.TemporaryDirectory()
        self.folders: dict[Target, FrozenColumns] = {}
        self.snapshots: dict[Target, Snapshot] = {}
        for target in TARGETS:
            columns = FrozenColumns(
                Path(self._folder.name) / f"e{target.epoch}-k{target.key_id}",
                msgspec.structs.replace(ORIGIN, epoch=target.epoch, key_id=target.key_id),
                EMPTY.owner_keys,
                ciphers=CIPHERS,
            )
            self.folders[target] = columns
            self.snapshots[target] = columns.empty()

    @rule(
        partner=st.sampled_from(PARTNERS),
        count=st.sampled_from([1, 2, 30]),
        token=st.sampled_from(TOKENS),
        coming=st.sampled_from([*TOKENS, bytes(16)]),
        head=st.tuples(
            st.sampled_from([1, 2]), st.sampled_from([(NOW, 0), (NOW, NEXT), (NEXT, 0)])
        ),
    )
    def add(
        self,
        *,
        partner: int,
        count: int,
        token: bytes,
        coming: bytes,
        head: tuple[int, tuple[int, int]],
    ) -> None:
        """A frame of new listings, with one token each or two."""
        rows: list[Row] = []
        key_id, (epoch, next_epoch) = head
        if next_epoch and not coming.strip(b"\0"):
            coming = token
        for _ in range(count):
            reference = b"\x01" + next(self.numbers).to_bytes(15, "big")
            rows.append((RowOperation.ADD, reference, token, coming, 7))
        self.world.append(partner, rows, [None] * count, head=(key_id, epoch, next_epoch))

    @rule(
        data=st.data(),
        key_id=st.sampled_from([1, 2]),
        next_epoch=st.sampled_from([NEXT, NEXT, 9]),
    )
    def change(self, *, data: st.DataObject, key_id: int, next_epoch: int) -> None:
        """A frame that amends, withdraws and re-tokens any listings of one contributor."""
        partner = data.draw(st.sampled_from(PARTNERS))
        own = sorted(number for number, each in self.world.live.items() if each.partner == partner)
        if not own:
            return
        chosen = data.draw(st.lists(st.sampled_from(own), min_size=1, max_size=6, unique=True))
        operations = st.sampled_from(
            [RowOperation.RETOKEN, RowOperation.RETOKEN, RowOperation.AMEND, RowOperation.WITHDRAW]
        )
        rows: list[Row] = []
        for number in chosen:
            operation = data.draw(operations)
            coming = bytes(16)
            if operation is RowOperation.RETOKEN:
                coming = data.draw(st.sampled_from(TOKENS))
            known = self.world.live[number]
            rows.append((operation, known.reference, known.first, coming, 7))
        self.world.append(partner, rows, list(chosen), head=(key_id, NOW, next_epoch))

    @rule(share=st.sampled_from([1, 2]), partner=st.sampled_from(PARTNERS))
    def retoken_many(self, share: int, partner: int) -> None:
        """A contributor sends all that it has, or half of it, once more."""
        own = sorted(number for number, each in self.world.live.items() if each.partner == partner)
        chosen = own[::share]
        if not chosen:
            return
        rows = [
            (
                RowOperation.RETOKEN,
                self.world.live[number].reference,
                self.world.live[number].first,
                TOKENS[number % len(TOKENS)],
                0,
            )
            for number in chosen
        ]
        self.world.append(partner, rows, list(chosen), head=(1, NOW, NEXT))

    @rule(goal=st.sampled_from(TARGETS), large=st.sampled_from([1, 8, 1 << 20]))
    def freeze(self, goal: Target, large: int) -> None:
        """The keeper reads on, into files of its own, and writes columns; they are served."""
        columns = self.folders[goal]
        with columns.scratch() as folder:
            spilling = Spilling(folder, self.snapshots[goal], large=large)
            for frame in frames_for(self.world, goal, spilling.snapshot.sequence):
                spilling.follow([frame])
            whole = spilling.snapshot
            if not whole.runs or columns.manifest(whole.sequence) is not None:
                return
            columns.write(whole, b"seal", time_ns=9)
        manifest = columns.manifest(whole.sequence)
        assert manifest is not None
        opened = columns.open(manifest)
        assert opened is not None
        (run,) = opened.runs
        for index, keys in (
            (run.tokens, token_keys(run.rows["token"])),
            (run.owners, columns.owner_keys.of_rows(run.rows)),
        ):
            # Each row stands under its own key once, and under no other.
            assert np.sort(index.order).tolist() == list(range(run.row_count))
            assert (keys[index.order] == index.keys).all()
        self.snapshots[goal] = opened

    @rule(goal=st.sampled_from(TARGETS), batch=st.integers(1, 4))
    def catch_up(self, goal: Target, batch: int) -> None:
        """A follower reads some frames at once."""
        snapshot = self.snapshots[goal]
        frames = frames_for(self.world, goal, snapshot.sequence)
        self.snapshots[goal] = follow(snapshot, frames[:batch])

    @invariant()
    def every_set_equals_the_model(self) -> None:
        """Each set, caught up, says what the dictionary says of its target."""
        for snapshot in self.snapshots.values():
            caught_up = snapshot
            for frame in frames_for(self.world, snapshot.target, snapshot.sequence):
                caught_up = follow(caught_up, [frame])
            verify(caught_up, self.world)

    def teardown(self) -> None:
        """Rebuilds from zero at the end."""
        for target, columns in self.folders.items():
            verify(follow(columns.empty(), frames_for(self.world, target, 0)), self.world)
        self._folder.cleanup()


def test_any_history_gives_every_set_the_listings_of_a_dictionary() -> None:
    """Every interleaving of frames, merges and freezes equals the dictionary, in every set."""
    run_state_machine_as_test(
        Sets,
        settings=settings(
            deadline=None, derandomize=True, database=None, max_examples=30, stateful_step_count=15
        ),
    )


def test_tokens_under_a_key_that_is_not_at_hand_are_never_skipped() -> None:
    """A frame that cannot be read is an error; one of withdrawals by reference can be read."""
    world = World()
    rows = [(RowOperation.ADD, b"r" * 16, TOKENS[0], bytes(16), 7)]
    world.append(1, rows, [None], head=(2, NOW, 0))
    recipher = Recipher(1, {1: CIPHERS[1]})
    with pytest.raises(LedgerCorruptError):
        recipher.frame(world.frames[0])
    with pytest.raises(LedgerCorruptError):
        follow(FrozenColumns(Path(), ORIGIN, EMPTY.owner_keys).empty(), world.frames)
    bare = {**world.frames[0].columns, "token": np.zeros(1, "S16")}
    moved = recipher.frame(dataclasses.replace(world.frames[0], columns=bare))
    assert moved.header.key_id == 1
    assert not moved.columns["token"].any()


@pytest.mark.parametrize("bits", [0, 3, 8, 11])
def test_keys_set_aside_come_back_by_range(tmp_path: Path, bits: int) -> None:
    """Every range holds exactly its keys, ascending, each with its place, however narrow it is."""
    rng = np.random.default_rng(bits)
    rows = np.zeros(5_000, LISTING_DTYPE)
    rows["token"] = np.frombuffer(rng.bytes(16 * rows.size), "S16")
    places = rng.permutation(rows.size).astype(np.int64)
    with RekeyedKeys(tmp_path, EMPTY.owner_keys) as rekeyed:
        assert sum(some.keys.size for some in islice(rekeyed.ranges("token", bits), 9)) == 0
        for begin in range(0, rows.size, 1_000):
            rekeyed.add(rows[begin : begin + 1_000], places[begin : begin + 1_000])
        rekeyed.add(rows[:0], places[:0])
        ranges = list(rekeyed.ranges("token", bits))
    assert len(ranges) == 1 << bits
    keys = np.concatenate([some.keys for some in ranges])
    known = token_keys(rows["token"])
    by_place = np.empty(rows.size, np.uint64)
    by_place[places] = known
    assert keys.tolist() == sorted(known.tolist())
    assert by_place[np.concatenate([some.places for some in ranges])].tolist() == keys.tolist()
    for number, some in enumerate(ranges):
        assert not bits or (some.keys >> np.uint64(64 - bits) == np.uint64(number)).all()
    assert list(tmp_path.iterdir()) == []
