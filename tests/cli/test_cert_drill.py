"""``rongan-hub cert drill`` on a hub that serves (trust: T7, T9)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from rongan_share.cli.cert_drill.command import Report
from rongan_share.cli.cert_drill.steps import StepFailedError
from rongan_share.cli.drill_load import Calls
from rongan_share.clock import SystemClock
from rongan_share.v1 import operator_service_pb2 as pb
from tests.cli.command_line import CommandLine
from tests.support.hub import HubUnderTest, running_hub

RATE = "20"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubUnderTest]:
    """A hub by the machine's clock, as what commands make begins by that."""
    with running_hub(tmp_path / "home", SystemClock()) as running:
        yield running


@pytest.fixture
def shell(
    hub: HubUnderTest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """Commands against the hub, in English."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return CommandLine(hub, capsys)


def steps(facts: dict[str, object]) -> dict[str, dict[str, Any]]:
    """Reads the steps of a report by their names."""
    return {each["step"]: each for each in cast("list[dict[str, Any]]", facts["steps"])}


def test_drill_on_a_running_hub(hub: HubUnderTest, shell: CommandLine) -> None:
    """No call fails, what must be refused is, and nothing is left that can call."""
    given = ("--checker", "bob", "--enrolment", hub.enrolment_target, "--rate", RATE)
    facts = shell.facts("cert", "drill", *given)
    assert facts["passed"] is True, facts
    assert (facts["failed_calls"], facts["stream_failure"]) == (0, "")
    assert cast("int", facts["calls"]) > 0
    assert cast("int", facts["frames"]) > 0
    taken = steps(facts)
    assert [name for name, each in taken.items() if each["result"] == "skipped"] == [
        "trust_bundle",
        "client_authority",
        "root",
    ]
    assert taken["enrolment"]["facts"]["by_string"] is True
    revoked = taken["revocation"]["facts"]
    assert {"unary_seconds", "frames_seconds", "idle_stream_seconds"} < set(revoked)
    found = hub.alice.operators.ListCertificates(pb.ListCertificatesRequest(holder_id="drill"))
    assert [each.state for each in found.certificates] == [pb.CERTIFICATE_STATE_REVOKED] * 3
    code, out, _ = shell.run("--json", "partner", "list")
    assert code == 0
    assert '"SUSPENDED"' in out

    resumed = pb.ResumePartnerRequest(partner_id="drill", reason="a drill")
    hub.alice.operators.ResumePartner(resumed)
    code, _, err = shell.run("cert", "drill")
    assert (code, "another drill goes on" in err) == (1, True)


def test_drill_keeps_off_what_is_not_its_own(
    hub: HubUnderTest, shell: CommandLine, tmp_path: Path
) -> None:
    """Neither a partner that no drill made, nor one of a drill that goes on, nor others' root."""
    hub.create_partner("bank-a")
    rolled = ("--root-key", str(hub.home / "pki/root.key.pem"), "--new-root", str(tmp_path / "new"))
    code, _, err = shell.run("cert", "drill", *rolled)
    assert (code, "hub with partners: bank-a" in err) == (1, True)
    assert shell.run("cert", "drill", *rolled[:2])[0] == 2
    assert shell.run("cert", "drill", "--own-hub", *rolled)[0] == 2
    hub.create_partner("drill")
    code, _, err = shell.run("cert", "drill")
    assert (code, "no drill made" in err) == (1, True)


def test_failures_are_reported() -> None:
    """A step that fails is told and fails the report; so is a call that raises, whatever it is."""
    report = Report()

    def broken() -> dict[str, Any]:
        raise StepFailedError("nothing came")

    assert not report.take("renewal", broken)
    assert (report.held, report.steps[0]["facts"]) == (False, {"cause": "nothing came"})

    answered = threading.Event()

    def ask(place: int) -> str:
        if place == 0:
            raise ValueError("closed channel")
        if place > 8:
            answered.set()
        return "NOT_LISTED" if place == 1 else ""

    calls = Calls(ask, 1_000)
    calls.start()
    assert answered.wait(10)
    calls.stop()
    assert sorted(calls.failures) == ["NOT_LISTED", "closed channel"]
    assert calls.done
