"""``rongan-hub cert`` against a hub in this process: lists, alarms, enrolment, the trust bundle."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rongan_share.wire.enrolment_string import EnrolmentString
from tests.cli.command_line import CommandLine
from tests.support.clock import FakeClock, last_noon
from tests.support.hub import HubUnderTest, running_hub
from tests.walk.enrolling import enroll, new_key


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub whose own certificate ends in 26 days."""
    clock = FakeClock(last_noon())
    with running_hub(tmp_path_factory.mktemp("hub") / "home", clock) as running:
        clock.advance(timedelta(days=64))
        yield running


@pytest.fixture
def shell(
    hub: HubUnderTest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """Commands against the hub, in English."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return CommandLine(hub, capsys)


def test_lists(shell: CommandLine) -> None:
    """Every certificate, those of one holder, and those that end soon."""
    everything = shell.facts("cert", "list")["certificates"]
    assert isinstance(everything, list)
    assert {(each["kind"], each["holder"]) for each in everything} == {
        ("OPERATOR", "alice"),
        ("OPERATOR", "bob"),
    }
    mine = shell.facts("cert", "list", "--holder", "bob")["certificates"]
    assert isinstance(mine, list)
    assert [each["state"] for each in mine] == ["ACTIVE"]
    code, out, err = shell.run("cert", "list", "--holder", "nobody")
    assert (code, out) == (1, "")
    assert "RESOURCE_NOT_FOUND" in err
    assert shell.facts("cert", "expiring", "--days", "14") == {"certificates": []}
    code, out, _ = shell.run("cert", "expiring")
    assert code == 0
    assert out.splitlines()[0].split() == [
        "kind",
        "holder",
        "serial",
        "number",
        "state",
        "valid",
        "until",
        "retires",
        "at",
    ]
    assert [line.split()[0] for line in out.splitlines()[1:]].count("HUB") == 1


def test_status_shows_alarms(shell: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alarms stand at the end of the status, with a step, in both languages; the code stays 0."""
    facts = shell.facts("status")
    alarms = facts["certificate_alarms"]
    assert isinstance(alarms, list)
    assert facts["certificate_alarm_count"] == len(alarms) == 3
    assert {each["step"] for each in alarms} == {30}
    code, out, _ = shell.run("status")
    assert code == 0
    lines = [line for line in out.splitlines() if "ends within 30 days" in line]
    assert len(lines) == 3
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    code, out, _ = shell.run("status")
    assert (code, out.count("证书将于 30 天内到期")) == (0, 3)


def test_enrolment_string(shell: CommandLine, tmp_path: Path) -> None:
    """The string is shown once, or written to a file of the owner alone, and enrols."""
    hub = shell.hub
    hub.create_partner("cl-file")
    hub.create_partner("cl-shown")
    file = tmp_path / "cl-file.enrolment"
    facts = shell.facts("cert", "enrolment", "cl-file", "--out", str(file))
    text = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert facts["enrolment"] == str(file)
    string = EnrolmentString.parse(text)
    assert string.partner_id == "cl-file"
    assert enroll(hub, "cl-file", string.secret, key=new_key()).chain_der
    code, _, err = shell.run("cert", "enrolment", "cl-file", "--out", str(file))
    assert (code, file.read_text()) == (1, text)
    assert "exists already" in err
    code, out, _ = shell.run("cert", "enrolment", "cl-shown")
    assert code == 0
    [shown] = re.findall(r"rse1\.\S+", out)
    assert "rongan enroll cl-shown --hub HOST:PORT" in out
    string = EnrolmentString.parse(shown)
    assert enroll(hub, "cl-shown", string.secret, key=new_key()).chain_der
    code, out, err = shell.run("cert", "enrolment", "cl-nobody", "--out", str(tmp_path / "no"))
    assert (code, out) == (1, "")
    assert "RESOURCE_NOT_FOUND" in err
    assert not (tmp_path / "no").exists()
