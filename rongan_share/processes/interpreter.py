"""How an interpreter that answers calls is set: its collector, its threads, its memory."""

from __future__ import annotations

import gc
import sys

ALLOCATOR = {"MALLOC_ARENA_MAX": "2"}
"""Environment of such a process: areas of memory that threads share. With one each, what hundreds
of them gave back was kept."""

_COLLECT_AFTER = 20_000
"""Objects made, less those gone, before the collector looks; its default is 700."""

_SWITCH_SECONDS = 0.000_5


def settle_interpreter() -> None:
    """Suits the interpreter to many short calls beside a few long ones.

    The collector of garbage leaves alone what lives as long as the process, and as calls leave no
    cycles behind it looks seldom; at its defaults it took 25 us of each call. Threads hand over
    ten times as often: a call waited 5 ms for a frame that was being decided.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 10, 10)
    sys.setswitchinterval(_SWITCH_SECONDS)
