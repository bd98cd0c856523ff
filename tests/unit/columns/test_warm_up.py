"""After a warm-up no look-up is compiled any more while a caller waits."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rongan_share.columns import kernel

SCRIPT = """
import numpy as np
from numba.core.registry import CPUDispatcher
from rongan_share.columns import warm_up
from rongan_share.columns.compiled import fold, search, sieve, sorting

def compiled_so_far():
    modules = (fold, search, sieve, sorting)
    found = [each for module in modules for each in vars(module).values()]
    loops = [each for each in found if isinstance(each, CPUDispatcher)]
    return {loop.__name__: len(loop.signatures) for loop in loops}

warm_up.warm_up()
before = compiled_so_far()
import tempfile
from pathlib import Path
from tests.support.hub import running_hub
from tests.walk.asking import Row, check, contribute, fresh, stream
with tempfile.TemporaryDirectory() as folder, running_hub(Path(folder) / "home") as hub:
    source, asker = hub.partner("a-source"), hub.partner("an-asker")
    rows = [Row(token=fresh(), reference=fresh()) for _ in range(300)]
    contribute(source, rows[:150], rows[150:])
    tokens = [row.token for row in rows]
    assert len(stream(asker, b"".join(tokens))[0].listed_index) == 4 * 300
    assert check(asker, tokens[0]).state and check(asker, fresh()).state
assert compiled_so_far() == before, (before, compiled_so_far())
"""


@pytest.mark.skipif(not kernel.COMPILED, reason="numba is not installed")
def test_nothing_is_compiled_in_service() -> None:
    """Every kind of look-up of a hub finds its loops ready, for the very types it asks with."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2_000:]
