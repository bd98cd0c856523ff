"""``rongan enroll`` and ``rongan renew`` against a hub: strings that nobody sees, exit codes."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from partner_sdk import Credentials
from partner_sdk.cli.main import run
from partner_sdk.directory import CredentialsDirectory
from tests.e2e.test_enroll import string_for
from tests.e2e.test_renewal import AHEAD, due, serial_of
from tests.support.clock import FakeClock, last_noon
from tests.support.hub import HubUnderTest, running_hub
from tests.support.processes import ROOT, clean_environment, free_port

STOLEN = (
    "into a new directory with a new string, then have the hub's operator revoke the old serial"
)

SAY = pytest.CaptureFixture[str]


@pytest.fixture(scope="module", name="hub")
def due_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub whose clock is set back while it enrols, so that what it gave is due by now."""
    clock = FakeClock(last_noon() - AHEAD)
    with running_hub(tmp_path_factory.mktemp("rongan") / "home", clock) as running:
        clock.advance(AHEAD)
        yield running


def facts_of(capsys: SAY) -> dict[str, Any]:
    """Reads what was printed as JSON."""
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def test_string_from_a_file(hub: HubUnderTest, tmp_path: Path, capsys: SAY) -> None:
    """A file holds the string; a second time the directory is refused."""
    text = tmp_path / "string"
    text.write_text(string_for(hub, "cli-file").format() + "\n")
    words = ["enroll", str(tmp_path / "made"), "--hub", hub.enrolment_target]
    assert run(["--json", *words, "--string-file", str(text)]) == 0
    facts = facts_of(capsys)
    made = Credentials.from_directory(tmp_path / "made")
    assert facts["identity"] == made.identity == "spiffe://rongan.test/partner/cli-file"
    assert datetime.fromisoformat(facts["expiry_time"]) == made.expiry_time
    assert run([*words, "--string-file", str(text)]) == 1
    told = capsys.readouterr().err
    assert "rongan renew" in told
    assert STOLEN in told


def test_string_from_elsewhere(
    hub: HubUnderTest, tmp_path: Path, capsys: SAY, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard input or a variable hold it as well; without a terminal nobody is asked."""
    text = string_for(hub, "cli-in").format()
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    words = ["--hub", hub.enrolment_target, "enroll"]
    assert run([*words, str(tmp_path / "in"), "--string-file", "-"]) == 0
    monkeypatch.setenv("RONGAN_ENROLMENT", string_for(hub, "cli-var").format())
    assert run([*words, str(tmp_path / "var")]) == 0
    assert "doctor" in capsys.readouterr().out
    monkeypatch.delenv("RONGAN_ENROLMENT")
    assert run([*words, str(tmp_path / "none")]) == 2
    monkeypatch.setenv("RONGAN_ENROLMENT", text[:-1])
    assert run([*words, str(tmp_path / "none")]) == 2
    assert text[:40] not in capsys.readouterr().err
    monkeypatch.setenv("RONGAN_ENROLMENT", text)
    assert run([*words, str(tmp_path / "again")]) == 1
    assert "24 hours" in capsys.readouterr().err
    assert run(["--hub", f"localhost:{free_port()}", "enroll", str(tmp_path / "again")]) == 3


def test_string_from_a_terminal(hub: HubUnderTest, tmp_path: Path) -> None:
    """On a terminal it is asked for and not shown."""
    text = string_for(hub, "cli-tty").format()
    ours, theirs = pty.openpty()
    program = "from partner_sdk.cli.main import main; main()"
    words = ["enroll", str(tmp_path / "made"), "--hub", hub.enrolment_target]
    with subprocess.Popen(
        [sys.executable, "-c", program, *words],
        cwd=ROOT,
        env=clean_environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while b"not shown" not in shown:
            shown += os.read(ours, 4_096)
        os.write(ours, text.encode() + b"\n")
        try:
            while chunk := os.read(ours, 4_096):
                shown += chunk
        except OSError:
            # So Linux says that the other end is closed.
            os.close(ours)
    assert process.returncode == 0, shown
    assert text.split(".")[2].encode() not in shown


def test_port_for_calls(hub: HubUnderTest, tmp_path: Path, capsys: SAY) -> None:
    """The main port shows no root: refused with 1, and told of the port, in both languages."""
    text = tmp_path / "string"
    text.write_text(string_for(hub, "cli-other").format())
    words = ["--hub", hub.target, "enroll", str(tmp_path / "made"), "--string-file", str(text)]
    assert run(words) == 1
    told = capsys.readouterr().err
    assert "nothing was sent" in told
    assert "port of its own" in told
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LC_ALL", "zh_CN.UTF-8")
        assert run(words) == 1
    told = capsys.readouterr().err
    assert "未发送任何内容" in told
    assert "登记另有端口" in told


def test_renew(hub: HubUnderTest, tmp_path: Path, capsys: SAY) -> None:
    """What is due is renewed once; then it is not due, and forced the hub says until when."""
    folder = tmp_path / "cli-renew"
    due(hub, folder)
    words = ["--json", "--hub", hub.target, "--credentials", str(folder), "renew"]
    before = serial_of(folder)
    assert run(words) == 0
    facts = facts_of(capsys)
    assert facts["renewed"]
    assert not facts["roots_replaced"]
    assert serial_of(folder) != before
    assert run(words) == 0
    assert not facts_of(capsys)["renewed"]
    assert run([*words, "--force"]) == 1
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["reason"] == "RENEWAL_NOT_DUE"
    told = datetime.fromisoformat(error["metadata"]["dueTime"])
    assert abs((told - datetime.fromisoformat(facts["renewal_time"])).total_seconds()) < 1
    assert run([*words[1:], "--force"]) == 1
    assert STOLEN in capsys.readouterr().err
    with CredentialsDirectory(folder).locked():
        assert run(words) == 1
    assert run(["--hub", hub.target, "--credentials", str(tmp_path / "none"), "renew"]) == 2
