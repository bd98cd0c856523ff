"""``rongan-hub epoch rekey``, from the new key to the destroyed one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rongan_share.cli.commands import run
from tests.support.hub import HubUnderTest, running_hub
from tests.support.processes import ROOT
from tests.walk.asking import LISTED, Row, check, contribute, fresh
from tests.walk.rekeying import hurried, key_ids

__all__ = ["hurried"]


@pytest.fixture
def hub(tmp_path: Path, hurried: None) -> Iterator[HubUnderTest]:
    """A hub of its own."""
    with running_hub(tmp_path / "home") as running:
        yield running


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine's locale is."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def command(hub: HubUnderTest, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Runs a command on the hub's home; returns code and what was said."""
    capsys.readouterr()
    code = run(["--home", str(hub.home), "--hub", hub.target, "--as", "alice", *words])
    said = capsys.readouterr()
    return code, said.err if code else said.out


def facts(done: tuple[int, str]) -> dict[str, Any]:
    """Reads what a command printed as JSON."""
    assert done[0] == 0, done[1]
    read: dict[str, Any] = json.loads(done[1])
    return read


def test_routine_of_the_manual(hub: HubUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
    """What docs/operations.md says of the hub key does what it says (trust: X2)."""
    partner = hub.partner("r-partner")
    row = Row(token=fresh(), reference=fresh())
    contribute(partner, [row])
    keys = hub.settings.keys.hub_keys
    code, said = command(hub, capsys, "epoch", "rekey", "finish")
    assert (code, "no change of the hub key goes on" in said) == (1, True)
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition("\n## Change the hub key\n")[2].partition("\n## ")[0]
    prompt = "$ rongan-hub --home hub --as alice "
    lines = [line.removeprefix(prompt) for line in section.splitlines() if line.startswith(prompt)]
    assert len(lines) == 3
    begun, waited, ended = lines
    assert "BUILDING" in command(hub, capsys, *begun.split())[1]
    assert (keys / "hub-2.key").stat().st_mode & 0o777 == 0o600
    # Given again, it goes on, and no other key is made.
    again = facts(command(hub, capsys, "--json", *begun.split()))
    assert (again["key_id"], again["old_key_id"], "key_made" in again) == (2, 1, False)
    code, said = command(hub, capsys, *ended.split())
    assert (code, "still stands under the old key" in said) == (1, True)
    done = facts(command(hub, capsys, "--json", *waited.split()))
    assert (done["phase"], done["done_count"]) == ("REWRITTEN", done["value_count"])
    finished = facts(command(hub, capsys, "--json", *ended.split()))
    assert (finished["phase"], finished["key_destroyed"]) == ("NONE", True)
    assert sorted(path.name for path in keys.glob("hub-*")) == ["hub-2.key"]
    # One whose old key a finish that was broken off has left.
    (keys / "hub-1.key").write_text("00" * 32)
    assert "overwritten and removed" in command(hub, capsys, *ended.split())[1]
    assert sorted(path.name for path in keys.glob("hub-*")) == ["hub-2.key"]
    assert check(partner, row.token).state == LISTED
    with hub.hub.ledger.read() as txn:
        assert key_ids(txn) == {2}
