"""The progress bar of ``rongan``: for people who look on, and for nobody else."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.sdk.test_contributions import GOOD, HEADER

ROOT = Path(__file__).parents[2]
PROGRAM = "from partner_sdk.cli.main import main; main()"
ROWS = 3_000


@pytest.fixture(name="listings")
def listings_file(tmp_path: Path) -> Path:
    """Writes a file of some thousand listings."""
    path = tmp_path / "listings.csv"
    lines = (GOOD.replace("case 1", f"case {number}") for number in range(ROWS))
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return path


def dry_run(listings: Path, stderr: int) -> subprocess.Popen[str]:
    """Starts a check of the file."""
    words = ("--json", "contribute", str(listings), "--dry-run")
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def read_terminal(terminal: int) -> str:
    """Reads what was written to a terminal until its last writer has gone."""
    said = b""
    # Linux ends a terminal without writers with EIO.
    with suppress(OSError):
        while block := os.read(terminal, 65_536):
            said += block
    return said.decode()


def test_terminal_shows_progress(listings: Path) -> None:
    """On a terminal stderr shows how many rows are done; the output stays as it is for programs."""
    terminal, writer = pty.openpty()
    try:
        with dry_run(listings, writer) as process:
            os.close(writer)
            said = read_terminal(terminal)
            out, _ = process.communicate(timeout=60)
    finally:
        os.close(terminal)
    assert process.returncode == 0
    assert json.loads(out)["rows"] == ROWS
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)
    assert "checking" in shown
    assert f"{ROWS}/" in shown.replace(",", "").replace(" ", "")


def test_no_terminal_no_progress(listings: Path) -> None:
    """Without a terminal nothing is written to stderr."""
    with dry_run(listings, subprocess.PIPE) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["rows"] == ROWS
