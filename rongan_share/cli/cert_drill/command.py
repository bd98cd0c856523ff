"""``rongan-hub cert drill``: runs the steps while the hub is asked, and reports."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from partner_sdk.cli.failures import REFUSED, RefusedHereError
from partner_sdk.cli.settings import TARGET, example
from partner_sdk.errors import SdkError
from rongan_share.ca import load_private_key
from rongan_share.cli.cert_drill.desk import Desk
from rongan_share.cli.cert_drill.load import RunningStream, asking
from rongan_share.cli.cert_drill.steps import Drill, StepFailedError
from rongan_share.cli.drill_hub import HubInFolder
from rongan_share.cli.drill_load import Calls
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.clock import monotonic_ns
from rongan_share.errors import RonganError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_FAILURES = (SdkError, RefusedHereError, StepFailedError, RonganError, OSError, ValueError)
"""What a step can fail by; it is reported, and the next one begins."""

_AGE = timedelta(days=61)
"""How long ago the certificates of a hub of the drill's own were made: past two thirds of their
life, so that a renewal is due."""

_FILE = click.Path(dir_okay=False, exists=True, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@dataclass(slots=True)
class Report:
    """What came of a rehearsal so far.

    Attributes:
        steps: One table row a step.
        held: Whether every step that was taken held.
    """

    steps: list[dict[str, Any]] = field(default_factory=list)
    held: bool = True

    def take(self, name: str, step: Callable[[], dict[str, Any]]) -> bool:
        """Takes a step and notes what came of it; returns whether it held."""
        began_ns = monotonic_ns()
        try:
            facts, result = step(), "held"
        except _FAILURES as error:
            # What a command said may be several lines, and the table has one.
            cause = " ".join(str(error).split()) or type(error).__name__
            facts, result = {"cause": cause}, "failed"
            self.held = False
        seconds = round((monotonic_ns() - began_ns) / 1e9, 2)
        self.steps.append({"step": name, "result": result, "seconds": seconds, "facts": facts})
        return result == "held"

    def skip(self, name: str, cause: str) -> None:
        """Notes that a step was not taken."""
        row = {"step": name, "result": "skipped", "seconds": 0.0, "facts": {"cause": cause}}
        self.steps.append(row)


@click.command(
    "drill",
    help=say("help.cert_drill"),
    epilog=example("rongan-hub --home hub --as alice cert drill --checker bob"),
)
@click.option("--checker", default="", metavar="OPERATOR", help=say("help.drill_checker"))
@click.option(
    "--enrolment", "enrolment", default="", metavar="HOST:PORT", help=say("help.drill_enrolment")
)
@click.option("--own-hub", is_flag=True, help=say("help.drill_own_hub"))
@click.option("--root-key", type=_FILE, default=None, help=say("help.drill_root_key"))
@click.option("--new-root", type=_FOLDER, default=None, help=say("help.drill_new_root"))
@click.option("--rate", type=click.IntRange(1, 10_000), default=200, help=say("help.drill_rate"))
@click.option("--workers", type=click.IntRange(1, 64), default=2, help=say("help.drill_workers"))
@shared_options()
@click.pass_context
def drill(
    context: click.Context,
    *,
    checker: str,
    enrolment: str,
    own_hub: bool,
    root_key: Path | None,
    new_root: Path | None,
    rate: int,
    workers: int,
) -> None:
    """Rehearses on the hub that serves, or on one of its own, and reports."""
    if (root_key is None) != (new_root is None) or (own_hub and root_key is not None):
        raise click.UsageError(say("drill.both_or_none"))
    options = context.ensure_object(Options)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rongan-drill-")))
        if own_hub:
            facts = _on_own_hub(folder, rate=rate, workers=workers)
        else:
            there = Options(options.home, options.operator, options.target())
            desk = Desk(there, checker)
            at = enrolment or _enrolment_of(there)
            made = Drill(desk, folder, at, root_key, new_root or folder / "unused")
            facts = _on_running_hub(made, rate=rate)
    _show(options, facts)
    if not facts["passed"]:
        context.exit(REFUSED)


def _on_running_hub(drill: Drill, *, rate: int) -> dict[str, Any]:
    if drill.root_key is not None:
        # Whoever has not taken the next bundle would not know the hub any more.
        others = drill.desk.other_partners()
        if others:
            raise RefusedHereError(say("drill.has_partners", partners=", ".join(others[:5])))
        load_private_key(drill.root_key)
    drill.desk.admit()
    report = Report()
    return _rehearse(drill, report, lambda: report.take("enrolment", drill.enrol), rate=rate)


def _on_own_hub(folder: Path, *, rate: int, workers: int) -> dict[str, Any]:
    age = ("--clock-offset", str(-int(_AGE.total_seconds())))
    with HubInFolder(
        folder, workers=workers, init=("--enrolment-address", "127.0.0.1:0", *age)
    ) as hub:
        report = Report()

        def options() -> Options:
            return Options(hub.home, "alice", hub.target)

        made = Drill(
            Desk(options(), "bob"),
            folder,
            hub.enrolment,
            hub.home / "pki" / "root.key.pem",
            folder / "new",
        )
        made.desk.admit()
        enrolled = report.take("enrolment", made.enrol)
        # The certificates are as old as they were made to be once the clock is right again.
        hub.stop()
        hub.set_clock_right()
        hub.serve()
        made.desk, made.enrolment = Desk(options(), "bob"), hub.enrolment
        return _rehearse(made, report, lambda: enrolled, rate=rate)


def _rehearse(
    drill: Drill, report: Report, enrol: Callable[[], bool], *, rate: int
) -> dict[str, Any]:
    """Takes the steps; whatever happens, the partner leaves at the end."""
    began_ns = monotonic_ns()
    load: dict[str, Any] = {}
    try:
        if enrol():
            drill.agreed = drill.desk.agree()
            load = _under_load(drill, report, rate=rate)
    finally:
        report.take("leaving", lambda: {"revoked": drill.desk.dismiss()})
    unharmed = bool(load) and not load["failed_calls"] and not load["stream_failure"]
    asked = load.get("calls", 0) and (load.get("frames", 0) or not drill.agreed)
    return {
        "steps": report.steps,
        **load,
        "total_seconds": round((monotonic_ns() - began_ns) / 1e9, 1),
        "passed": report.held and unharmed and bool(asked),
    }


def _under_load(drill: Drill, report: Report, *, rate: int) -> dict[str, Any]:
    client, connections = drill.client()
    calls = Calls(asking(client, connections, agreed=drill.agreed), rate)
    stream = RunningStream(client)
    began_ns = monotonic_ns()
    try:
        calls.start()
        if drill.agreed:
            stream.start()
        for name, step in _steps(drill):
            if step is None:
                report.skip(name, say("drill.root_stays"))
            else:
                report.take(name, step)
    finally:
        calls.stop()
        stream.stop()
        seconds = (monotonic_ns() - began_ns) / 1e9
        drill.close()
    return {
        "calls": calls.done + len(calls.failures),
        "calls_per_second": round((calls.done + len(calls.failures)) / seconds),
        "failed_calls": len(calls.failures) + bool(stream.failure),
        "first_failure": calls.failures[0] if calls.failures else "",
        "slowest_call_ms": round(calls.slowest_ns / 1e6, 1),
        "frames": stream.frames,
        "longest_between_frames_ms": round(stream.longest_ns / 1e6, 1),
        "stream_failure": stream.failure,
    }


def _steps(drill: Drill) -> Sequence[tuple[str, Callable[[], dict[str, Any]] | None]]:
    rolled = drill.root_key is not None
    return (
        ("hub_certificate", drill.rotate_hub),
        ("renewal", drill.follow),
        ("trust_bundle", drill.next_bundle if rolled else None),
        ("client_authority", drill.switch_authorities if rolled else None),
        ("root", drill.change_root if rolled else None),
        ("revocation", drill.revoke),
    )


def _enrolment_of(options: Options) -> str:
    """Names the hub's enrolment listener as it is reached from here; empty if it has none."""
    address = options.load_settings().listen.enrolment
    host, _, port = address.rpartition(":")
    if not host or port == "0" or not TARGET.fullmatch(address):
        return ""
    return f"{options.hub.rpartition(':')[0]}:{port}"


def _show(options: Options, facts: dict[str, Any]) -> None:
    if options.as_json:
        options.show(facts, ())
        return
    options.show_table(
        {}, ("drill.step", "drill.result", "drill.step_seconds", "drill.found"), _rows(facts)
    )
    lines = [(f"drill.{key}", value) for key, value in facts.items() if key != "steps"]
    options.show({}, lines)


def _rows(facts: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    for row in facts["steps"]:
        said = ", ".join(f"{say(f'drill.{key}')} {value}" for key, value in row["facts"].items())
        yield (
            say(f"drill.step.{row['step']}"),
            say(f"drill.{row['result']}"),
            row["seconds"],
            said,
        )
