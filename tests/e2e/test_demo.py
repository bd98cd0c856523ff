"""The demonstration as a newcomer runs it: it tells its story, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.processes import ROOT, clean_environment

LONGEST_SECONDS = 180

LISTED_KINDS = (
    "BIC", "CN_LICENCE", "CN_RID", "CN_USCC", "CRYPTO_ADDR", "DOMAIN", "EMAIL", "IMO", "LEI",
    "NAME_DOB", "NAME_ID", "NATIONAL_ID", "ORG_NAME", "PASSPORT", "PERSON_NAME", "PHONE", "TAX_ID",
)  # fmt: skip
WITH_ALIAS = ("CN_USCC", "PHONE")
"""Kinds of which the one shown is asked for by an alias, too: each token is paid for."""
FRAUD, SANCTIONS = "A1,A2,B1,G2,H1", "E4"

REHEARSAL = [
    ("listed today", "DOMAIN", "LISTED", "G2", FRAUD),
    ("listed today", "DOMAIN", "LISTED", "G2", FRAUD),
]
"""What each line of the first table says: note, kind, verdict, category and what was consulted."""

TODAY = [
    *(("on the list", kind, "LISTED", "E4", SANCTIONS) for kind in LISTED_KINDS),
    ("never listed", "PAN", "NOT_LISTED", "", FRAUD),
    ("never listed", "MSISDN", "NOT_LISTED", "", FRAUD),
    ("expired yesterday", "DOMAIN", "NOT_LISTED", "", FRAUD),
    ("withdrawn just now", "DOMAIN", "NOT_LISTED", "", FRAUD),
    ("E5 is not agreed", "DOMAIN", "NOT_ENTITLED", "", "nothing"),
]
"""What each line of the second table says."""


class Line(NamedTuple):
    """One line of a table on the screen."""

    note: str
    subject: str
    verdict: str
    category: str
    severity: str
    consulted: str
    left: str

    @property
    def told(self) -> tuple[str, str, str, str, str]:
        """What must be the same at every playing."""
        kind = self.subject.split()[0]
        return self.note, kind, self.verdict, self.category, self.consulted


def tables_of(screen: str) -> list[list[Line]]:
    """Reads the tables from what was shown; the line of a table's head begins each."""
    tables: list[list[Line]] = []
    for line in screen.splitlines():
        if line.startswith("┃"):
            tables.append([])
        elif line.startswith("│"):
            tables[-1].append(Line(*(cell.strip() for cell in line.strip("│").split("│"))))
    return tables


def price_of(line: Line) -> int:
    """Says how many tokens an answer costs."""
    if line.verdict == "NOT_ENTITLED":
        return 0
    return 1 + (line.subject.split()[0] in WITH_ALIAS)


def verify_story(screen: str) -> None:
    """Fails unless the tables say what the notes beside them say."""
    rehearsal, today = tables_of(screen)
    assert [line.told for line in rehearsal] == REHEARSAL
    assert [line.told for line in today] == TODAY
    for table in (rehearsal, today):
        assert [line.severity.isdecimal() for line in table] == [
            line.verdict == "LISTED" for line in table
        ]
        # Each answer is paid for and shows what is left; what is not entitled costs nothing.
        left = [int(line.left) for line in table]
        spent = [before - after for before, after in pairwise(left)]
        assert spent == [price_of(line) for line in table[1:]]
    subjects = {line.note: line.subject for line in today}
    assert subjects["expired yesterday"] == rehearsal[0].subject
    assert subjects["withdrawn just now"] == rehearsal[1].subject
    assert subjects["E5 is not agreed"] == rehearsal[0].subject


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
    """It ends well, tells its story right up to a verified log, and cleans up, every time."""
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
    verify_story(done.stdout)
    assert re.search(r"(?m)^state +LISTED \d+$", done.stdout)
    assert re.search(r"(?m)^result +verified$", done.stdout)
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
