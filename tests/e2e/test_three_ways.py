"""One question, three ways to ask it, one answer: by subject, by frame, and by file."""

from __future__ import annotations

import csv
import json
import random
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from partner_sdk.client import Client
from partner_sdk.sources.ofac import OfacList
from partner_sdk.verdicts import Summary
from rongan_share.wire.identifiers import aliases_of, parse_identifier
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose, State, SummaryFlag
from tests.e2e.identifiers_asked import (
    Identifier,
    frames_of,
    random_identifiers,
    write_questions,
    write_sites,
)
from tests.support.processes import ROOT, Done, HubProcess, Rongan, finish, hub_process
from tests.support.proxy import Proxy, Way, proxy_to

CONTRIBUTOR, ASKER = "bank-a", "bank-b"
SUBJECTS = 5_000
THREADS = 8
BY_SUBJECT = 2_000
"""Most identifiers asked one by one: a seeded sample, where there are more."""


class Answer(NamedTuple):
    """What every way of asking says of a subject."""

    state: str
    severity: int
    categories: tuple[str, ...]
    expiry: str
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Stage:
    """A hub on which listings were contributed, and who may ask about them."""

    hub: HubProcess
    sanctioned: list[Identifier]
    sites: list[Identifier]

    @property
    def folder(self) -> Path:
        """The asker's credentials."""
        return self.hub.home.parent / ASKER

    @property
    def rongan(self) -> Rongan:
        """The asker's command."""
        return Rongan(self.hub.target, self.folder)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Contributes the OFAC list and some sites through the command."""
    folder = tmp_path_factory.mktemp("ways")
    with hub_process(folder / "home") as hub:
        rongan = Rongan(hub.target, hub.credentials(CONTRIBUTOR))
        hub.credentials(ASKER)
        listed = Path(shutil.copy(ROOT / "examples" / "ofac" / "sdn.csv", folder / "sdn.csv"))
        rows = list(OfacList(listed, without_aliases=True).rows())
        words = ("contribute", str(listed), "--source", "ofac", "--alt", "none")
        done = rongan.run(*words).facts
        assert done["added"] == done["sent_rows"] >= len(rows) > 6_000
        sites = write_sites(folder / "sites.csv", 400, random.Random(5))
        assert rongan.run("contribute", str(folder / "sites.csv")).facts["added"] > 400
        yield Stage(hub, [(row.type, row.value) for row in rows], sites)


def answer_of(state: State, summary: Summary | None) -> Answer:
    """Reads an answer of the SDK."""
    if summary is None:
        return Answer(state.name, 0, (), "", frozenset())
    flags = frozenset(str(flag.name) for flag in SummaryFlag if flag in summary.flags)
    expiry = summary.expiry_date.isoformat() if summary.expiry_date else ""
    return Answer(state.name, summary.severity, summary.categories, expiry, flags)


def by_frames(client: Client, identifiers: list[Identifier], purpose: Purpose) -> list[Answer]:
    """Asks through StreamVerdicts."""
    frames = list(frames_of(identifiers, client.tokenizer(), subjects=SUBJECTS))
    answers = client.stream_verdicts(frames, purpose=purpose, channel=Channel.BATCH)
    said = (
        answer.subject(at)
        for frame, answer in zip(frames, answers, strict=True)
        for at in range(len(frame.subject_end))
    )
    return [answer_of(each.state, each.summary) for each in said]


def by_subject(client: Client, identifier: Identifier, purpose: Purpose) -> Answer:
    """Asks through CheckSubject."""
    name, value = identifier
    asked = [(IdentifierType[name], value)]
    verdict = client.check(asked, purpose=purpose, channel=Channel.BATCH, detail=True)
    return answer_of(verdict.state, verdict.summary)


def read_output(file: Path) -> list[Answer]:
    """Reads what `rongan batch` wrote."""
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [int(row["row"]) for row in rows] == list(range(1, len(rows) + 1))
    return [
        Answer(
            row["state"],
            int(row["severity"] or 0),
            tuple(filter(None, row["categories"].split("+"))),
            row["expiry_date"],
            frozenset(filter(None, row["flags"].split("+"))),
        )
        for row in rows
    ]


def by_file(
    stage: Stage, identifiers: list[Identifier], *, folder: Path, purpose: str
) -> list[Answer]:
    """Asks through `rongan batch`."""
    file, output = folder / "asked.csv", folder / "verdicts.csv"
    write_questions(file, identifiers)
    done = stage.rongan.run("batch", str(file), "-o", str(output), "--purpose", purpose)
    assert done.facts["rows"] == len(identifiers)
    return read_output(output)


@pytest.mark.parametrize("purpose", [Purpose.SANCTIONS, Purpose.ANTI_FRAUD], ids=lambda p: p.name)
def test_three_ways_agree(stage: Stage, tmp_path: Path, purpose: Purpose) -> None:
    """Every contributed identifier is LISTED for another partner, with the same words each way."""
    rng = random.Random(29)
    listed = stage.sanctioned if purpose is Purpose.SANCTIONS else stage.sites
    with stage.hub.dial(stage.folder) as client, ThreadPoolExecutor(THREADS) as pool:
        frames = by_frames(client, listed, purpose)
        singly = sorted(rng.sample(range(len(listed)), min(len(listed), BY_SUBJECT)))
        subjects = list(pool.map(lambda at: by_subject(client, listed[at], purpose), singly))
    assert {answer.state for answer in frames} == {"LISTED"}
    assert by_file(stage, listed, folder=tmp_path, purpose=purpose.name) == frames
    assert subjects == [frames[at] for at in singly]


def test_answers_tell_listings_apart(stage: Stage) -> None:
    """The answers that were compared differ among themselves in all that an answer can say."""
    with stage.hub.dial(stage.folder) as client:
        answers = by_frames(client, stage.sites, Purpose.ANTI_FRAUD)
    assert {answer.severity for answer in answers} == {1, 2, 3}
    assert {answer.categories for answer in answers} == {("A2",), ("G2",), ("A2", "G2")}
    assert len({answer.expiry for answer in answers}) > 10
    assert {answer.flags for answer in answers} == {frozenset(), frozenset({"WEAK"})}


def test_others_are_not_listed(stage: Stage) -> None:
    """100,000 random well-formed identifiers are NOT_LISTED, and one listed among them is found."""
    others = list(random_identifiers(random.Random(13), 100_000))
    others.insert(77_777, stage.sanctioned[0])
    with stage.hub.dial(stage.folder) as client:
        frames = frames_of(others, client.tokenizer(), subjects=25_000)
        answers = client.stream_verdicts(
            frames, purpose=Purpose.SANCTIONS, channel=Channel.BATCH, categories=["E4"]
        )
        states = [
            answer.subject(at).state for answer in answers for at in range(answer.token_count)
        ]
    found = [at for at, state in enumerate(states) if state is State.LISTED]
    assert found == [77_777]
    assert set(states) == {State.LISTED, State.NOT_LISTED}


def test_malformed_row_is_never_not_listed(stage: Stage, tmp_path: Path) -> None:
    """Rows that are no identifiers are MALFORMED in their places and were not paid for."""
    good = stage.sanctioned[0]
    asked = [("PAN", "62220204"), good, ("CN_RID", "x"), ("CARD", "1"), ("", "")]
    states = [
        answer.state for answer in by_file(stage, asked, folder=tmp_path, purpose="SANCTIONS")
    ]
    assert states == ["MALFORMED", "LISTED", "MALFORMED", "MALFORMED", "MALFORMED"]
    entry = stage.hub.entries()[-1]
    assert entry.method == "VerdictService/StreamVerdicts"
    canonical = parse_identifier(IdentifierType[good[0]], good[1])
    assert entry.counts["tokens"] == entry.counts["charged"] == 1 + len(aliases_of(canonical))


def killed_batch(proxy: Proxy, stage: Stage, words: list[str], *, moment: int) -> Done:
    """Runs `rongan batch` and kills it after so many bytes went up."""
    with Rongan(proxy.target, stage.folder).launch("batch", *words) as process:
        proxy.arm(Way.UP, moment, process.kill)
        done = finish(process)
    proxy.disarm()
    return done


def test_output_is_whole_or_absent(stage: Stage, tmp_path: Path) -> None:
    """A killed batch leaves no output, or the one that was there, and the next one writes it."""
    file, output = tmp_path / "asked.csv", tmp_path / "verdicts.csv"
    asked = [*stage.sanctioned, *random_identifiers(random.Random(17), 20_000)]
    write_questions(file, asked)
    words = [str(file), "-o", str(output), "--purpose", "SANCTIONS"]
    rng = random.Random(19)
    with proxy_to(stage.hub.port) as proxy:
        for before in ("", "", "older verdicts", "older verdicts"):
            if before:
                output.write_text(before)
            killed = killed_batch(proxy, stage, words, moment=rng.randrange(8_000, 400_000))
            assert killed.code == -signal.SIGKILL
            assert (output.read_text() if output.exists() else "") == before
    stage.rongan.run("batch", *words)
    assert len(read_output(output)) == len(asked)


def test_hub_gone_leaves_no_output(stage: Stage, tmp_path: Path) -> None:
    """A hub that goes away ends a batch with 3; neither output nor draft is left."""
    file, output = tmp_path / "asked.csv", tmp_path / "verdicts.csv"
    write_questions(file, random_identifiers(random.Random(23), 40_000))
    with proxy_to(stage.hub.port) as proxy:
        rongan = Rongan(proxy.target, stage.folder)
        proxy.arm(Way.UP, 300_000, proxy.close)
        words = [str(file), "-o", str(output), "--purpose", "SANCTIONS"]
        with rongan.launch("batch", *words, patient=False) as process:
            done = finish(process)
    assert (done.code, done.out) == (3, "")
    assert json.loads(done.err)["error"]["status"] == "UNAVAILABLE"
    assert list(tmp_path.iterdir()) == [file]
