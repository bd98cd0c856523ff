r"""A load of many partners on a hub: unary questions, frames and contributions, by given shares.

``python -m benchmarks.load`` starts a hub with listings and partners; with ``--target`` and
``--credentials`` it loads one that is there, one partner a folder. Prints a table and JSON lines.
An open loop (``--rate``) sends at random moments whatever the answers do and times each operation
from when it was due; a closed one (``--in-flight``) sends the next when one is answered.

Example::

    python -m benchmarks.load --partners 20 --rate 400 --seconds 30 \
        --shares unary=90,frames=8,contributions=2 --plot load.svg
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.enrolment import Identity, enrol
from benchmarks.load_plan import Plan, parse_shares
from benchmarks.load_plot import write_latencies
from benchmarks.load_run import Outcome, Run, Tally
from benchmarks.load_session import Session
from benchmarks.machine import pin_client
from benchmarks.report import short
from benchmarks.world import Scale, World
from partner_sdk.credentials import CERTIFICATE_FILE, KEY_FILE, ROOTS_FILE
from rongan_share.ca import CredentialFiles
from rongan_share.clock import SystemClock
from rongan_share.wire.days import shanghai_day

PERCENTS = (50.0, 90.0, 99.0, 99.9)
_LISTINGS = 100_000
_WARM_UP_SECONDS = 0.5
_HEADINGS = ("load", "answered", "failed", "per s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max")


@dataclass(frozen=True, slots=True)
class Site:
    """Who calls which hub.

    Attributes:
        target: Where it listens.
        identities: The partners.
        distinct_count: How many of the generator's tokens are listed there.
    """

    target: str
    identities: Sequence[Identity]
    distinct_count: int


def site_of(world: World, count: int) -> Site:
    """Enrols so many partners in a world."""
    now = world.clock.now()
    names = [f"load-{place:04}" for place in range(count)]
    identities = [
        world.partners.get(name) or enrol(world.hierarchy, world.target, name, now=now)
        for name in names
    ]
    world.partners.update(zip(names, identities, strict=True))
    return Site(world.target, identities, world.population.distinct_count)


@contextmanager
def sessions_at(site: Site, plan: Plan) -> Iterator[list[Session]]:
    """Connects every partner of a plan."""
    day = shanghai_day(SystemClock().now())
    with ExitStack() as stack:
        sessions = []
        for identity in site.identities[: plan.partners]:
            session = Session(
                identity.channel(site.target),
                plan=plan,
                distinct_count=site.distinct_count,
                day=day,
            )
            stack.callback(session.close)
            sessions.append(session)
        yield sessions


def load(site: Site, plan: Plan, *, say: bool = False) -> Outcome:
    """Runs a load after a short one that is not counted: the first calls of a hub take longer.

    Args:
        site: Who calls which hub.
        plan: The load.
        say: Print a line when the load that counts begins.
    """
    first = replace(plan, seconds=_WARM_UP_SECONDS, rate=0.0, in_flight=4)
    with sessions_at(site, plan) as sessions:
        Run(first, sessions).run()
        if say:
            print("loading", flush=True)
        return Run(plan, sessions).run()


def table(outcome: Outcome) -> str:
    """Returns an outcome as columns of text."""
    rows: list[tuple[str, ...]] = [_HEADINGS]
    rows += [_cells(kind.value, tally, outcome) for kind, tally in outcome.kinds.items()]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADINGS))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    if outcome.plan.rate:
        lines.append(
            f"sent {outcome.latest * 1e3:.1f} ms late at worst; left out: {outcome.left_out}"
        )
    return "\n".join(lines)


def facts(name: str, tally: Tally, outcome: Outcome) -> dict[str, object]:
    """Returns what a line of JSON says of one kind."""
    per_second = tally.latencies.count / (outcome.seconds or 1.0)
    percentiles = {
        f"p{percent:g}_ms": round(tally.latencies.percentile(percent) * 1e3, 3)
        for percent in PERCENTS
    }
    return {
        "name": name,
        "answered": tally.latencies.count,
        "failed": dict(tally.failures),
        "per_second": round(per_second, 1),
        **percentiles,
        "max_ms": round(tally.latencies.longest * 1e3, 3),
        "left_out": outcome.left_out,
        "seed": outcome.plan.seed,
    }


def _cells(name: str, tally: Tally, outcome: Outcome) -> tuple[str, ...]:
    said = facts(name, tally, outcome)
    times = (said[f"p{percent:g}_ms"] for percent in PERCENTS)
    failed = ", ".join(f"{count} {status}" for status, count in tally.failures.items())
    return (
        name,
        str(said["answered"]),
        failed or "0",
        str(said["per_second"]),
        *(short(float(str(value))) for value in times),
        short(float(str(said["max_ms"]))),
    )


def add_plan_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that make a plan."""
    parser.add_argument("--partners", type=int, default=8, help="how many, each with its own key")
    parser.add_argument(
        "--shares",
        type=parse_shares,
        default="unary=90,frames=8,contributions=2",
        help="of operations (default: %(default)s)",
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="how long")
    loop = parser.add_mutually_exclusive_group()
    loop.add_argument("--rate", type=float, default=0.0, help="open loop: operations a second")
    loop.add_argument("--in-flight", type=int, default=16, help="closed loop: so many at once")
    parser.add_argument("--hot", type=float, default=1.0, help="the first partner acts so often")
    parser.add_argument("--frame-tokens", type=int, default=1_024, help="of a frame of questions")
    parser.add_argument("--frame-rows", type=int, default=1_000, help="of a contribution")
    parser.add_argument("--seed", type=int, default=1, help="the same seed is the same load")


