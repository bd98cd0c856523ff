"""The followers of a worker: one for the set that answers come from, one for a set that comes.

Each call is answered from the set of the registry that it was decided on, so that answers change
over from one set to the other with the one commit that says so.
"""

from __future__ import annotations

import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rongan_share.clock import monotonic_ns
from rongan_share.columns.follower import COLUMNS_SECONDS, WAIT_SECONDS, Follower
from rongan_share.columns.freeze import is_near
from rongan_share.errors import Reason, RonganError
from rongan_share.ledger.counters import get_generation
from rongan_share.ledger.objects import load_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rongan_share.columns.frozen import FrozenColumns
    from rongan_share.columns.imported import ImportedColumns
    from rongan_share.columns.snapshot import Snapshot
    from rongan_share.ledger.environment import Ledger
    from rongan_share.model.hub_key import Target

LOOK_SECONDS = 0.25
"""Time between looks at what sets there should be."""

KEPT_SECONDS = 2.0
"""How long a set is still followed that nothing new is answered from: calls may be under way."""

_NICE = 10
_log = logging.getLogger(__name__)


class Followers:
    """Follows the journal for each target, and starts and ends followers as targets change.

    Args:
        ledger: The ledger.
        columns_of: Gives the frozen columns of a target.
        note: Told which targets are followed, whenever that changes.

    Attributes:
        imported: Columns of imports that somebody in this process has open already, for the set
            that they fit; None without any.
    """

    def __init__(
        self,
        ledger: Ledger,
        columns_of: Callable[[Target], FrozenColumns],
        note: Callable[[Collection[Target]], None] = lambda _: None,
    ) -> None:
        self._ledger = ledger
        self._columns_of = columns_of
        self._note = note
        self.imported: ImportedColumns | None = None
        # Replaced whole, so that calls look into it without a lock.
        self._followers: dict[Target, Follower] = {}
        self._targets: list[Target] = []
        self._left_ns: dict[Target, int] = {}
        self._generation = -1
        self._near_ns = 0
        self._wanted = False
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="followers", daemon=True)

    def start(self) -> None:
        """Starts a follower for each target, and returns once all are up to date.

        Raises:
            LedgerCorruptError: A frame's checksum does not match.
            StartRefusedError: A hub key is not at hand.
        """
        self._look()
        try:
            for target in self._targets:
                self._keep_up(target, self._open(target))
        except BaseException:
            self._end(list(self._followers))
            raise
        self._thread.start()

    def stop(self) -> None:
        """Ends all of them."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()
        self._end(list(self._followers))

    @property
    def serving(self) -> Follower:
        """The follower of the set that answers come from."""
        return self.of(self._targets[0])

    def announce(self, sequence: int) -> None:
        """Says that the journal has grown."""
        for follower in self._followers.values():
            follower.announce(sequence)

    def of(self, target: Target) -> Follower:
        """Returns the follower of a target, waiting up to a second for one that is being started.

        Raises:
            RonganError: STALE_SNAPSHOT, there is none.
        """
        follower = self._followers.get(target)
        return self._wait_for(target) if follower is None else follower

    def snapshot(self, target: Target, at_least: int = 0) -> Snapshot:
        """Returns the newest snapshot of a target's set, waiting up to a second for a sequence.

        Raises:
            RonganError: STALE_SNAPSHOT after a second, or STORE_CORRUPT.
        """
        return self.of(target).snapshot(at_least)

    def _wait_for(self, target: Target) -> Follower:
        with self._changed:
            self._wanted = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: target in self._followers, WAIT_SECONDS)
        follower = self._followers.get(target)
        if follower is None:
            raise RonganError(Reason.STALE_SNAPSHOT, retry_after_seconds=1.0, listSequence=0)
        return follower

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._wanted, LOOK_SECONDS)
                if self._stopping:
                    return
                self._wanted = False
            try:
                self._look()
                self._begin_wanted()
                self._end(self._outdated())
            except Exception:  # noqa: BLE001 - logged and tried again; calls are told meanwhile
                _log.exception("sets of look-ups cannot be changed now")
                with self._changed:
                    self._changed.wait(WAIT_SECONDS)

    def _look(self) -> None:
        """Finds out what sets there should be, if anything has moved."""
        with self._ledger.read() as txn:
            generation = get_generation(txn)
            if generation == self._generation:
                return
            targets = load_targets(txn)
        self._generation = generation
        self._targets = targets

    def _begin_wanted(self) -> None:
        for place, target in enumerate(self._targets):
            if target in self._followers or (place > 0 and not self._is_near(target)):
                continue
            # Callers wait for other threads of this process, and for the new follower's own later.
            with ThreadPoolExecutor(1, "opening", _be_nice) as opening:
                follower = opening.submit(self._open, target).result()
            self._keep_up(target, follower)

    def _is_near(self, target: Target) -> bool:
        """Tells whether the keeper's columns leave little of a set that comes to be held here."""
        if monotonic_ns() < self._near_ns:
            return False
        self._near_ns = monotonic_ns() + int(COLUMNS_SECONDS * 1e9)
        return is_near(self._ledger, self._columns_of(target))

    def _open(self, target: Target) -> Follower:
        follower = Follower(self._ledger, self._columns_of(target))
        if self.imported is not None and self.imported.target == target:
            follower.imported = self.imported
        follower.open()
        return follower

    def _keep_up(self, target: Target, follower: Follower) -> None:
        follower.keep_up()
        followers = {**self._followers, target: follower}
        # Said first: who has seen it here may ask at once whether all have it.
        self._note(followers)
        with self._changed:
            self._followers = followers
            self._changed.notify_all()
        _log.info("look-ups are followed epoch=%d key_id=%d", target.epoch, target.key_id)

    def _outdated(self) -> list[Target]:
        """Returns the sets that nothing is answered from, for long enough."""
        now_ns = monotonic_ns()
        left = [target for target in self._followers if target not in self._targets]
        self._left_ns = {target: self._left_ns.get(target, now_ns) for target in left}
        return [
            target
            for target, since_ns in self._left_ns.items()
            if now_ns - since_ns >= KEPT_SECONDS * 1e9
        ]

    def _end(self, targets: list[Target]) -> None:
        """Ends the followers of some targets."""
        ended = [self._followers[target] for target in targets]
        if ended:
            self._followers = {
                target: follower
                for target, follower in self._followers.items()
                if target not in targets
            }
            self._note(self._followers)
        for follower in ended:
            follower.stop()


def _be_nice() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
