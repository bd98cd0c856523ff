"""Benchmarks: the loader loads what it says, and the load generator counts right."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from benchmarks import large, rows_audit, rows_coalesced, rows_streams
from benchmarks.__main__ import FAMILIES
from benchmarks.aims import AIMS, Aim
from benchmarks.contributor import start_contributor, stop_contributor
from benchmarks.http2_load import LoadError, UnaryConnection
from benchmarks.identifiers import write_identifiers
from benchmarks.listings import UNLISTED, Population, tokens_of
from benchmarks.plots import CHART, write_chart
from benchmarks.report import Result, json_line, ratio
from benchmarks.rows_frames import LISTED, SMALL, SPARSE, make_frames, tokens_per_second
from benchmarks.rows_unary import CHECK, check_requests
from benchmarks.size_curves import CURVES, Point, write_curves
from benchmarks.world import Scale, World
from partner_sdk.bulk import tokenise_columns
from rongan_share.wire.tokens import Tokenizer
from rongan_share.wire.vocabulary import RowFlag, Suite


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A small loaded hub in a process of its own."""
    with ExitStack() as stack:
        scale = Scale(listing_count=20_000, runs=1, share=1 / 64)
        yield World(tmp_path_factory.mktemp("bench"), scale, stack)


@pytest.mark.parametrize("share", [SPARSE, LISTED])
def test_hub_finds_what_was_loaded(world: World, share: float) -> None:
    """Every loaded token is listed and no other is, or a row of frames refuses to be measured."""
    with world.asker.channel(world.target) as channel:
        assert tokens_per_second(channel, make_frames(world, SMALL, share)) > 0


def test_load_is_answered(world: World) -> None:
    """Every call of the load generator is answered with a message, one by one or many at once."""
    with UnaryConnection(world.port, world.tls_context(), CHECK) as connection:
        for in_flight in (1, 8):
            assert connection.run(check_requests(world, 50), in_flight=in_flight).count == 50


def test_refused_load_is_no_load(world: World) -> None:
    """Calls that the hub refuses are never counted as answered."""
    with (
        UnaryConnection(world.port, world.tls_context(), CHECK) as connection,
        pytest.raises(LoadError),
    ):
        connection.run([b""] * 2, in_flight=1)


def test_processor_time_is_the_workers(world: World) -> None:
    """What is counted is the one process that answers calls, not supervisor or keeper."""
    (pid,) = world.worker_pids()
    assert pid != world.hub.process.pid
    before = world.cpu_seconds()
    with UnaryConnection(world.port, world.tls_context(), CHECK) as connection:
        connection.run(check_requests(world, 200), in_flight=8)
    assert world.cpu_seconds() > before


def test_contributor_contributes(world: World) -> None:
    """The contributor beside a measurement reports rows that have become durable."""
    frozen = world.frozen_sequence
    assert stop_contributor(start_contributor(world, rows_per_second=0)) > 0
    world.refreeze()
    assert world.frozen_sequence > frozen


def test_unaudited_hub_answers_and_enters_nothing(world: World) -> None:
    """The hub without a log finds the same listings; were an entry made, the row would fail."""
    (family,) = rows_audit.FAMILIES
    assert all(result.value for result in family.measure(world))


def test_many_partners_hold_their_streams(world: World) -> None:
    """Each made partner connects by its own certificate and has a frame answered, or it is void."""
    (family,) = rows_streams.FAMILIES
    (result,) = family.measure(world)
    assert result.value is not None
    assert "0 failures" in result.note


def test_shared_questions_are_answered(world: World) -> None:
    """256 threads that share frames learn what 32 with a call each do, or the row fails."""
    (family,) = rows_coalesced.FAMILIES
    assert all(result.value for result in family.measure(world))


def test_share_of_shared_tokens() -> None:
    """Of all listings 30 % share their token with exactly one other."""
    population = Population(10_000, day=20_000)
    numbers = population.token_numbers(0, population.listing_count)
    _, counts = np.unique(numbers, return_counts=True)
    assert set(counts.tolist()) == {1, 2}
    assert 2 * np.count_nonzero(counts == 2) == 3_000


