from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rongan_share.errors import StartRefusedError
from rongan_share.ledger import store_lock
from rongan_share.ledger.environment import Ledger
from rongan_share.ledger.store_lock import ImportLock, StoreLock

ORPHAN = "import sys; sys.stdout.write('.'); sys.stdout.flush(); sys.stdin.read()"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An empty ledger."""
    Ledger.create(tmp_path / "data")
    return tmp_path / "data"


def orphan_of(lock: StoreLock) -> subprocess.Popen[bytes]:
    """Starts a process that holds what was handed down until its pipe ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", ORPHAN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(lock.family,),
    )
    assert process.stdout is not None
    assert process.stdout.read(1) == b"."
    return process


def test_second_hub_is_refused(store: Path) -> None:
    """A store that is held cannot be opened for writing again."""
    with Ledger(store), pytest.raises(StartRefusedError, match="another hub holds"):
        StoreLock.take(store)
    Ledger(store).close()


def test_import_that_holds_the_store_is_named(store: Path) -> None:
    """A hub that finds no other hub would be looked for in vain."""
    holder, importing = StoreLock.take(store), ImportLock(store)
    with pytest.raises(StartRefusedError, match="an import or another hub holds"):
        StoreLock.take(store)
    importing.release()
    with pytest.raises(StartRefusedError, match=r"^another hub holds"):
        StoreLock.take(store)
    holder.release()


def test_family_is_let_in(store: Path) -> None:
    """Who was handed the descriptor down works on the store, and does not take it along."""
    holder = StoreLock.take(store)
    with Ledger(store, family=os.dup(holder.family)):
        pass
    with pytest.raises(StartRefusedError, match="another hub holds"):
        StoreLock.take(store)
    holder.release()


def test_strangers_descriptor_is_refused(store: Path, tmp_path: Path) -> None:
    """A descriptor that the holder did not hand down lets nobody in."""
    holder = StoreLock.take(store)
    own, other = os.open(store, os.O_RDONLY), os.open(tmp_path, os.O_RDONLY)
    for descriptor in (own, other):
        with pytest.raises(StartRefusedError, match="only the hub that holds"):
            Ledger(store, family=descriptor)
        os.close(descriptor)
    holder.release()


def test_new_hub_waits_for_orphans(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store whose holder is gone is free only when the last of its processes has ended."""
    holder = StoreLock.take(store)
    with orphan_of(holder) as orphan:
        holder.release()
        monkeypatch.setattr(store_lock, "ORPHAN_TRIES", 2)
        with pytest.raises(StartRefusedError, match="processes of a killed hub still hold"):
            StoreLock.take(store)
        monkeypatch.setattr(store_lock, "ORPHAN_TRIES", 200)
        orphan.communicate()
        StoreLock.take(store).release()
