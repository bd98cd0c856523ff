"""Who follows which sets of look-ups, as others see it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rongan_share.columns.following import FollowNote, all_follow, followed
from rongan_share.model.hub_key import Target
from tests.support.processes import ROOT

OLD, NEW = Target(1, 1), Target(1, 2)
DYING = """
import os, sys
from pathlib import Path
from rongan_share.columns.following import FollowNote
from rongan_share.model.hub_key import Target

FollowNote(Path(sys.argv[1])).say([Target(1, 1)])
os._exit(0)
"""


def test_all_follow_once_each_does(tmp_path: Path) -> None:
    """Nobody changes over before the last process follows, nor where none answers at all."""
    assert not all_follow(tmp_path, NEW)
    first, second = FollowNote(tmp_path), FollowNote(tmp_path)
    first.say([OLD, NEW])
    assert all_follow(tmp_path, NEW)
    second.say([OLD])
    assert not all_follow(tmp_path, NEW)
    second.say([OLD, NEW])
    assert all_follow(tmp_path, NEW)
    first.say([NEW])
    assert followed(tmp_path) == {OLD, NEW}
    second.say([NEW])
    assert followed(tmp_path) == {NEW}
    for note in (first, second):
        note.close()
        note.close()
    assert list((tmp_path / "following").iterdir()) == []


def test_note_of_a_dead_process_counts_for_nothing(tmp_path: Path) -> None:
    """What a killed worker noted is neither waited for nor believed."""
    subprocess.run([sys.executable, "-c", DYING, str(tmp_path)], cwd=ROOT, check=True)
    assert len(list((tmp_path / "following").iterdir())) == 1
    with_us = FollowNote(tmp_path)
    with_us.say([NEW])
    assert all_follow(tmp_path, NEW)
    assert followed(tmp_path) == {NEW}
    with_us.close()
    assert list((tmp_path / "following").iterdir()) == []