def test_tokens_differ() -> None:
    """Numbers, listed or not, give tokens that all differ and are the same in every run."""
    numbers = np.concatenate((np.arange(5_000), np.arange(UNLISTED, UNLISTED + 5_000)))
    tokens = tokens_of(numbers.astype(np.uint64))
    assert len({tokens[at : at + 16] for at in range(0, len(tokens), 16)}) == 10_000
    assert tokens == tokens_of(numbers.astype(np.uint64))


def test_identifiers_are_well_formed(tmp_path: Path) -> None:
    """Of the file that is tokenised nearly every row has a token, and few are suspect."""
    path = tmp_path / "identifiers.csv"
    write_identifiers(path, 3_000)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = tokenise_columns(
        [row["value"] for row in rows],
        [row["type"] for row in rows],
        tokenizer=Tokenizer(Suite.HMAC_SHA256, bytes(32)),
    )
    assert len(rows) == 3_000
    assert 0 < len(columns.rejects) < 60
    assert 0 < sum(byte & RowFlag.SUSPECT > 0 for byte in columns.flags) < 60


def test_json_line_of_a_comparison() -> None:
    """A row with `_vs_` in its name has the ratio of medians as its value."""
    line = json_line(ratio("a_vs_b", [9.0, 10.0, 99.0], [5.0, 4.0, 6.0], peer="b"))
    expected = {"name": "a_vs_b", "value": 2.0, "unit": "ratio", "peer": "b", "peer_value": 5.0}
    assert json.loads(line) == {**expected, "runs": 3}


def test_json_line_of_a_missing_peer() -> None:
    """A row that could not be measured has no value."""
    line = json.loads(json_line(Result(name="a_vs_b", value=None, unit="-", note="peer missing")))
    assert (line["value"], line["peer_value"], line["runs"]) == (None, None, 0)


def test_names_of_rows_are_single() -> None:
    """No two rows have one name."""
    names = [name for family in FAMILIES for name in family.names]
    assert len(names) == len(set(names))


def test_aims_are_of_rows() -> None:
    """Every floor and aim belongs to a row, and an aim is never easier than its floor."""
    assert set(AIMS) <= {name for family in FAMILIES for name in family.names} | set(large.ROWS)
    assert all(aim.reaches(aim.aim, aim.floor) for aim in AIMS.values())


@pytest.mark.parametrize(
    ("aim", "value", "verdict"),
    [
        (Aim(5, 10), 10, "aim"),
        (Aim(5, 10), 9, "floor"),
        (Aim(5, 10), 4, "missed"),
        (Aim(20, 8), 8, "aim"),
        (Aim(20, 8), 20, "floor"),
        (Aim(20, 8), 21, "missed"),
        (Aim(0, 0), 0, "aim"),
        (Aim(0, 0), 1, "missed"),
    ],
)
def test_verdict_of_a_row(aim: Aim, value: float, verdict: str) -> None:
    """A floor is a ceiling where less is better, as of what must be 0."""
    assert aim.verdict(value) == verdict


def test_chart_is_drawn(tmp_path: Path) -> None:
    """The chart is well-formed and has every row with a value and a floor to be measured by."""
    rows = [Result(name=name, value=aim.floor or 3, unit="<x>") for name, aim in AIMS.items()]
    write_chart(tmp_path, [*rows, Result(name="no_aim", value=1.0, unit="s")])
    text = "".join(ET.parse(tmp_path / CHART).getroot().itertext())
    assert all((name in text) == bool(aim.floor) for name, aim in AIMS.items())
    assert "no_aim" not in text


def test_curves_are_drawn(tmp_path: Path) -> None:
    """Every size has its point in each panel, and the file is one picture."""
    points = [
        Point(
            listings=listings,
            import_rows_per_s=1e6,
            freeze_s=listings / 1e6,
            sparse_per_s=8e6,
            sparse_beside_freeze_per_s=4e6,
            listed_per_s=2e6,
            worker_rss_mb=100.0,
            mapped_mb=50.0,
            disk_bytes_per_listing=145.0,
            journal_bytes_per_listing=52.0,
            restart_s=2.0,
        )
        for listings in (1_000_000, 10_000_000)
    ]
    write_curves(tmp_path, points)
    text = (tmp_path / CURVES).read_text(encoding="utf-8")
    assert ET.fromstring(text).tag.endswith("svg")
    assert text.count("<circle") == 2 * text.count("<g ")
    assert {result.name for result in large.rows_of(points)} == set(large.ROWS)
