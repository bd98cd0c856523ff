from __future__ import annotations

import resource
from pathlib import Path

from benchmarks.machine import children
from tests.cli.hub_process import make_hub, serving


def test_worker_takes_the_files_it_may_have(tmp_path: Path) -> None:
    """A worker is not held to the soft limit that its shell happened to have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert make_hub(tmp_path / "home").code == 0
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        with serving(tmp_path / "home") as hub:
            pids = children(hub.process.pid)
            limits = Path(f"/proc/{pids['worker-1']}/limits").read_text()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (line,) = [each for each in limits.splitlines() if each.startswith("Max open files")]
    assert int(line.split()[3]) > 512
