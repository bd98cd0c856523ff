"""Tokens that listings were given later outlast compaction, in every set that answers come from."""

from __future__ import annotations

from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from rongan_share.columns.freeze import Freezer, newest, newest_sequence
from rongan_share.columns.journal_reader import JournalReader
from rongan_share.columns.snapshot import Snapshot
from rongan_share.errors import ForgottenError
from rongan_share.ledger.compaction import Compactor
from rongan_share.ledger.environment import Ledger
from rongan_share.model.hub_key import Target
from rongan_share.wire.vocabulary import RowOperation
from tests.property.test_compaction import RUNNING, Killed, append, read_to_end
from tests.support.clock import FakeClock
from tests.unit.columns.test_columns_machine import EMPTY
from tests.unit.columns.test_targets_machine import (
    NEXT,
    NOW,
    PARTNERS,
    TARGETS,
    TOKENS,
    Row,
    Sets,
    World,
    verify,
)

EPOCHS = (NOW, NEXT)


class CompactedSets(Sets):
    """The same history in a journal that is compacted, and killed on the way."""

    def __init__(self) -> None:
        super().__init__()
        folder = Path(self._folder.name) / "ledger"
        Ledger.create(folder)
        self.written = 0
        self.ledger = Ledger(folder)
        self.readers: dict[Target, JournalReader] = {}
        for target in TARGETS:
            self.begin(target)

    @rule(goal=st.sampled_from(TARGETS), large=st.just(0))
    def freeze(self, goal: Target, large: int) -> None:
        """The keeper writes columns of a set."""
        del large
        self.write_down()
        Freezer(self.ledger, self.folders[goal], FakeClock()).freeze(RUNNING)

    @rule(goal=st.sampled_from(TARGETS), batch=st.integers(0, 2))
    def catch_up(self, goal: Target, batch: int) -> None:
        """Somebody reads on, or is told to begin again; a few steps, or to the end."""
        self.write_down()
        try:
            for _ in range(batch):
                self.snapshots[goal] = self.readers[goal].read_on(self.snapshots[goal])
            if not batch:
                whole = read_to_end(self.readers[goal], self.snapshots[goal])
                verify(whole, self.world)
                self.snapshots[goal] = whole
        except ForgottenError:
            self.begin(goal)

    @rule(
        share=st.sampled_from([0.0, 0.0, 0.4]),
        looks=st.sampled_from([1_000, 1_000, 2, 4, 6, 8]),
        most=st.sampled_from([1_000, 1, 3]),
    )
    def compact(self, *, share: float, looks: int, most: int) -> None:
        """Compacts up to where every set has columns, and may be killed on the way."""
        self.write_down()
        reached = [newest_sequence(self.ledger, columns) for columns in self.folders.values()]
        through = min((each for each in reached if each), default=0)
        compactor = Compactor(self.ledger, Killed(looks), least_share=share, most_changes=most)
        compactor.run(1 << 40, through, now_ns=1, epochs=EPOCHS)

    @rule(share=st.sampled_from([0.0, 0.3]))
    def compact_all(self, share: float) -> None:
        """Everything that can be dropped, whether there are columns or not."""
        self.write_down()
        compactor = Compactor(self.ledger, RUNNING, least_share=share)
        assert compactor.run(1 << 40, 1 << 40, now_ns=1, epochs=EPOCHS) is not None

    @invariant()
    def every_set_equals_the_model(self) -> None:
        """The journal alone, and with the columns that there are, gives every set its listings."""
        self.write_down()
        for columns in self.folders.values():
            for begun in (columns.empty(), newest(self.ledger, columns)):
                reader = JournalReader(self.ledger, recipher=columns.recipher)
                verify(read_to_end(reader, begun), self.world)

    def begin(self, target: Target) -> None:
        """Begins to read from the columns that there are."""
        recipher = self.folders[target].recipher
        self.readers[target] = JournalReader(self.ledger, most_frames=2, recipher=recipher)
        self.snapshots[target] = newest(self.ledger, self.folders[target])

    def write_down(self) -> None:
        """Appends what was contributed since to the journal."""
        for frame in self.world.frames[self.written :]:
            append(self.ledger, frame)
        self.written = len(self.world.frames)

    def teardown(self) -> None:
        """Lets the store go."""
        self.ledger.close()
        self._folder.cleanup()


def test_compaction_takes_no_token_that_is_answered_from() -> None:
    """Any history of two epochs, compacted at any moments, gives what a dictionary gives."""
    run_state_machine_as_test(
        CompactedSets,
        settings=settings(
            deadline=None, derandomize=True, database=None, max_examples=12, stateful_step_count=20
        ),
    )


def test_later_tokens_are_dropped_once_nothing_needs_them(tmp_path: Path) -> None:
    """Dead: of a withdrawn listing, overruled by a later one, of an epoch nobody asks in."""
    Ledger.create(tmp_path / "ledger")
    world = World()
    kept, gone = b"k" * 16, b"g" * 16
    added: list[Row] = [(RowOperation.ADD, each, TOKENS[0], bytes(16), 7) for each in (kept, gone)]
    world.append(PARTNERS[0], added, [None, None], head=(1, NOW, 0))
    first, second = sorted(world.live)

    def give(reference: bytes, number: int, token: bytes, *, epoch: int) -> None:
        rows: list[Row] = [(RowOperation.RETOKEN, reference, TOKENS[0], token, 0)]
        world.append(PARTNERS[0], rows, [number], head=(1, NOW, epoch))

    give(kept, first, TOKENS[1], epoch=NEXT)
    give(kept, first, TOKENS[2], epoch=NEXT)
    give(gone, second, TOKENS[3], epoch=NEXT)
    give(kept, first, TOKENS[4], epoch=NOW - 1)
    withdrawn: list[Row] = [(RowOperation.WITHDRAW, gone, TOKENS[0], bytes(16), 0)]
    world.append(PARTNERS[0], withdrawn, [second], head=(1, NOW, 0))
    with Ledger(tmp_path / "ledger") as ledger:
        for frame in world.frames:
            append(ledger, frame)
        compactor = Compactor(ledger, RUNNING, least_share=0.0)
        assert compactor.run(1 << 40, 1 << 40, now_ns=1, epochs=EPOCHS) is not None
        counts = [frame.header.row_count for frame in JournalReader(ledger).next(0)]
        assert counts == [1, 0, 1, 0, 0, 0]
        sets = [Snapshot(0, (), EMPTY.owner_keys, target) for target in TARGETS[:2]]
        for empty in sets:
            verify(read_to_end(JournalReader(ledger), empty), world)
        assert compactor.run(1 << 40, 1 << 40, now_ns=2, epochs=(NOW,)) is not None
        counts = [frame.header.row_count for frame in JournalReader(ledger).next(0)]
        assert counts == [1, 0, 0, 0, 0, 0]