def plan_of(arguments: argparse.Namespace) -> Plan:
    """Makes the plan that the options describe."""
    names = Plan.__dataclass_fields__
    given = {name: value for name, value in vars(arguments).items() if name in names}
    if isinstance(given["shares"], str):
        given["shares"] = parse_shares(given["shares"])
    return Plan(**given)


def given_site(target: str, folders: Sequence[Path]) -> Site:
    """Describes a hub that is there: who may call it has a folder of credentials each."""
    files = [
        CredentialFiles(folder / CERTIFICATE_FILE, folder / KEY_FILE, folder / ROOTS_FILE)
        for folder in folders
    ]
    return Site(target, [Identity(each) for each in files], 0)


def main() -> None:
    """Reads the command line and loads."""
    head, _, example = (__doc__ or "").partition("Example::")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description=head,
        epilog="example:" + example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_plan_options(parser)
    parser.add_argument("--target", help="HOST:PORT of a hub that is there; none = start one")
    parser.add_argument(
        "--credentials", type=Path, nargs="+", default=(), help="folders, one for each partner"
    )
    parser.add_argument("--listings", type=int, default=_LISTINGS, help="in a hub of our own")
    parser.add_argument(
        "--say-when-loading", action="store_true", help="print a line when it begins"
    )
    parser.add_argument("--plot", type=Path, help="draws latencies there, SVG")
    arguments = parser.parse_args()
    if bool(arguments.target) != bool(arguments.credentials):
        parser.error("--target and --credentials go together")
    if arguments.target:
        arguments.partners = len(arguments.credentials)
        site = given_site(arguments.target, arguments.credentials)
        outcome = load(site, plan_of(arguments), say=arguments.say_when_loading)
    else:
        pin_client()
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rongan-load-"))
            world = World(Path(folder), Scale(listing_count=arguments.listings), stack)
            plan = plan_of(arguments)
            site = site_of(world, plan.partners)
            outcome = load(site, plan, say=arguments.say_when_loading)
    print(table(outcome))
    print()
    for kind, tally in outcome.kinds.items():
        print(json.dumps(facts(kind.value, tally, outcome)))
    if arguments.plot is not None:
        write_latencies(
            arguments.plot, {kind.value: tally for kind, tally in outcome.kinds.items()}
        )


if __name__ == "__main__":
    main()
