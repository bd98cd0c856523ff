"""The keeper: does what no caller waits for, chore after chore, in one thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rongan_share.clock import Clock, monotonic_ns
from rongan_share.ledger.hub_keys import HubKeys
from rongan_share.processes.column_folder import ColumnSets
from rongan_share.processes.compacting import Compacting
from rongan_share.processes.freezing import Freezing
from rongan_share.processes.housekeeping import Housekeeping
from rongan_share.processes.own_certificate import OwnCertificate
from rongan_share.processes.rekeying import Rekeying
from rongan_share.processes.revocations import RevocationList
from rongan_share.processes.signing import signs

if TYPE_CHECKING:
    from rongan_share.config import Settings
    from rongan_share.ledger.environment import Ledger

HOUSEKEEPING_SECONDS = 30.0
"""Time between rounds of housekeeping."""

COLUMNS_SECONDS = 5.0
"""Time between looks at how much the journal has grown beyond the frozen columns."""

REKEY_SECONDS = 1.0
"""Time between looks at a change of the hub key, and between slices of it."""

COMPACTION_SECONDS = 600.0
"""Time between looks whether a pass through the journal is due."""

OWN_CERTIFICATE_SECONDS = 300.0
"""Time between looks at the dates of the hub's own certificate."""

REVOCATION_SECONDS = 10.0
"""Time between looks whether a certificate was revoked that the list does not hold."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do again and again.

    Attributes:
        name: For the log.
        every_seconds: Time from the end of one round to the next; the first comes after it too.
        do: Does a round; long ones look at the event now and then, and end when it is set.
    """

    name: str
    every_seconds: float
    do: Callable[[threading.Event], object]


def list_chores(settings: Settings, ledger: Ledger, clock: Clock) -> Sequence[Chore]:
    """Names every chore of a hub; what else is to be kept is one more row."""
    hub_keys = HubKeys.of(settings, ledger)
    sets = ColumnSets(settings, ledger, hub_keys)
    data = settings.data_directory
    rekeying = Rekeying(ledger, hub_keys, sets, data_directory=data, clock=clock)
    compacting = Compacting(settings, ledger, sets, clock=clock)
    chores = [
        Chore(
            "housekeeping",
            HOUSEKEEPING_SECONDS,
            Housekeeping(ledger, clock, data).round,
        ),
        Chore("columns", COLUMNS_SECONDS, Freezing(ledger, sets, clock).round),
        Chore("rekey", REKEY_SECONDS, rekeying.round),
        Chore("compaction", COMPACTION_SECONDS, compacting.round),
    ]
    if not signs(settings):
        _log.warning("the issuing keys are not there: this hub signs nothing")
        return chores
    own = OwnCertificate(settings, ledger, clock)
    revocations = RevocationList(settings, ledger, clock)
    return [
        *chores,
        Chore("own certificate", OWN_CERTIFICATE_SECONDS, own.round),
        Chore("revocation list", REVOCATION_SECONDS, revocations.round),
    ]


class Keeper:
    """Owns the thread that does the chores."""

    def __init__(self, chores: Sequence[Chore]) -> None:
        self._due_ns = {chore: _from_now(chore) for chore in chores}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, and a round under way as soon as it allows."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            chore = min(self._due_ns, key=self._due_ns.__getitem__)
            if self._stopping.wait((self._due_ns[chore] - monotonic_ns()) / 1e9):
                return
            try:
                chore.do(self._stopping)
            except Exception:  # noqa: BLE001 - tried again at the next round, whatever it was
                _log.exception("%s failed", chore.name)
            self._due_ns[chore] = _from_now(chore)


def _from_now(chore: Chore) -> int:
    return monotonic_ns() + int(chore.every_seconds * 1e9)
