"""The load tool and the soak: plans are seeded, latencies are counted right, leaks are found."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.histogram import Histogram
from benchmarks.load import facts, load, site_of, table
from benchmarks.load_plan import Kind, Plan, events_of, parse_shares
from benchmarks.load_plot import write_latencies
from benchmarks.load_run import Outcome, Tally
from benchmarks.soak import failures, report, soak
from benchmarks.soak_judge import Sample, judge
from benchmarks.world import Scale, World

SHARES = {Kind.UNARY: 80.0, Kind.FRAMES: 15.0, Kind.CONTRIBUTIONS: 5.0}
SMALL = {"frame_tokens": 64, "frame_rows": 50, "partners": 3, "shares": SHARES}
HOUR = 3_600.0
MEGABYTE = 10**6


@pytest.fixture(scope="module", name="world")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A small loaded hub in a process of its own."""
    with ExitStack() as stack:
        yield World(tmp_path_factory.mktemp("load"), Scale(listing_count=2_000), stack)


@pytest.mark.parametrize("loop", [{"rate": 150.0}, {"in_flight": 8}])
def test_load_is_answered(world: World, loop: dict[str, float]) -> None:
    """Either loop has every kind of operation of three partners answered, and none fails."""
    shares = dict.fromkeys(Kind, 1.0)
    plan = Plan(seconds=0.4, **{**SMALL, "shares": shares}, **loop)  # type: ignore[arg-type]
    outcome = load(site_of(world, 3), plan)
    done = {kind: tally.latencies.count for kind, tally in outcome.kinds.items()}
    assert min(done.values()) > 0
    assert sum(done.values()) == sum(each.latencies.count for each in outcome.partners)
    assert failures(outcome).value == 0
    if plan.rate:
        assert sum(done.values()) == len(events_of(plan, count=1_000))
    assert all(kind.value in table(outcome) for kind in Kind)


def test_what_the_hub_refuses_is_failed(world: World) -> None:
    """A refused operation is counted by its status and never as answered."""
    plan = Plan(
        seconds=0.001, in_flight=2, partners=3, shares={Kind.FRAMES: 1.0}, frame_tokens=70_000
    )
    outcome = load(site_of(world, 3), plan)
    tally = outcome.kinds[Kind.FRAMES]
    assert tally.latencies.count == 0
    assert tally.failures["INVALID_ARGUMENT"] > 0


def test_short_soak(world: World) -> None:
    """A hub under an even load for seconds leaks nothing that a judge of hours would see."""
    plan = Plan(seconds=4.0, rate=100.0, **SMALL)  # type: ignore[arg-type]
    outcome, samples = soak(world, plan, lambda _: None)
    findings = [failures(outcome), *judge(samples)]
    assert all(finding.good for finding in findings), report(outcome, findings)
    assert samples[-1].entries > samples[0].entries
    assert samples[-1].rows > 0


def test_same_seed_same_load() -> None:
    """A plan is its seed's: same events; another seed, others; shares and rate are kept."""
    plan = Plan(seed=7, shares=SHARES, rate=1_000.0, seconds=5.0, hot=100.0, partners=10)
    events = events_of(plan, count=10_000)
    assert events == events_of(plan, count=10_000)
    assert events != events_of(replace(plan, seed=8), count=10_000)
    assert 4_700 < len(events) < 5_300
    share = sum(event.kind is Kind.UNARY for event in events) / len(events)
    assert 0.77 < share < 0.83
    hot = sum(event.partner == 0 for event in events) / len(events)
    assert hot == pytest.approx(100 / 109, abs=0.02)
    assert [event.due for event in events] == sorted(event.due for event in events)


@pytest.mark.parametrize("text", ["", "unary", "calls=1", "unary=x", "unary=0", "unary=-1"])
def test_shares_are_read(text: str) -> None:
    """Shares are numbers of known kinds; what is none is refused."""
    if text == "unary":
        assert parse_shares(text) == {Kind.UNARY: 1.0}
    else:
        with pytest.raises(ValueError, match=r".*"):
            parse_shares(text)


def test_percentiles_are_close() -> None:
    """Percentiles of a histogram are never below the true ones and at most 2 % above."""
    source = random.Random(5)
    values = sorted(source.lognormvariate(-6, 2) for _ in range(20_000))
    halves = Histogram(), Histogram()
    for place, value in enumerate(values):
        halves[place % 2].record(value)
    halves[0].add(halves[1])
    for percent in (1, 50, 90, 99, 99.9, 100):
        true = values[max(0, -int(-len(values) * percent // 100) - 1)]
        assert true - 1e-6 <= halves[0].percentile(percent) <= true * 1.02 + 1e-6
    assert (halves[0].count, halves[0].longest) == (20_000, values[-1])
    assert Histogram().percentile(99) == 0


def test_lines_and_plot(tmp_path: Path) -> None:
    """An outcome is a table, JSON that programs read, and a well-formed SVG."""
    tally = Tally()
    for milliseconds in range(1, 101):
        tally.note(milliseconds / 1e3, None)
    tally.note(1.0, "UNAVAILABLE")
    outcome = Outcome(Plan(shares=SHARES, rate=1.0), {Kind.UNARY: tally}, [tally], seconds=10.0)
    said = json.loads(json.dumps(facts("unary", tally, outcome)))
    assert (said["answered"], said["failed"], said["per_second"]) == (100, {"UNAVAILABLE": 1}, 10)
    assert said["p50_ms"] == pytest.approx(50, rel=0.02)
    assert "1 UNAVAILABLE" in table(outcome)
    write_latencies(tmp_path / "load.svg", {"unary": tally})
    assert "unary" in "".join(ET.parse(tmp_path / "load.svg").getroot().itertext())


def samples(
    *, memory: float = 0.0, descriptors: float = 0.0, files: float = 0.0, rows: int = 0
) -> list[Sample]:
    """Makes two hours of samples in which each thing grows by so much an hour."""
    source = random.Random(1)
    return [
        Sample(
            seconds=minute * 60.0,
            memory={"worker-1": int(90e6 + memory * minute / 60 + source.uniform(0, 3e6))},
            descriptors={"worker-1": int(30 + descriptors * minute / 60)},
            file_bytes=int(10e6 + files * minute / 60),
            rows=rows * minute // 60,
        )
        for minute in range(121)
    ]


@pytest.mark.parametrize(
    ("grown", "bad"),
    [
        ({}, set()),
        ({"memory": 10 * MEGABYTE}, set()),
        ({"memory": 60 * MEGABYTE}, {"worker-1 memory grown"}),
        ({"memory": 60 * MEGABYTE, "rows": 200_000, "files": 15 * MEGABYTE}, set()),
        ({"descriptors": 12.0}, {"worker-1 descriptors more"}),
        ({"files": 100 * MEGABYTE}, {"journal and log grown"}),
        ({"files": 100 * MEGABYTE, "rows": 1_000_000}, set()),
    ],
)
def test_leaks_are_found(grown: dict[str, float], bad: set[str]) -> None:
    """What grows without a reason is bad; what was written explains files and memory."""
    found = {finding.name for finding in judge(samples(**grown)) if not finding.good}  # type: ignore[arg-type]
    assert found == bad


def test_too_short_to_judge() -> None:
    """Two points are no slope."""
    with pytest.raises(ValueError, match="too short"):
        judge(samples()[:2])
