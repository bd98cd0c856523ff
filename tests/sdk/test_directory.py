"""Credentials that are replaced together: whatever cuts it, the files belong together."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from partner_sdk import Credentials
from partner_sdk.directory import CredentialsDirectory, DirectoryBusyError
from tests.sdk import cut_moves
from tests.support.clock import last_noon
from tests.support.pki import TestPki
from tests.support.processes import ROOT, clean_environment, write_credentials

OLD, NEW = "old", "new"


@pytest.fixture(scope="module", name="pki")
def one_pki(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    """The authority of both pairs."""
    return TestPki.create(tmp_path_factory.mktemp("pki"), now=last_noon())


@pytest.fixture(name="folders")
def old_and_new(pki: TestPki, tmp_path: Path) -> tuple[Path, Path]:
    """Two folders of credentials, one to be replaced by the other."""
    for name in (OLD, NEW):
        write_credentials(tmp_path / name, pki.partner(name), pki.hub_roots_pem)
        (tmp_path / name / "trust-bundle.pb").write_text(name)
    return tmp_path / OLD, tmp_path / NEW


def test_killed_at_each_step(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """A process killed at any step leaves the old pair or the new one, whole, and nothing else."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.sdk.cut_moves", *map(str, (*folders, tmp_path / "work"))],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["cut"] for one in seen] == [True] * (len(seen) - 1) + [False]
    # Old up to the one rename that counts, new from there on.
    names = [one["identity"].rpartition("/")[2] for one in seen]
    turn = names.index(NEW)
    assert 10 < turn < len(seen) - 5
    assert names == [OLD] * turn + [NEW] * (len(seen) - turn)
    for name, one in zip(names, seen, strict=True):
        assert one["bundle"] == name
        assert one["mode"] == 0o600
        whole = {"certificate.pem", "key.pem", "roots.pem", "trust-bundle.pb"}
        others = {"previous"} if name == NEW else {"next"}
        assert set(one["left"]) - {".lock", "staged"} == whole | others
        assert not one["kept"] or one["kept"].endswith(OLD)
    assert "staged" not in seen[-1]["left"]


def test_readers_see_one_pair_at_a_time(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """Who loads while files are replaced, over and over, never sees a key without its match."""
    work = tmp_path / "work"
    shutil.copytree(folders[0], work)

    def replace() -> None:
        for turn in range(40):
            cut_moves.replace_all(work, folders[turn % 2])

    writer = threading.Thread(target=replace)
    writer.start()
    seen = []
    while writer.is_alive():
        seen.append(Credentials.from_directory(work).identity)
    assert len(seen) > 40
    assert len(set(seen)) == 2


def test_one_at_a_time(tmp_path: Path) -> None:
    """A second that does not wait is told so."""
    directory = CredentialsDirectory(tmp_path)
    with directory.locked(), pytest.raises(DirectoryBusyError), directory.locked(wait=False):
        pytest.fail("both hold it")
    with directory.locked(wait=False):
        pass
