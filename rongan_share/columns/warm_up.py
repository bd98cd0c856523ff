"""Makes look-ups ready: what is compiled is compiled, or read from where it was kept."""

from __future__ import annotations

import logging

import numpy as np

from rongan_share.clock import monotonic_ns
from rongan_share.columns.kernel_numpy import FEW
from rongan_share.columns.owner_keys import OwnerKeys
from rongan_share.columns.run import NO_IDS, Run
from rongan_share.columns.snapshot import Snapshot
from rongan_share.columns.view import View, bit_table
from rongan_share.model.hub_key import Target
from rongan_share.model.listing import LISTING_DTYPE
from rongan_share.wire.frames import TOKEN_BYTES

_LONG_NS = 1_000_000_000
_ROWS = 300
_TOKEN = b"\x01" * TOKEN_BYTES
_log = logging.getLogger(__name__)


def warm_up() -> None:
    """Looks up a few tokens in a few rows, so that no caller waits while loops are compiled."""
    began_ns = monotonic_ns()
    _log.info("look-ups are being compiled, or read from where they were kept")
    owner_keys = OwnerKeys.of_secret(b"")
    rows = np.zeros(_ROWS, LISTING_DTYPE)
    rows["listing_id"] = np.arange(1, _ROWS + 1)
    rows["token"] = _TOKEN
    run = Run.of_rows(rows, NO_IDS, owner_keys=owner_keys)
    snapshot = Snapshot(1, (run,), owner_keys, Target(0, 0))
    for count in (1, FEW + 1):
        snapshot.judge(_TOKEN * count, np.ones(count, np.bool_), _everything())
    one = rows[:1]
    snapshot.find_owned(0, one["reference"], one["category"], token=one["token"])
    seconds = (monotonic_ns() - began_ns) / 1e9
    if seconds * 1e9 > _LONG_NS:
        _log.info("look-ups were compiled seconds=%.1f", seconds)


def _everything() -> View:
    """Returns a view of all that is said of category, class and type 0."""
    shown = bit_table(1)
    return View(
        tables=np.stack((shown, shown, shown, bit_table(0), bit_table(0))),
        confidence=np.zeros((256, 256), np.uint8),
        suspended=np.zeros(1, np.uint8),
        day=1,
        hub_number=1,
        allowlist_bit=1,
    )
