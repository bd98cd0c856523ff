"""The demonstration as a newcomer runs it: it tells its story, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.processes import ROOT, clean_environment

LONGEST_SECONDS = 180


def processes_about(folder: Path) -> list[str]:
    """Lists the processes that name a folder in their command line or work in it."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or process.name == str(os.getpid()):
            continue
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = str((process / "cwd").readlink())
        except OSError:
            continue
        if str(folder) in words or place.startswith(str(folder)):
            found.append(words)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
@pytest.mark.parametrize("turn", ["first", "second"])
def test_demo(tmp_path: Path, turn: str) -> None:
    """It ends well, shows every kind of verdict and a verified log, and cleans up, every time."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo"],
        cwd=ROOT,
        env={**clean_environment(), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.split()
    for expected in ("LISTED", "NOT_LISTED", "NOT_ENTITLED", "verified"):
        assert expected in words
    assert "Traceback" not in done.stdout + done.stderr
    assert processes_about(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_demo_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    """Told to end while its hub serves, it takes hub and folder with it, without a traceback."""
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "examples.demo"],
        cwd=ROOT,
        env={**clean_environment(), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any(line.startswith("serving on") for line in process.stdout)
        process.send_signal(number)
        rest = process.communicate(timeout=LONGEST_SECONDS)[0]
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    # A command that was under way may take a moment to die.
    until = time.monotonic() + 10
    while processes_about(tmp_path) and time.monotonic() < until:
        time.sleep(0.05)
    assert processes_about(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
