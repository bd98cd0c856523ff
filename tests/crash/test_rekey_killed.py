"""Whoever changes the hub key may be killed at any moment: nothing is lost, and it goes on."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np

from rongan_share.ledger.cipher import TokenCipher
from rongan_share.ledger.counters import put_list_sequence
from rongan_share.ledger.environment import Ledger
from rongan_share.ledger.journal import PackedFrame, find_seal, list_frames
from rongan_share.ledger.rekeyed import count_values, get_left, put_left
from rongan_share.ledger.values import RowsHeader
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS
from tests.support.processes import ROOT, HubProcess
from tests.walk.asking import LISTED, NOT_LISTED, Row, check, contribute, fresh
from tests.walk.rekeying import REWRITING, REWRITTEN, key_ids, rekey, start, until

KILLS, FRAMES = 3, 250
OLD, NEW = TokenCipher(bytes(range(32)), key_id=1), TokenCipher(bytes(32), key_id=2)
REWRITER = """
import sys, threading
from pathlib import Path
from rongan_share.ledger.cipher import TokenCipher
from rongan_share.ledger.environment import Ledger
from rongan_share.ledger.rewriting import Rewriter

old, new = TokenCipher(bytes(range(32)), key_id=1), TokenCipher(bytes(32), key_id=2)
with Ledger(Path(sys.argv[1])) as ledger:
    print("begins", flush=True)
    assert Rewriter(ledger, old=old, new=new).work(lambda: False, threading.Event())
    print("done", flush=True)
"""


def rewrite_killed(directory: Path, wait: float | None) -> str:
    """Rewrites in another process that is killed so long after it began; returns what it said."""
    with subprocess.Popen(
        [sys.executable, "-c", REWRITER, str(directory)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
        return process.stdout.read()


def write_frames(ledger: Ledger, rng: random.Random) -> None:
    """Writes frames of some rows and of very many."""
    none, no_ids = np.zeros(0, "<u4"), np.zeros(0, "<u8")
    with ledger.write() as txn:
        for sequence in range(1, FRAMES + 1):
            count = rng.choice((1, 40, 1_000))
            columns = {
                name: rng.randbytes(width * count)
                for name, width in CONTRIBUTE_COLUMNS
                if name != "next_token"
            }
            header = RowsHeader(1, 1, 1, 0, 7, count, sequence)
            PackedFrame(header, columns, pair_rows=none, pair_ids=no_ids).append(txn, sequence)
        put_list_sequence(txn, FRAMES)
        put_left(txn, count_values(txn))


def read(ledger: Ledger) -> tuple[list[bytes], list[bytes], int]:
    """Returns the plain tokens of every frame, what frames are known by, and what is left."""
    ciphers = {1: OLD, 2: NEW}
    with ledger.read() as txn:
        tokens = [
            ciphers[frame.header.key_id].decipher(frame.columns["token"].tobytes())
            for frame in list_frames(txn, 0)
        ]
        return tokens, [find_seal(txn, each) for each in range(1, FRAMES + 1)], get_left(txn)


def test_rewriting_killed_at_any_moment(tmp_path: Path) -> None:
    """Every frame says the same under one key or the other after each kill (trust: C7)."""
    rng = random.Random(29)
    directory = tmp_path / "ledger"
    Ledger.create(directory)
    with Ledger(directory) as ledger:
        write_frames(ledger, rng)
        tokens, seals, left = read(ledger)
    lefts = [left]
    for wait in [*(rng.uniform(0.0, 0.2) for _ in range(KILLS)), None]:
        said = rewrite_killed(directory, wait)
        with Ledger(directory, writable=False) as ledger:
            found = read(ledger)
        assert found[:2] == (tokens, seals)
        lefts.append(found[2])
    assert said == "done\n"
    assert lefts == sorted(lefts, reverse=True)
    assert (lefts[0], lefts[-1]) == (FRAMES, 0)


def test_hub_killed_while_its_key_changes(tmp_path: Path) -> None:
    """The keeper, then all of the hub, are killed; nobody asks in vain, and the change ends."""
    hub = HubProcess(tmp_path / "home", workers=2)
    try:
        partner = hub.partner("k-killed")
        rows = [Row(token=fresh(), reference=fresh()) for _ in range(300)]
        contribute(partner, *(rows[place : place + 3] for place in range(0, 300, 3)))
        start(hub)
        hub.kill_child("keeper-1")
        until(lambda: rekey(hub).phase >= REWRITING)
        rows.append(Row(token=fresh(), reference=fresh()))
        contribute(partner, rows[-1:])
        hub.kill()
        hub.revive()
        until(lambda: rekey(hub).phase == REWRITTEN)
        minted = hub.pki.partner("k-killed")
        hub.register(minted)
        partner = hub.connect(minted)
        assert {check(partner, row.token).state for row in rows[::10]} == {LISTED}
        assert check(partner, fresh()).state == NOT_LISTED
    finally:
        hub.stop()
    with hub.ledger() as ledger, ledger.read() as txn:
        assert key_ids(txn) == {2}
