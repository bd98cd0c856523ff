"""``rongan-hub epoch`` against a hub of two workers, from opening to the destroyed key."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rongan_share.cli import key_file
from rongan_share.cli.commands import run
from rongan_share.ledger.cipher import write_key
from rongan_share.wire.vocabulary import Suite
from tests.support.processes import ROOT, HubProcess
from tests.walk.asking import LISTED, Row, check, contribute, fresh, withdrawal
from tests.walk.rolling import contribute_both, next_of, retoken

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub of two workers; every test leaves it with the epochs that it made promoted."""
    running = HubProcess(tmp_path_factory.mktemp("hub") / "home", workers=2)
    yield running
    running.stop()


@pytest.fixture
def command(
    hub: HubProcess, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs a command on the hub's home and returns code, output and complaint."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    def run_here(*words: str, by: str = "alice") -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["--home", str(hub.home), "--hub", hub.target, "--as", by, *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run_here


def facts(done: tuple[int, str, str]) -> dict[str, Any]:
    """Reads what a command printed as JSON."""
    code, out, err = done
    assert code == 0, err
    read: dict[str, Any] = json.loads(out)
    return read


def test_whole_life(hub: HubProcess, command: Command) -> None:
    """Opened, filled, waived by two operators, promoted on every worker, closed (trust: X2)."""
    keys = hub.settings.keys.epoch_keys
    source = hub.partner("cli-source")
    row, lost = (Row(token=fresh(), reference=fresh()) for _ in range(2))
    contribute(source, [row, lost])
    assert "next: rongan-hub epoch open" in _squeezed(command("epoch", "status"))
    code, _, err = command("epoch", "promote")
    assert (code, "no epoch is opening" in err) == (1, True)
    # An opening that failed behind the key goes on with it.
    write_key(keys / "epoch-2.key", bytes(range(32)))
    opened = facts(command("--json", "epoch", "open"))
    assert (opened["epoch"], opened["state"], opened["key_made"]) == (2, "OPENING", False)
    code, _, err = command("epoch", "open")
    assert (code, "is opening already" in err) == (1, True)
    contribute_both(source, [retoken(row)])
    code, _, err = command("epoch", "promote")
    assert code == 1
    assert "without a token of this epoch: 1;" in err
    assert "another operator" in command("epoch", "promote", "--waive", "1")[1]
    code, _, err = command("epoch", "promote", "--waive", "1")
    assert (code, "SAME_OPERATOR" in err) == (1, True)
    status = _squeezed(command("epoch", "status"))
    for said in ("1 / 2 (50.0 %)", "cli-source lacks 1", "1 by alice", "--retoken FILE"):
        assert said in status
    assert facts(command("--json", "epoch", "promote", "--waive", "1", by="bob"))["promoted"]
    minted = hub.pki.partner("cli-source")
    hub.register(minted)
    for _ in range(6):
        asked = check(hub.connect(minted), next_of(row.token), epoch=2)
        assert asked.state == LISTED
    assert "next: rongan-hub epoch close" in _squeezed(command("epoch", "status"))
    closed = facts(command("--json", "epoch", "close"))
    assert (closed["epoch"], closed["state"], closed["key_destroyed"]) == (1, "CLOSED", True)
    assert sorted(path.name for path in keys.iterdir()) == ["epoch-2.key", "hub-1.key"]
    # One whose key a close that was broken off has left.
    write_key(keys / "epoch-1.key", bytes(32))
    assert facts(command("--json", "epoch", "close"))["key_destroyed"]
    code, _, err = command("epoch", "close")
    assert (code, "no epoch is closing" in err) == (1, True)
    listed = facts(command("--json", "epoch", "status"))["epochs"]
    assert [each["state"] for each in listed] == ["CLOSED", "CURRENT"]
    contribute(source, [withdrawal(bytes(16), each.reference) for each in (row, lost)])


def test_routine_of_the_manual(hub: HubProcess, command: Command) -> None:
    """What docs/operations.md says of epochs does what it says, in its order."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition("\n## Epochs\n")[2].partition("\n## ")[0]
    prompt = "$ rongan-hub --home hub --as alice "
    lines = [line for line in section.splitlines() if line.startswith(prompt)]
    assert len(lines) == 4
    for line in lines:
        code, _, err = command(*line.removeprefix(prompt).split())
        assert code == 0, err
    listed = facts(command("--json", "epoch", "status"))["epochs"]
    assert listed[-1]["state"] == "CURRENT"
    assert [each["state"] for each in listed[:-1]] == ["CLOSED"] * (len(listed) - 1)
    assert listed[-1]["suite"] == "HMAC_SM3"


def test_agreements_without_the_suite(hub: HubProcess, command: Command) -> None:
    """Whom a suite would stop is named first, and nobody is stopped unless that is said."""
    keys = hub.settings.keys.epoch_keys
    before = sorted(keys.iterdir())
    hub.partner("cli-behind", suites=[Suite.HMAC_SHA256])
    code, _, err = command("epoch", "open", "--suite", "HMAC_SM3")
    assert (code, "agreements in force without HMAC_SM3: 1: cli-behind." in err) == (1, True)
    assert sorted(keys.iterdir()) == before
    assert facts(command("--json", "epoch", "status"))["ungranted"] == []
    assert command("epoch", "open", "--suite", "HMAC_SM3", "--yes")[0] == 0
    assert facts(command("--json", "epoch", "status"))["ungranted"] == ["cli-behind"]
    assert "agreement without suite 1: cli-behind" in _squeezed(command("epoch", "status"))
    assert facts(command("--json", "epoch", "promote"))["promoted"]
    assert facts(command("--json", "epoch", "close"))["key_destroyed"]
    hub.agree("cli-behind")


def test_import_while_opening(hub: HubProcess, command: Command, tmp_path: Path) -> None:
    """An import carries one token a listing, so it is refused, saying what to do."""
    hub.partner("cli-import")
    opened = facts(command("--json", "epoch", "open", "--suite", "HMAC_SM3"))
    assert (opened["suite"], opened["key_made"]) == (Suite.HMAC_SM3.name, True)
    path = Path(opened["key_file"])
    assert path.stat().st_mode & 0o777 == 0o600
    file = tmp_path / "listings.csv"
    file.write_text("operation,reference,token\n")
    code, _, err = command("import", "--partner", "cli-import", str(file))
    assert (code, "an epoch is opening" in err) == (1, True)
    assert facts(command("--json", "epoch", "promote"))["promoted"]


def test_interrupted_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the key is written leaves nothing under the key's name (trust: X2)."""
    path = tmp_path / "epoch-2.key"

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        key_file._write(path)
    assert list(tmp_path.iterdir()) == []


def _squeezed(done: tuple[int, str, str]) -> str:
    """Returns what a command said, runs of blanks as one and keys as `key: value`."""
    code, out, err = done
    assert code == 0, err
    lines = [" ".join(line.split()) for line in out.splitlines()]
    return "\n".join(line.replace("next ", "next: ", 1) for line in lines)
