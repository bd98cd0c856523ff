"""The chore of a change of the hub key: makes answers change over, then rewrites the journal.

An operator begins the change (`services/rekey.py`); the chore of columns and the workers make
look-ups under the key that comes. Once those are there, one small commit says that answers come
from them and that new values stand under that key; what stands under the old one is rewritten then.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from rongan_share.clock import monotonic_ns
from rongan_share.columns.following import all_follow, followed
from rongan_share.columns.freeze import is_near
from rongan_share.errors import MovedError
from rongan_share.gate.notes import note_maker
from rongan_share.ledger.committer import Committer, Placement, Proposal
from rongan_share.ledger.objects import HUB_KEY_ID, find_object, load_registry
from rongan_share.ledger.rekeyed import count_values, put_left
from rongan_share.ledger.rewriting import Rewriter
from rongan_share.model.hub_key import HubKey, RekeyPhase, Target
from rongan_share.services.rekey import hub_key_write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from threading import Event

    from rongan_share.clock import Clock
    from rongan_share.ledger.environment import Ledger, Transaction
    from rongan_share.ledger.hub_keys import HubKeys
    from rongan_share.processes.column_folder import ColumnSets

CHANGED_OVER = "hub/rekey_changed_over"
"""Entered with the commit from which on answers come from look-ups under the key that came."""

REWRITTEN = "hub/rekey_rewritten"
"""Entered once nothing stands under the old key."""

SLICE_SECONDS = 2.0
"""How long the journal is rewritten before other chores have their turn."""

_log = logging.getLogger(__name__)


class Rekeying:
    """Takes a change of the hub key from phase to phase.

    Args:
        ledger: The ledger.
        hub_keys: The hub keys.
        sets: The columns.
        data_directory: Where workers note what they follow.
        clock: Tells the commits' time.
    """

    def __init__(
        self,
        ledger: Ledger,
        hub_keys: HubKeys,
        sets: ColumnSets,
        *,
        data_directory: Path,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._hub_keys = hub_keys
        self._sets = sets
        self._data = data_directory
        self._clock = clock
        self._rewriter: Rewriter | None = None
        self._verified: HubKey | None = None

    def round(self, stopping: Event) -> None:
        """Does what is due, or a part of it."""
        with self._ledger.read() as txn:
            registry = load_registry(txn)
        hub_key = registry.hub_key
        if hub_key != self._verified:
            # The keys of a change that has ended are not kept.
            self._hub_keys.verify(hub_key)
            self._verified = hub_key
        if hub_key.phase is RekeyPhase.BUILDING:
            self._change_over(hub_key, Target(registry.epoch.number, hub_key.next_key_id))
        elif hub_key.phase is RekeyPhase.REWRITING:
            self._rewrite(hub_key, stopping)

    def _change_over(self, hub_key: HubKey, coming: Target) -> None:
        """Lets answers come from the look-ups under the next key, once they are there."""
        columns = self._sets.of(coming)
        if not is_near(self._ledger, columns) or not all_follow(self._data, coming):
            return
        changed = HubKey(
            key_id=hub_key.next_key_id, phase=RekeyPhase.REWRITING, old_key_id=hub_key.key_id
        )

        def write(txn: Transaction, placement: Placement) -> None:
            # All of them: what is committed behind this stands under the new key.
            put_left(txn, count_values(txn))
            since = msgspec.structs.replace(changed, since_sequence=placement.sequence)
            hub_key_write(since)(txn, placement)

        if self._commit(CHANGED_OVER, before=hub_key, after=changed, write=write):
            _log.info("the hub key has changed key_id=%d", changed.key_id)

    def _rewrite(self, hub_key: HubKey, stopping: Event) -> None:
        """Rewrites what stands under the old key, for a while."""
        self._sets.retire(self._sets.targets())
        if self._rewriter is None or self._rewriter.key_ids != (hub_key.old_key_id, hub_key.key_id):
            old, new = map(self._hub_keys.cipher, (hub_key.old_key_id, hub_key.key_id))
            self._rewriter = Rewriter(self._ledger, old=old, new=new)
        end_ns = monotonic_ns() + int(SLICE_SECONDS * 1e9)
        if not self._rewriter.work(lambda: monotonic_ns() > end_ns, stopping):
            return
        if any(target.key_id == hub_key.old_key_id for target in followed(self._data)):
            # Somebody still reads what comes with the old key.
            return
        self._rewriter = None
        rewritten = msgspec.structs.replace(hub_key, phase=RekeyPhase.REWRITTEN)

        def write(txn: Transaction, placement: Placement) -> None:
            put_left(txn, 0)
            hub_key_write(rewritten)(txn, placement)

        if self._commit(REWRITTEN, before=hub_key, after=rewritten, write=write):
            _log.info("nothing stands under the old hub key key_id=%d", hub_key.old_key_id)

    def _commit(
        self,
        method: str,
        *,
        before: HubKey,
        after: HubKey,
        write: Callable[[Transaction, Placement], None],
    ) -> bool:
        """Commits that the change is further; False if it is not where it was thought to be."""

        def expect(txn: Transaction) -> None:
            if find_object(txn, HubKey, HUB_KEY_ID) != before:
                raise MovedError

        facts = {"key": str(after.key_id), "old": str(after.old_key_id)}
        proposal = Proposal(
            make_entry=note_maker(method, facts),
            expectations=(expect,),
            writes=(write,),
            bumps_generation=True,
        )
        committer = Committer(self._ledger, self._clock, lambda _sequence: None)
        committer.start()
        try:
            committer.submit(proposal).result()
        except MovedError:
            return False
        finally:
            committer.stop()
        return True
